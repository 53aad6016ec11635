use super::check::{Answer, Challenge, FRAME, Verdict, judge};
use super::deal::Dealer;
use super::matrix::lagrange;
use super::open::Sifting;
use super::sum::Shares;
use super::*;
use tacit_core::digest::Digest;
use tacit_core::rng::{Random, Seed};
use tacit_core::traits::Entropy;

/// Repeatable.
struct Seeded(Random);

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.iter_mut().for_each(|byte| *byte = self.0.next_u64() as u8);
        Ok(())
    }
}

fn seeded(seed: u64) -> Seeded {
    Seeded(Seed::root(seed).rng())
}

const PARAMS: [(usize, usize, usize, u32); 8] = [
    (2, 2, 1, 62),
    (3, 2, 1, 32),
    (4, 3, 1, 20),
    (5, 3, 2, 32),
    (5, 4, 1, 20),
    (6, 4, 2, 13),
    (7, 5, 4, 2),
    (9, 6, 3, 31),
];

fn params() -> impl Iterator<Item = Params> {
    PARAMS.iter().map(|(n, t, p, bits)| Params::new(*n, *t, *p, *bits).unwrap())
}

/// Signed integers small enough for a sum of `participants` of them, modulo 2 to the bits.
fn integers(params: &Params, len: usize, participants: u64, rng: &mut Random) -> Vec<u64> {
    let most = ((1u64 << params.bits) - 1) / participants;
    let most = most.min((1 << (params.bits - 1)) - 1);
    let mask = u64::MAX >> (64 - params.bits);
    let any = |rng: &mut Random| rng.below(2 * most + 1).wrapping_sub(most) & mask;
    (0..len).map(|_| any(rng)).collect()
}

/// What every aggregator holds of one vector: its frames, and the rows of the check.
fn dealt(params: &Params, frames: &[Vec<u64>], seed: u64) -> Vec<(Vec<Shares>, Shares)> {
    let mut dealer = Dealer::new(*params, &mut seeded(seed)).unwrap();
    let count = params.aggregators - params.privacy;
    let mut held = vec![(Vec::new(), Shares::default()); params.aggregators];
    let mut numbered: Vec<(u32, usize)> =
        frames.iter().enumerate().map(|(i, f)| (i as u32, params.rows(f.len()))).collect();
    numbered.push((FRAME, check::CHECKS));
    for (number, rows) in numbered {
        let mut out = vec![Vec::new(); count];
        match frames.get(number as usize) {
            Some(frame) => dealer.frame(number, frame, &mut out).unwrap(),
            None => dealer.checks(&mut out).unwrap(),
        }
        for (i, held) in held.iter_mut().enumerate() {
            let mut shares = Shares::default();
            match dealer.seed(i) {
                Some(seed) => shares.expand(seed, number, rows),
                None => shares.read(&out[i - params.privacy], rows).unwrap(),
            }
            if number == FRAME { held.1 = shares } else { held.0.push(shares) }
        }
    }
    held
}

type Held = Vec<(Vec<Shares>, Shares)>;

/// The sum of each aggregator, by frame.
fn summed(all: &[Held]) -> Vec<Vec<Shares>> {
    (0..all[0].len())
        .map(|i| {
            let mut sums = all[0][i].0.clone();
            for held in &all[1..] {
                sums.iter_mut().zip(&held[i].0).for_each(|(sum, x)| sum.add(x).unwrap());
            }
            sums
        })
        .collect()
}

fn opened(
    params: &Params,
    sums: &[Vec<Shares>],
    aggregators: &[usize],
    lens: &[usize],
) -> Result<(Vec<usize>, Vec<u64>), Dispute> {
    let mut sifting = Sifting::new(*params, aggregators, &Digest::of_bytes(b"drawn"));
    let frame = |frame: usize| -> Vec<Shares> {
        aggregators.iter().map(|i| sums[*i][frame].clone()).collect()
    };
    (0..lens.len()).for_each(|f| sifting.absorb(f as u32, &frame(f)));
    let opening = sifting.decide()?;
    let mut out = Vec::new();
    lens.iter().enumerate().try_for_each(|(f, len)| opening.frame(&frame(f), *len, &mut out))?;
    Ok((opening.liars().to_vec(), out))
}

