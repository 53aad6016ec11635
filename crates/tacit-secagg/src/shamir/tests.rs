use super::*;
use tacit_core::digest::Digest;
use tacit_core::rng::{Random, Seed};

/// SHA-256 of a number and a counter, as in bench/shamir_vectors.py.
struct Counted(u64, u64);

impl Entropy for Counted {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for block in bytes.chunks_mut(32) {
            let text = [self.0.to_le_bytes(), self.1.to_le_bytes()].concat();
            block.copy_from_slice(&Digest::of_bytes(&text).0[..block.len()]);
            self.1 += 1;
        }
        Ok(())
    }
}

struct Dry;

impl Entropy for Dry {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::world("reading entropy", "closed"))
    }
}

fn some_of(holders: usize, count: usize, rng: &mut Random) -> Vec<u32> {
    let mut all: Vec<u32> = (0..holders as u32).collect();
    rng.shuffle(&mut all);
    all.truncate(count);
    all
}

fn combined(holders: usize, indices: &[u32], shares: &[Share]) -> Result<[u8; 32], Refusal> {
    let chosen: Vec<&Share> = indices.iter().map(|i| &shares[*i as usize]).collect();
    Combiner::new(holders, indices).unwrap().combine(&chosen).map(|secret| *secret)
}

#[test]
fn any_threshold_of_them_give_the_secret() {
    let mut rng = Seed::root(1).rng();
    let cases = [(1, 1), (1, 4), (2, 2), (3, 5), (5, 8), (6, 9), (64, 64), (65, 129), (667, 1000)];
    for (threshold, holders) in cases {
        let secret: [u8; 32] = std::array::from_fn(|_| rng.next_u64() as u8);
        let shares = share(&secret, threshold, holders, &mut Counted(7, 0)).unwrap();
        for count in [threshold, (threshold + holders) / 2, holders] {
            let indices = some_of(holders, count, &mut rng);
            assert_eq!(combined(holders, &indices, &shares), Ok(secret), "{threshold} {holders}");
        }
    }
}

#[test]
fn every_subset_of_a_small_set_gives_it() {
    for (threshold, holders) in [(1, 3), (2, 4), (3, 5), (4, 6), (5, 5)] {
        let secret = [0xff; 32];
        let shares = share(&secret, threshold, holders, &mut Counted(8, 0)).unwrap();
        for set in 1u32..1 << holders {
            let indices: Vec<u32> = (0..holders as u32).filter(|i| set >> i & 1 == 1).collect();
            let enough = indices.len() >= threshold;
            assert_eq!(combined(holders, &indices, &shares) == Ok(secret), enough, "{indices:?}");
        }
    }
}

/// For any t − 1 shares and any other secret there is exactly one last share that gives it: so
/// t − 1 shares are equally likely under every secret.
#[test]
fn fewer_fit_every_secret() {
    let mut rng = Seed::root(2).rng();
    let shares = share(&[1; 32], 4, 7, &mut Counted(9, 0)).unwrap();
    for _ in 0..50 {
        let other: [u8; 32] = std::array::from_fn(|_| rng.next_u64() as u8);
        let indices = some_of(7, 4, &mut rng);
        let combiner = Combiner::new(7, &indices).unwrap();
        let mut chosen: Vec<Share> = indices.iter().map(|i| shares[*i as usize].clone()).collect();
        for limb in 0..LIMBS {
            let known = (0..3).map(|j| combiner.weights[j] * chosen[j].0[limb]);
            let known = known.fold(Fp::ZERO, |sum, x| sum + x);
            let wanted = limb_of(other.chunks(LIMB_BYTES).nth(limb).unwrap());
            chosen[3].0[limb] = (wanted - known) * combiner.weights[3].inverse();
        }
        let found = combiner.combine(&chosen.iter().collect::<Vec<_>>());
        assert!(found.is_ok_and(|secret| *secret == other));
    }
}

/// The highest six bits of single shares, whatever the secret: chi-squared with 63 degrees of
/// freedom, of which 131 is the 99.9999 % quantile.
#[test]
fn shares_are_uniform() {
    for secret in [[0; 32], [0xff; 32]] {
        let mut counts = [0u32; 64];
        for seed in 0..2_000 {
            let shares = share(&secret, 3, 4, &mut Counted(100 + seed, 0)).unwrap();
            for share in &shares {
                counts[(share.0[(seed % 5) as usize].to_u64() >> 58) as usize] += 1;
            }
        }
        let chi: f64 = counts.iter().map(|c| (f64::from(*c) - 125.0).powi(2) / 125.0).sum();
        assert!(chi < 131.0, "{chi}");
    }
}

