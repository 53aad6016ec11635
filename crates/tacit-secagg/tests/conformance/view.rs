//! What the coordinator sees depends on nothing but the sum.
//!
//! Statistics are of fixed seeds: each figure below would be too large by chance for one choice of
//! seeds in a million, so for one in a thousand some figure would be. These are not such.

use crate::adapter::{Seen, System};
use crate::tacit::Tacit;
use crate::world::{Report, World, setting, sum};

const LEN: usize = 3000;
const MEMBERS: usize = 6;

/// Quantile of χ² with 255 degrees of freedom that is exceeded once in a million times:
/// Wilson–Hilferty, 255·(1 − 2/(9·255) + 4.7534·√(2/(9·255)))³.
const ONE_IN_A_MILLION: f64 = 377.3;

/// Two sets of inputs of the same sum: small, and with the sum all in the first member's.
fn worlds(system: &dyn System) -> [World<'_>; 2] {
    let make = || World::new(system, setting(MEMBERS, 1, 1), LEN);
    let (mut spread, mut heaped) = (make(), make());
    for member in 0..MEMBERS {
        spread.inputs[member].iter_mut().for_each(|x| *x %= 16);
    }
    let total = sum(&spread.setting, &spread.inputs, &(0..MEMBERS).collect::<Vec<_>>());
    heaped.inputs = vec![vec![0; LEN]; MEMBERS];
    heaped.inputs[0] = total;
    [spread, heaped]
}

fn histogram<'a>(bytes: impl Iterator<Item = &'a u8>) -> [f64; 256] {
    bytes.fold([0.0; 256], |mut counts, byte| {
        counts[usize::from(*byte)] += 1.0;
        counts
    })
}

/// χ² of bytes that ought to be uniform.
fn uniform<'a>(bytes: impl Iterator<Item = &'a u8>) -> f64 {
    let counts = histogram(bytes);
    let expected = counts.iter().sum::<f64>() / 256.0;
    counts.iter().map(|count| (count - expected).powi(2) / expected).sum()
}

/// χ² of two samples that ought to be of one distribution.
fn alike<'a>(one: impl Iterator<Item = &'a u8>, other: impl Iterator<Item = &'a u8>) -> f64 {
    let (one, other) = (histogram(one), histogram(other));
    let totals = [one.iter().sum::<f64>(), other.iter().sum::<f64>()];
    let (a, b) = ((totals[1] / totals[0]).sqrt(), (totals[0] / totals[1]).sqrt());
    let pairs = one.iter().zip(&other).filter(|(x, y)| *x + *y > 0.0);
    pairs.map(|(x, y)| (a * x - b * y).powi(2) / (x + y)).sum()
}

fn sealed(report: &Report) -> impl Iterator<Item = &u8> {
    report.view.contributions.iter().flat_map(|(_, sealed)| sealed)
}

#[test]
fn the_statistics_would_notice() {
    let [spread, heaped] = worlds(&Tacit::new()).map(|world| {
        world.inputs.iter().flatten().flat_map(|x| (*x as u32).to_le_bytes()).collect::<Vec<u8>>()
    });
    assert!(uniform(spread.iter()) > 1e4 && alike(spread.iter(), heaped.iter()) > 1e3);
}

/// Messages are the very same for the same draws, whatever is summed; so what they show depends on
/// nothing that is summed.
#[test]
fn no_message_depends_on_what_is_summed() {
    let system = Tacit::new();
    for leaves in [vec![], vec![(2, system.stages().0)]] {
        let [one, other] = worlds(&system).map(|world| {
            let world = world.leaving(leaves.clone());
            let report = world.run();
            world.assert_right(&report);
            report
        });
        assert!(one.view.letters == other.view.letters);
        assert!(one.view.mail == other.view.mail);
        assert!(one.view.contributions != other.view.contributions);
    }
}