fn subsets(n: usize, at_least: usize) -> impl Iterator<Item = Vec<usize>> {
    (0u32..1 << n)
        .filter(move |set| set.count_ones() as usize >= at_least)
        .map(move |set| (0..n).filter(|i| set >> i & 1 == 1).collect())
}

/// Three participants, frames of 0, 1, 2, 5 and 37 integers.
fn three(params: &Params) -> (Vec<Held>, Vec<usize>, Vec<u64>) {
    let (lens, mut rng) = ([37, 1, 0, 5, 2], Seed::root(11).rng());
    let vectors: Vec<Vec<Vec<u64>>> = (0..3)
        .map(|_| lens.iter().map(|len| integers(params, *len, 3, &mut rng)).collect())
        .collect();
    let all = vectors.iter().zip(0..).map(|(v, seed)| dealt(params, v, seed)).collect();
    let mask = u64::MAX >> (64 - params.bits);
    let sum = |i: usize| vectors.iter().fold(0u64, |sum, v| sum.wrapping_add(v.concat()[i])) & mask;
    (all, lens.to_vec(), (0..lens.iter().sum()).map(sum).collect())
}

#[test]
fn every_threshold_of_aggregators_opens_the_same_sum() {
    for params in params() {
        let (all, lens, expected) = three(&params);
        let sums = summed(&all);
        for set in subsets(params.aggregators, params.threshold) {
            let found = opened(&params, &sums, &set, &lens);
            assert_eq!(found, Ok((vec![], expected.clone())), "{params:?} {set:?}");
        }
        let few: Vec<usize> = (1..params.threshold).collect();
        assert!(matches!(opened(&params, &sums, &few, &lens), Err(Dispute::TooFew { .. })));
    }
}

#[test]
fn liars_are_named_as_far_as_there_are_answers() {
    let mut rng = Seed::root(12).rng();
    for params in params() {
        let (all, lens, expected) = three(&params);
        for lying in 1..=params.aggregators - params.threshold {
            let mut sums = summed(&all);
            let mut liars: Vec<usize> = (0..params.aggregators).collect();
            rng.shuffle(&mut liars);
            liars.truncate(lying);
            liars.sort_unstable();
            for liar in &liars {
                let frame = [0, 1, 3, 4][rng.below(4) as usize];
                let row = rng.below(params.rows(lens[frame]) as u64) as usize;
                sums[*liar][frame].0[row] += Fp::reduced(1 + rng.below(100));
            }
            let everybody: Vec<usize> = (0..params.aggregators).collect();
            let found = opened(&params, &sums, &everybody, &lens);
            let named = (params.aggregators - params.threshold) / 2;
            if lying <= named {
                assert_eq!(found, Ok((liars, expected.clone())));
            } else {
                let (needed, found_) = (params.threshold, params.aggregators);
                assert_eq!(found, Err(Dispute::Unnamed { needed, found: found_, named }));
            }
        }
    }
}

/// With as many answers as the threshold, every vector is a sum of some: nothing contradicts it.
#[test]
fn without_redundancy_no_lie_is_found() {
    let params = Params::new(4, 3, 2, 32).unwrap();
    let (all, lens, expected) = three(&params);
    let mut sums = summed(&all);
    sums[1][0].0[0] += Fp::ONE;
    let (liars, found) = opened(&params, &sums, &[0, 1, 3], &lens).unwrap();
    assert!(liars.is_empty() && found != expected);
    let dispute = opened(&params, &sums, &[0, 1, 2, 3], &lens).unwrap_err();
    assert_eq!(dispute, Dispute::Unnamed { needed: 3, found: 4, named: 0 });
}

