use super::*;
use std::collections::BTreeSet;

fn vectors(name: &str) -> Vec<serde_json::Value> {
    let text = include_str!("../../../../vectors/secagg/graph.json");
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    all[name].as_array().unwrap().clone()
}

/// The smallest even degree and threshold by the rules of the paper's authors, whose program the
/// published answers come from: drop-outs without regard to the graph, both events alike.
fn of_the_authors(cohort: &Cohort, malicious: bool) -> (usize, usize) {
    let (members, bad) = (cohort.members, cohort.colluding + cohort.dropping);
    let ln_factorial = |count: usize| libm::lgamma(count as f64 + 1.0);
    let limit = |bits: f64| -bits - libm::log2(members as f64);
    let below = |marked, drawn, count, bits| {
        Draw { population: members, marked, drawn }.log2_at_least(count) <= limit(bits)
    };
    let (mut most, mut survived) = (0, 0);
    for degree in (2..members - 1).step_by(2) {
        let pairs = members as f64 * (members - degree - 1) as f64 / 2.0;
        let disconnected = if degree > bad {
            f64::NEG_INFINITY
        } else {
            libm::log(pairs) + ln_factorial(bad) + ln_factorial(members - degree)
                - ln_factorial(members)
                - ln_factorial(bad - degree)
        };
        if disconnected >= -41.0 * std::f64::consts::LN_2 {
            continue;
        }
        while !below(cohort.colluding, degree, most + 1, 41.0) {
            most += 1;
        }
        while survived < degree && !below(cohort.dropping, degree, survived + 1, 20.0) {
            survived += 1;
        }
        let largest = degree - survived;
        let refused = match malicious {
            true => (((most + degree) as f64 - 1.25) / 2.0).ceil().max(0.0) as usize,
            false => most,
        };
        if largest > refused {
            return (degree, (refused + 1).max(2));
        }
    }
    panic!("no graph of {members}");
}

#[test]
fn tails_give_the_published_graphs() {
    let published = vectors("published");
    assert!(published.len() > 30);
    for vector in published {
        let number = |name: &str| vector[name].as_f64().unwrap();
        let members = number("members") as usize;
        let count = |name: &str| ((number(name) + 1e-14) * number("members")) as usize;
        let (colluding, dropping) = (count("colluding"), count("dropping"));
        let cohort = Cohort { members, colluding, dropping, fewest: 0, malicious: true };
        let found = of_the_authors(&cohort, vector["malicious"].as_bool().unwrap());
        assert_eq!(found.0, number("degree") as usize, "{vector}");
        // Their own test takes a smaller threshold for right, too.
        assert!(found.1 <= number("threshold") as usize, "{vector}: {found:?}");
    }
}

#[test]
fn designs_are_those_of_exact_arithmetic() {
    let exact = vectors("exact");
    assert!(exact.len() > 30);
    for vector in exact {
        let number = |name: &str| vector[name].as_f64().unwrap();
        let adversary = Adversary {
            colluding: number("colluding"),
            dropping: number("dropping"),
            security_bits: number("security_bits"),
            liveness_bits: number("liveness_bits"),
        };
        let (members, fewest) = (number("members") as usize, number("fewest") as usize);
        let found = design_of_fewest(members, fewest, &adversary);
        if vector["degree"].is_null() {
            assert!(found.is_err(), "{vector}");
            continue;
        }
        let found = found.unwrap();
        let (degree, threshold) = (number("degree") as usize, number("threshold") as usize);
        assert_eq!((found.degree, found.threshold), (degree, threshold), "{vector}");
        assert_eq!(found.quorum, number("quorum") as usize, "{vector}");
        let close = |name: &str, found: f64| match vector[name].as_f64() {
            Some(bits) => assert!((found - bits).abs() < 1e-6, "{vector}: {found}"),
            None => assert_eq!(found, f64::INFINITY, "{vector}"),
        };
        close("achieved_security", found.security_bits);
        close("achieved_liveness", found.liveness_bits);
    }
}

/// How a member of the small circle behaves.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Honest,
    Missing,
    Colluding,
}

/// On every assignment of a small circle: whoever opens the sum of a part, or a member that masked
/// for another set, has one of the events that `security_bits` bounds. Who masked for another set
/// reveals nothing that helps, so it is as if missing; and may have masked with all but those who
/// reveal.
#[test]
fn a_part_is_opened_only_by_the_events_that_are_bounded() {
    for (members, degree, threshold) in [(9, 4, 3), (9, 4, 4), (10, 4, 3), (9, 6, 4), (9, 6, 5)] {
        let side = degree / 2;
        for code in 0..3usize.pow(members as u32) {
            let place = |at: usize| match code / 3usize.pow((at % members) as u32) % 3 {
                0 => Place::Honest,
                1 => Place::Missing,
                _ => Place::Colluding,
            };
            let colluding = |at: usize, steps: &mut dyn Iterator<Item = usize>| {
                steps.filter(|step| place(at + step) == Place::Colluding).count()
            };
            let right = |at| colluding(at, &mut (1..=side));
            let left = |at| colluding(at, &mut (members - side..members));
            let honest: Vec<usize> =
                (0..members).filter(|at| place(*at) == Place::Honest).collect();
            let others = |at| (1..=side).chain(members - side..members).map(move |s| at + s);
            let (mut views, mut other) = (false, false);
            for at in (0..members).filter(|at| place(*at) != Place::Colluding) {
                let count = |wanted: &dyn Fn(Place) -> bool| {
                    others(at).filter(|at| wanted(place(*at))).count()
                };
                views |= count(&|place| place == Place::Colluding) + degree >= 2 * threshold;
                let opened = count(&|place| place != Place::Missing) >= threshold;
                let masked = count(&|place| place != Place::Honest) >= threshold;
                other |= place(at) == Place::Missing && opened && masked;
                other |= count(&|place| place == Place::Colluding) >= threshold;
            }
            assert!(views || !other, "{code}");
            let beyond = |count| count + side >= threshold;
            let missing = (0..members).filter(|at| place(*at) == Place::Missing).count();
            let pair = |u: usize, v: usize| {
                u != v
                    && beyond(left(u))
                    && beyond(right(v))
                    && left(u) + right(v) + missing >= degree
            };
            let ends = honest.iter().any(|u| honest.iter().any(|v| pair(*u, *v)));
            if !views && !ends {
                let place = &place;
                assert!(!opens_a_part(members, side, threshold, &honest, place), "{code}");
            }
        }
    }
}