#[test]
fn contributions_look_alike_and_random() {
    let system = Tacit::new();
    let [spread, heaped] = worlds(&system);
    let heaped = World { seed: 2, ..heaped };
    let [spread, heaped] = [spread, heaped].map(|world| {
        let report = world.run();
        world.assert_right(&report);
        report
    });
    for member in 0..MEMBERS {
        let [one, other] = [&spread, &heaped].map(|report| &report.view.contributions[member].1);
        for found in [uniform(one.iter()), uniform(other.iter()), alike(one.iter(), other.iter())] {
            assert!(found < ONE_IN_A_MILLION, "member {member}: {found}");
        }
    }
    assert!(alike(sealed(&spread), sealed(&heaped)) < ONE_IN_A_MILLION);
    let letters = |report: &Report| -> Vec<u8> {
        report.view.letters.iter().flat_map(|letter| letter.body.clone()).collect()
    };
    let (one, other) = (letters(&spread), letters(&heaped));
    assert_eq!(one.len(), other.len());
    assert!(alike(one.iter(), other.iter()) < ONE_IN_A_MILLION);
}

/// Without the masks that a coordinator comes to know, of everybody who stayed, contributions still
/// look random, and so do sums of some; together they are the sum, as masks of pairs cancel.
#[test]
fn what_is_revealed_opens_only_the_whole_sum() {
    let system = Tacit::new();
    let [spread, _] = worlds(&system);
    let report = spread.run();
    spread.assert_right(&report);
    let peeled = |(member, sealed): &(usize, Vec<u8>)| -> Vec<u32> {
        let drawn = &report.drawn[&(*member, 0)];
        let letters = &report.view.letters;
        let seen = Seen { member: *member, drawn, letters, len: LEN };
        let revealed = system.revealed_mask(&spread.setting, &seen);
        let words = words(sealed).into_iter().zip(revealed);
        words.map(|(word, mask)| word.wrapping_sub(mask as u32)).collect()
    };
    let peeled: Vec<Vec<u32>> = report.view.contributions.iter().map(peeled).collect();
    for set in 1..1usize << MEMBERS {
        let mut total = vec![0u32; LEN];
        for (_, of) in peeled.iter().enumerate().filter(|(member, _)| set >> member & 1 == 1) {
            total.iter_mut().zip(of).for_each(|(total, word)| *total = total.wrapping_add(*word));
        }
        let bytes: Vec<u8> = total.iter().flat_map(|word| word.to_le_bytes()).collect();
        if set + 1 < 1 << MEMBERS {
            assert!(uniform(bytes.iter()) < ONE_IN_A_MILLION, "members {set:b}");
        } else {
            let sum = &report.opened.as_ref().unwrap().0;
            assert!(total.into_iter().map(u64::from).eq(sum.iter().copied()));
        }
    }
}

fn words(sealed: &[u8]) -> Vec<u32> {
    sealed.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

/// What a coordinator can add up of some contributions, or take off others, looks random: only the
/// sum of all opens, and only with what members reveal of it.
#[test]
fn sums_of_some_contributions_look_random() {
    let system = Tacit::new();
    let [spread, _] = worlds(&system);
    let report = spread.run();
    let contributions: Vec<Vec<u32>> =
        report.view.contributions.iter().map(|(_, sealed)| words(sealed)).collect();
    // Each is added, taken off or left out.
    for code in 1..3usize.pow(MEMBERS as u32) {
        let mut total = vec![0u32; LEN];
        for (member, of) in contributions.iter().enumerate() {
            let factor = [0, 1, u32::MAX][code / 3usize.pow(member as u32) % 3];
            for (total, word) in total.iter_mut().zip(of) {
                *total = total.wrapping_add(word.wrapping_mul(factor));
            }
        }
        let bytes: Vec<u8> = total.iter().flat_map(|word| word.to_le_bytes()).collect();
        let found = uniform(bytes.iter());
        assert!(found < ONE_IN_A_MILLION, "combination {code}: {found}");
    }
}