/// Any `privacy` aggregators' shares are an invertible map of the uniform elements, whatever the
/// secrets add: so they are uniform themselves.
#[test]
fn any_few_shares_are_a_bijection_of_the_random_elements() {
    for params in params() {
        let seeds: Vec<Fp> = (0..params.privacy).map(Params::point).collect();
        let sources: Vec<Fp> = seeds.iter().copied().chain(params.secrets()).collect();
        for set in subsets(params.aggregators, params.privacy) {
            if set.len() > params.privacy {
                continue;
            }
            let targets: Vec<Fp> = set.iter().map(|i| Params::point(*i)).collect();
            let mut rows = lagrange(&sources, &targets);
            rows.iter_mut().for_each(|row| row.truncate(params.privacy));
            assert!(is_invertible(rows), "{params:?} {set:?}");
        }
    }
}

fn is_invertible(mut rows: Vec<Vec<Fp>>) -> bool {
    for column in 0..rows.len() {
        let Some(pivot) = (column..rows.len()).find(|row| rows[*row][column] != Fp::ZERO) else {
            return false;
        };
        rows.swap(column, pivot);
        let pivot = rows[column].clone();
        for row in &mut rows[column + 1..] {
            let factor = row[column] * pivot[column].inverse();
            row.iter_mut().zip(&pivot).for_each(|(x, y)| *x -= factor * *y);
        }
    }
    true
}

/// Pairs of shares of two aggregators, whatever the integers: chi-squared of their highest three
/// bits with 63 degrees of freedom, of which 131 is the 99.9999 % quantile.
#[test]
fn pairs_of_shares_are_uniform_whatever_the_vector() {
    let params = Params::new(4, 3, 2, 32).unwrap();
    for value in [0, 1, 0x7fff_ffff, 0xffff_ffff] {
        let held = dealt(&params, &[vec![value; 6_400]], value);
        for (a, b) in [(0, 1), (0, 2), (1, 3), (2, 3)] {
            let mut counts = [0u32; 64];
            for (x, y) in held[a].0[0].0.iter().zip(&held[b].0[0].0) {
                counts[(x.to_u64() >> 61 << 3 | y.to_u64() >> 61) as usize] += 1;
            }
            let chi: f64 = counts.iter().map(|c| (f64::from(*c) - 100.0).powi(2) / 100.0).sum();
            assert!(chi < 131.0, "{value} {a} {b} {chi}");
        }
    }
}

fn answers(
    all: &[Held],
    aggregators: &[usize],
    challenge: &Challenge,
) -> Vec<(usize, Vec<Answer>)> {
    let of = |held: &(Vec<Shares>, Shares)| {
        let mut answer = Answer::default();
        for (number, shares) in held.0.iter().enumerate() {
            answer.absorb(&challenge.frame(number as u32, shares.0.len()), shares);
        }
        answer.hide(&held.1);
        answer
    };
    aggregators.iter().map(|i| (*i, all.iter().map(|held| of(&held[*i])).collect())).collect()
}

fn challenge(text: &str) -> Challenge {
    Challenge::new(&Digest::of_bytes(text.as_bytes()))
}

#[test]
fn honest_dealers_pass_and_bad_ones_are_named() {
    let mut rng = Seed::root(13).rng();
    for params in params().filter(|params| params.aggregators > params.threshold) {
        let (mut all, lens, _) = three(&params);
        let everybody: Vec<usize> = (0..params.aggregators).collect();
        let found = judge(&params, &answers(&all, &everybody, &challenge("a")), 3);
        assert_eq!(found, Ok(Verdict::default()));
        for wrong in 1..=params.aggregators - params.threshold {
            let mut places = everybody.clone();
            rng.shuffle(&mut places);
            for place in &places[..wrong] {
                let row = rng.below(params.rows(lens[0]) as u64) as usize;
                all[1][*place].0[0].0[row] += Fp::reduced(1 + rng.below(5));
            }
            let found = judge(&params, &answers(&all, &everybody, &challenge("b")), 3);
            assert_eq!(found, Ok(Verdict { aggregators: vec![], dealers: vec![1] }));
        }
    }
}