/// Whether all self-masks of a proper part of the honest that is joined to no other can be opened.
fn opens_a_part(
    members: usize,
    side: usize,
    threshold: usize,
    honest: &[usize],
    place: &dyn Fn(usize) -> Place,
) -> bool {
    let steps = || (1..=side).chain(members - side..members);
    let mut left: BTreeSet<usize> = honest.iter().copied().collect();
    while let Some(first) = left.pop_first() {
        let (mut part, mut at) = (vec![first], 0);
        while at < part.len() {
            for step in steps() {
                let other = (part[at] + step) % members;
                if left.remove(&other) {
                    part.push(other);
                }
            }
            at += 1;
        }
        let holders = |at: usize| steps().filter(|s| place(at + s) != Place::Missing).count();
        if part.len() < honest.len() && part.iter().all(|at| holders(*at) >= threshold) {
            return true;
        }
    }
    false
}

#[test]
fn graphs_are_regular_symmetric_and_repeatable() {
    let cases = [(2, 1), (3, 2), (5, 4), (5, 2), (6, 3), (7, 3), (10, 4), (101, 10), (100, 11)];
    for (members, degree) in cases.into_iter().chain([(0, 2), (1, 4), (4, 0), (4, 9)]) {
        let graph = neighbours(members, degree, &[7; 32]);
        assert_eq!(graph, neighbours(members, degree, &[7; 32]));
        let odd = members % 2 == 1 && degree % 2 == 1;
        let expected = (degree + usize::from(odd)).min(members.saturating_sub(1));
        assert_eq!(graph.len(), members);
        for (member, of) in graph.iter().enumerate() {
            assert_eq!(of.len(), expected, "{members} members, degree {degree}");
            assert!(of.is_sorted() && of.windows(2).all(|pair| pair[0] != pair[1]));
            for other in of {
                assert_ne!(*other as usize, member);
                assert!(graph[*other as usize].contains(&(member as u32)));
            }
        }
    }
    assert_ne!(neighbours(100, 4, &[1; 32]), neighbours(100, 4, &[2; 32]));
    assert_eq!(Graph::draw(5, 2, &[0; 32]).of(5), Vec::<u32>::new());
}

/// Every pair is joined as often as every other, within five standard deviations.
#[test]
fn no_pair_is_preferred() {
    let (members, degree, draws) = (12, 4, 6000u16);
    let mut counts = vec![0u32; members * members];
    for draw in 0..draws {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&draw.to_le_bytes());
        for (member, of) in neighbours(members, degree, &seed).iter().enumerate() {
            of.iter().for_each(|other| counts[member * members + *other as usize] += 1);
        }
    }
    let rate = degree as f64 / (members - 1) as f64;
    let (mean, variance) = (rate * f64::from(draws), rate * (1.0 - rate) * f64::from(draws));
    for (pair, count) in counts.iter().enumerate().filter(|(pair, _)| pair % 13 != 0) {
        assert!((f64::from(*count) - mean).abs() < 5.0 * variance.sqrt(), "{pair}: {count}");
    }
}

#[test]
fn tails_at_their_ends() {
    let draw = |population, marked, drawn| Draw { population, marked, drawn };
    assert_eq!(draw(10, 3, 4).log2_at_least(0), 0.0);
    assert_eq!(draw(10, 8, 4).log2_at_least(2), 0.0);
    assert_eq!(draw(10, 3, 4).log2_at_least(4), f64::NEG_INFINITY);
    // All three marked among four of ten: 7 of 210 draws.
    assert!((draw(10, 3, 4).log2_at_least(3) - (7.0f64 / 210.0).log2()).abs() < 1e-12);
    assert!(draw(100_000, 50_000, 20_000).log2_at_least(1) > -1e-12);
}

#[test]
fn what_cannot_be_is_refused() {
    let usual =
        Adversary { colluding: 0.1, dropping: 0.1, security_bits: 40.0, liveness_bits: 20.0 };
    assert!(design(50, &usual).is_ok());
    for cohort in [0, 1, limits::COHORT + 1] {
        assert!(design(cohort, &usual).is_err());
    }
    for bad in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
        assert!(design(50, &Adversary { colluding: bad, ..usual }).is_err());
        assert!(design(50, &Adversary { dropping: bad, ..usual }).is_err());
    }
    for bad in [-1.0, 257.0, f64::NAN] {
        assert!(design(50, &Adversary { security_bits: bad, ..usual }).is_err());
        assert!(design(50, &Adversary { liveness_bits: bad, ..usual }).is_err());
    }
    assert!(design(50, &Adversary { colluding: 0.99, ..usual }).is_err());
    assert!(design(50, &Adversary { dropping: 0.5, ..usual }).is_err());
    let found = design(3, &Adversary { colluding: 1.0 / 3.0, dropping: 0.0, ..usual }).unwrap();
    assert_eq!((found.degree, found.threshold, found.quorum), (2, 2, 3));
}