#[test]
fn a_forged_share_never_goes_unnoticed_by_the_secret() {
    let mut rng = Seed::root(3).rng();
    let secret = [5; 32];
    for round in 0..200 {
        let mut shares = share(&secret, 3, 6, &mut Counted(round, 0)).unwrap();
        let indices = some_of(6, 3 + round as usize % 4, &mut rng);
        let victim = &mut shares[indices[0] as usize].0[round as usize % LIMBS];
        *victim += Fp::reduced(1 + rng.below(1 << 20));
        assert_ne!(combined(6, &indices, &shares), Ok(secret));
    }
}

#[test]
fn limbs_out_of_range_are_no_secret() {
    let big = |limb: usize, x: u64| {
        let mut share = Share([Fp::ZERO; LIMBS]);
        share.0[limb] = Fp::reduced(x);
        Combiner::new(1, &[0]).unwrap().combine(&[&share]).map(|secret| *secret)
    };
    for limb in 0..LIMBS {
        let bits = if limb == 4 { 32 } else { 56 };
        assert!(big(limb, (1 << bits) - 1).is_ok());
        assert!(matches!(big(limb, 1 << bits), Err(Refusal::Malformed { .. })));
    }
}

#[test]
fn impossible_parameters_are_refused() {
    let share = |threshold, holders| share(&[0; 32], threshold, holders, &mut Counted(0, 0));
    for (threshold, holders) in [(0, 3), (4, 3), (1, 0), (1, limits::COHORT + 1)] {
        assert!(matches!(share(threshold, holders), Err(Error::Caller(_))));
    }
    for indices in [&[][..], &[0, 0], &[3], &[u32::MAX]] {
        assert!(matches!(Combiner::new(3, indices), Err(Error::Caller(_))), "{indices:?}");
    }
    let shares = share(2, 3).unwrap();
    let combiner = Combiner::new(3, &[0, 1]).unwrap();
    assert!(matches!(combiner.combine(&[&shares[0]]), Err(Refusal::WrongShape { .. })));
    assert!(matches!(super::share(&[0; 32], 2, 3, &mut Dry), Err(Error::World(_))));
}

#[test]
fn shares_travel_as_canonical_bytes() {
    let share = &share(&[9; 32], 2, 3, &mut Counted(0, 0)).unwrap()[2];
    let bytes = share.to_bytes();
    assert!(Share::from_bytes(&*bytes).is_ok_and(|read| read == *share));
    assert!(Share::from_bytes(&bytes[1..]).is_err());
    assert!(Share::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    for limb in 0..LIMBS {
        let mut bytes = bytes.clone();
        bytes[8 * limb..8 * limb + 8].copy_from_slice(&crate::field::MODULUS.to_le_bytes());
        assert!(matches!(Share::from_bytes(&*bytes), Err(Refusal::Malformed { .. })));
    }
}

#[derive(serde::Deserialize)]
struct Vector {
    secret: String,
    seed: u64,
    threshold: usize,
    holders: usize,
    shares: Vec<String>,
    combined: Vec<Combined>,
}

#[derive(serde::Deserialize)]
struct Combined {
    indices: Vec<u32>,
    forged: Option<(u32, String)>,
    secret: Option<String>,
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Shares and secrets of an independent implementation in Python's big integers.
#[test]
fn agrees_with_another_implementation() {
    let text = include_str!("../../../../vectors/secagg/shamir.v1.json");
    let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
    assert!(vectors.len() >= 6);
    for vector in vectors {
        let (secret, entropy) = (bytes(&vector.secret), &mut Counted(vector.seed, 0));
        let secret: [u8; 32] = secret.try_into().unwrap();
        let shares = share(&secret, vector.threshold, vector.holders, entropy).unwrap();
        let read: Vec<Share> =
            vector.shares.iter().map(|hex| Share::from_bytes(&bytes(hex)).unwrap()).collect();
        assert!(shares == read);
        for case in vector.combined {
            let mut shares = read.clone();
            if let Some((holder, hex)) = case.forged {
                shares[holder as usize] = Share::from_bytes(&bytes(&hex)).unwrap();
            }
            let found = combined(vector.holders, &case.indices, &shares).ok();
            assert_eq!(found.map(Vec::from), case.secret.map(|hex| bytes(&hex)));
        }
    }
}