#[test]
fn who_stands_against_all_dealers_is_the_liar() {
    let params = Params::new(5, 3, 2, 32).unwrap();
    let (mut all, ..) = three(&params);
    let everybody = [0, 1, 2, 3, 4];
    let mut given = answers(&all, &everybody, &challenge("a"));
    given[4].1.iter_mut().for_each(|answer| answer.0[0] += Fp::ONE);
    let liar = Verdict { aggregators: vec![4], dealers: vec![] };
    assert_eq!(judge(&params, &given, 3), Ok(liar));
    all[2][0].0[0].0[3] += Fp::ONE;
    let mut given = answers(&all, &everybody, &challenge("a"));
    given[4].1.iter_mut().take(2).for_each(|answer| answer.0[1] += Fp::ONE);
    let both = Verdict { aggregators: vec![4], dealers: vec![2] };
    assert_eq!(judge(&params, &given, 3), Ok(both));
    given[3].1.iter_mut().for_each(|answer| answer.0[1] += Fp::ONE);
    assert!(matches!(judge(&params, &given, 3), Err(Dispute::Unnamed { named: 1, .. })));
    given.truncate(2);
    assert!(matches!(judge(&params, &given, 3), Err(Dispute::TooFew { .. })));
}

/// A dealer that knows the challenge passes, as it must not: two errors can cancel. Under any
/// other challenge they do not.
#[test]
fn the_challenge_must_come_last() {
    let params = Params::new(4, 2, 1, 32).unwrap();
    let (mut all, ..) = three(&params);
    let known = challenge("known");
    let rows = all[0][0].0[0].0.len();
    // Three errors e with Σ c·e = 0 for both challenges: the cross product of their coefficients.
    let Some(errors) = cross(&known, rows) else { panic!("coefficients are independent") };
    for (row, error) in errors.into_iter().enumerate() {
        all[0][3].0[0].0[row] += error;
    }
    let everybody = [0, 1, 2, 3];
    let passed = judge(&params, &answers(&all, &everybody, &known), 3);
    assert_eq!(passed, Ok(Verdict::default()));
    for i in 0..200 {
        let found = judge(&params, &answers(&all, &everybody, &challenge(&i.to_string())), 3);
        assert_eq!(found, Ok(Verdict { aggregators: vec![], dealers: vec![0] }));
    }
}

fn cross(challenge: &Challenge, rows: usize) -> Option<[Fp; 3]> {
    let answer = |row: usize| {
        let mut unit = Shares::zero(rows);
        unit.0[row] = Fp::ONE;
        let mut answer = Answer::default();
        answer.absorb(&challenge.frame(0, rows), &unit);
        answer.0
    };
    let [a, b, c] = [answer(0), answer(1), answer(2)];
    let errors = [b[0] * c[1] - c[0] * b[1], c[0] * a[1] - a[0] * c[1], a[0] * b[1] - b[0] * a[1]];
    errors.iter().all(|x| *x != Fp::ZERO).then_some(errors)
}

/// What the answers open is uniform, by the rows of the check, even of a vector of zeros:
/// chi-squared of the highest six bits, as above.
#[test]
fn answers_say_nothing_of_a_vector() {
    let params = Params::new(3, 2, 1, 32).unwrap();
    let mut counts = [0u32; 64];
    let weights = lagrange(&[Params::point(0), Params::point(1)], &[Fp::ZERO]);
    for seed in 0..3_200 {
        let all = [dealt(&params, &[vec![0; 3]], seed)];
        let given = answers(&all, &[0, 1], &challenge("a"));
        for check in 0..check::CHECKS {
            let opened =
                weights[0][0] * given[0].1[0].0[check] + weights[0][1] * given[1].1[0].0[check];
            counts[(opened.to_u64() >> 58) as usize] += 1;
        }
    }
    let chi: f64 = counts.iter().map(|c| (f64::from(*c) - 100.0).powi(2) / 100.0).sum();
    assert!(chi < 131.0, "{chi}");
}

#[test]
fn parameters_that_are_not_sound_are_refused() {
    for (n, t, p, bits) in [
        (1, 1, 1, 32),
        (65, 3, 2, 32),
        (5, 1, 0, 32),
        (5, 6, 2, 32),
        (5, 3, 0, 32),
        (5, 3, 3, 32),
        (5, 3, 2, 1),
        (5, 3, 2, 63),
    ] {
        assert!(matches!(Params::new(n, t, p, bits), Err(Error::Caller(_))), "{n} {t} {p} {bits}");
    }
    let params = Params::new(5, 3, 2, 20).unwrap();
    assert!(params.carries(0xfffff, 1).is_ok() && params.carries(1_048, 1_000).is_ok());
    for (magnitude, participants) in [(0x100000, 1), (1_049, 1_000), (u64::MAX, u64::MAX)] {
        assert!(matches!(params.carries(magnitude, participants), Err(Error::Caller(_))));
    }
}

#[test]
fn extremes_fit() {
    for params in params() {
        let half = 1u64 << (params.bits - 1);
        let vector = [half - 1, half, 0, half, half - 1, 1, half | (half - 1)];
        let held = dealt(&params, &[vector.to_vec()], 5);
        let everybody: Vec<usize> = (0..params.aggregators).collect();
        assert_eq!(
            opened(&params, &summed(&[held]), &everybody, &[7]),
            Ok((vec![], vector.into()))
        );
    }
}

#[test]
fn shares_from_outside_are_checked() {
    let mut shares = Shares::default();
    let mut bytes = [7; 24];
    assert!(shares.read(&bytes, 3).is_ok());
    assert!(shares.read(&bytes, 2).is_err() && shares.read(&bytes[1..], 3).is_err());
    bytes[16..].copy_from_slice(&MODULUS.to_le_bytes());
    assert!(shares.read(&bytes, 3).is_err());
    assert!(Shares::zero(3).add(&Shares::zero(2)).is_err());
    assert!(Answer::from_bytes(&[0xff; check::ANSWER_BYTES]).is_err());
    let answer = Answer([Fp::ONE, -Fp::ONE]);
    assert!(Answer::from_bytes(&answer.to_bytes()).is_ok_and(|read| read == answer));
    let mut dealer = Dealer::new(Params::new(3, 2, 1, 8).unwrap(), &mut seeded(1)).unwrap();
    assert!(dealer.frame(FRAME, &[1], &mut [Vec::new(), Vec::new()]).is_err());
    assert!(dealer.frame(0, &[1], &mut [Vec::new()]).is_err());
}

#[derive(serde::Deserialize)]
struct Vector {
    aggregators: usize,
    threshold: usize,
    privacy: usize,
    bits: u32,
    count: usize,
    /// Sums of shares, by aggregator.
    shares: Vec<Vec<u64>>,
    liars: Vec<usize>,
    sum: Option<Vec<u64>>,
}

/// Sums of shares that another implementation dealt, half of them forged.
#[test]
fn opens_what_another_implementation_dealt() {
    let text = include_str!("../../../../vectors/secagg/committee.v1.json");
    let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
    assert!(vectors.len() >= 10);
    for v in vectors {
        let params = Params::new(v.aggregators, v.threshold, v.privacy, v.bits).unwrap();
        let read = |words: &Vec<u64>| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let mut shares = Shares::default();
            shares.read(&bytes, params.rows(v.count)).unwrap();
            vec![shares]
        };
        let sums: Vec<Vec<Shares>> = v.shares.iter().map(read).collect();
        let everybody: Vec<usize> = (0..v.aggregators).collect();
        let found = opened(&params, &sums, &everybody, &[v.count]).ok();
        assert_eq!(found, v.sum.map(|sum| (v.liars, sum)));
    }
}
