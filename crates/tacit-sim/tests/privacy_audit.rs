//! Audits of mechanisms: right code stays below what it claims, broken code is found out.
#![allow(clippy::unwrap_used)]

use tacit_core::account::{Sampled, Spent};
use tacit_core::bound::Bound;
use tacit_core::error::Error;
use tacit_core::evidence::Cost;
use tacit_core::plan::Plan;
use tacit_core::registry::{
    Arguments, Default, Entry, Family, Kind, Make, Parameter, Registry, Value,
};
use tacit_core::rng::{Random, Seed};
use tacit_core::traits::{Calibration, Entropy, Mechanism, Opened, Party};
use tacit_sim::audit::one_run::{Audit, Audited};
use tacit_sim::audit::two_worlds::{Level, Release, tested};

/// Repeatable bytes, so that these tests cannot fail by chance.
struct Repeated(Random);

impl Entropy for Repeated {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.0.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

fn entropy() -> Repeated {
    Repeated(Seed::root(7).rng())
}

const LEVEL: Level = Level { delta: 1e-3, error: 1e-2 };

fn plan(mechanism: &str) -> Plan {
    let clip = if mechanism.contains("laplace") { "l1" } else { "l2" };
    let integers = ["discrete", "skellam"].iter().any(|name| mechanism.contains(name));
    let accountant = if integers { "rdp" } else { "pld" };
    let text = format!(
        "mechanism = {mechanism}\naccountant = \"{accountant}\"\n[training]\nclip_norm = 0.5\n\
         clip = \"{clip}\"\n[cohort]\nweights = \"equal\"\nminimum = 10\n"
    );
    Plan::parse(&text, &tacit_sim::registry().unwrap()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// One honest share, the least that may hide a participant, and as many values as one release is
/// worth trials.
fn calibration(plan: &Plan, len: usize) -> Calibration {
    Calibration { size: 2, honest: 1, largest: 2, ..plan.calibration(1, len, None) }
}

fn claimed(plan: &Plan, of: &Calibration) -> f64 {
    let cost = plan.mechanism().unwrap().cost(of).unwrap();
    let spent = Spent { cost, sampled: Sampled::Everybody };
    plan.accountant().unwrap().epsilon(&[(spent, 1)], LEVEL.delta).unwrap().upper
}

/// A bound for `broken(mechanism)` and the claim of the mechanism itself.
fn audited(
    mechanism: &str,
    (len, trials): (usize, usize),
    broken: impl FnOnce(Box<dyn Mechanism>) -> Box<dyn Mechanism>,
) -> (f64, f64) {
    let plan = plan(mechanism);
    let of = calibration(&plan, len);
    let mechanism = broken(plan.mechanism().unwrap());
    let release = Release { mechanism: &*mechanism, of };
    let tested = release.test(trials, LEVEL, &mut entropy()).unwrap();
    (tested.lower, claimed(&plan, &of))
}

const MANY: (usize, usize) = (128, 20_000);
const LOCAL: (usize, usize) = (2, 3_000);
const LOCAL_GAUSSIAN: &str = "{ rule = \"local-gaussian\", noise_multiplier = 4.0 }";
const FEW: (usize, usize) = (4, 200);

#[test]
fn right_noise_stays_below_its_claim() {
    for (mechanism, size, at_least) in [
        ("\"gaussian\"", MANY, 1.5),
        ("\"laplace\"", MANY, 0.7),
        (LOCAL_GAUSSIAN, LOCAL, 0.3),
        ("\"priv-unit\"", (16, 1_000), 2.0),
        ("\"discrete-gaussian\"", (4, 2_000), 0.8),
        ("{ rule = \"skellam\", noise_multiplier = 0.3 }", FEW, 1.5),
    ] {
        let (lower, claimed) = audited(mechanism, size, |right| right);
        println!("{mechanism}: {lower} of {claimed}");
        assert!(lower <= claimed, "{mechanism}: {lower} refutes {claimed}");
        assert!(lower >= at_least, "{mechanism}: {lower} of {claimed} says little");
    }
}

/// A mechanism that does something else than it says.
struct Broken {
    right: Box<dyn Mechanism>,
    how: How,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    /// Noise for a bound of half the norm.
    Halved,
    /// Participants undo what clipping did.
    Unclipped,
    /// No noise beyond two standard deviations.
    Truncated,
}

fn broken(how: How) -> impl FnOnce(Box<dyn Mechanism>) -> Box<dyn Mechanism> {
    move |right| Box::new(Broken { right, how })
}

impl Broken {
    fn noise_of(&self, of: &Calibration) -> Calibration {
        let limit = of.bound.limit().unwrap();
        let factor = if self.how == How::Halved { 0.5 } else { 1.0 };
        Calibration { bound: of.bound.with(limit * factor), ..*of }
    }

    /// Noise alone, none of it beyond two standard deviations.
    fn truncated(
        &self,
        of: &Calibration,
        values: &mut [f32],
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        let limit = of.bound.limit().unwrap();
        let deviation = match self.by() {
            Party::Participant => limit,
            _ => limit / of.size as f64,
        };
        let edge = 2.0 * deviation as f32;
        let mut noise = vec![0.0; values.len()];
        if self.by() == Party::Participant {
            self.right.share(of, &mut noise, true, entropy)?;
        } else {
            let mut opened = Opened { values: noise, count: 0.0 };
            self.right.open(of, &mut opened, entropy)?;
            noise = opened.values;
        }
        values.iter_mut().zip(noise).for_each(|(x, noise)| *x += noise.clamp(-edge, edge));
        Ok(())
    }
}

impl Mechanism for Broken {
    fn by(&self) -> Party {
        self.right.by()
    }

    fn discrete(&self) -> bool {
        self.right.discrete()
    }

    fn cost(&self, of: &Calibration) -> Result<Cost, Error> {
        self.right.cost(of)
    }

    fn share(
        &self,
        of: &Calibration,
        values: &mut Vec<f32>,
        within: bool,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        match self.how {
            How::Unclipped => values.iter_mut().for_each(|x| *x *= 4.0),
            How::Truncated if self.by() == Party::Participant => {
                return self.truncated(of, values, entropy);
            }
            _ => {}
        }
        self.right.share(&self.noise_of(of), values, within, entropy)
    }

    fn sent(&self, of: &Calibration) -> (usize, Bound) {
        let (len, sent) = self.right.sent(of);
        match self.how {
            How::Unclipped => (len, sent.with(4.0 * sent.limit().unwrap())),
            _ => (len, sent),
        }
    }

    fn open(
        &self,
        of: &Calibration,
        opened: &mut Opened,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        match self.how {
            How::Truncated => self.truncated(of, &mut opened.values, entropy),
            _ => self.right.open(&self.noise_of(of), opened, entropy),
        }
    }
}

#[test]
fn broken_noise_is_found_out() {
    for (how, name) in
        [(How::Halved, "halved"), (How::Unclipped, "unclipped"), (How::Truncated, "truncated")]
    {
        for (mechanism, size) in
            [("\"gaussian\"", MANY), ("\"laplace\"", MANY), (LOCAL_GAUSSIAN, LOCAL)]
        {
            let more = if how == How::Halved && size == LOCAL { 3 } else { 1 };
            let (lower, claimed) = audited(mechanism, (size.0, size.1 * more), broken(how));
            println!("{name} {mechanism}: {lower} of {claimed}");
            assert!(lower > claimed, "{name} {mechanism}: {lower} does not refute {claimed}");
        }
    }
}

/// What a tester finds out from the count that a quantile follows about whether one participant was
/// within the norm, where one honest share hides it; the ring's noise hides the update far better.
fn counted(mechanism: &str, claim: &str) -> (f64, f64) {
    let (plan, claim) = (plan(mechanism), plan(claim));
    let of = Calibration { counted: true, ..calibration(&plan, 4) };
    let (mechanism, mut entropy) = (plan.mechanism().unwrap(), entropy());
    let mut play = |within: bool| -> Vec<f64> {
        let mut once = || {
            let mut values = vec![0.0; of.len];
            mechanism.share(&of, &mut values, within, &mut entropy).unwrap();
            values.iter_mut().for_each(|x| *x /= of.size as f32);
            let mut opened = Opened { values, count: 0.0 };
            mechanism.open(&of, &mut opened, &mut entropy).unwrap();
            opened.count
        };
        (0..400).map(|_| once()).collect()
    };
    let (inside, outside) = (play(true), play(false));
    // Within or not is one answer that is replaced by another, as where a cohort is of fixed size.
    let cost = claim.mechanism().unwrap().cost(&of).unwrap();
    let spent = Spent { cost, sampled: Sampled::Fixed { size: 2, of: 2 } };
    let claimed = claim.accountant().unwrap().epsilon(&[(spent, 1)], LEVEL.delta).unwrap().upper;
    (tested(&inside, &outside, LEVEL).lower, claimed)
}

#[test]
fn a_count_in_shares_stays_below_its_claim() {
    for name in ["discrete-gaussian", "skellam"] {
        let of = |count: f64| {
            format!("{{ rule = {name:?}, noise_multiplier = 8.0, count_noise = {count} }}")
        };
        let (lower, claimed) = counted(&of(1.0), &of(1.0));
        println!("{name}: {lower} of {claimed}");
        assert!(lower > 0.3 && lower <= claimed, "{name}: {lower} of {claimed}");
        // A fifth of the noise that the account was told of.
        let (lower, claimed) = counted(&of(0.4), &of(2.0));
        println!("{name}, too narrow: {lower} of {claimed}");
        assert!(lower > claimed, "{name}: {lower} does not refute {claimed}");
    }
}

/// Releases in which the participant is with probability `rate`, and what a run of them claims
/// for cohorts drawn at `claimed_rate`.
fn sampled(rate: f64, claimed_rate: f64) -> (f64, f64) {
    const ROUNDS: u64 = 8;
    let plan = plan("{ rule = \"gaussian\", noise_multiplier = 1.5 }");
    let of = calibration(&plan, 128);
    let mechanism = plan.mechanism().unwrap();
    let release = Release { mechanism: &*mechanism, of };
    let cost = mechanism.cost(&of).unwrap();
    let spent = Spent { cost, sampled: Sampled::Poisson { rate: claimed_rate } };
    let accountant = plan.accountant().unwrap();
    let claimed = accountant.epsilon(&[(spent, ROUNDS)], LEVEL.delta).unwrap().upper;
    let (mut entropy, mut coin) = (entropy(), Seed::root(3).rng());
    let mut play = |present: bool| -> Vec<f64> {
        let mut run = || {
            let mut scores = vec![0.0; of.len];
            for _ in 0..ROUNDS {
                let drawn: Vec<bool> = (0..of.len).map(|_| present && coin.unit() < rate).collect();
                let seen = release.play(&drawn, &mut entropy).unwrap();
                scores.iter_mut().zip(seen).for_each(|(score, x)| *score += x);
            }
            scores
        };
        (0..80).flat_map(|_| run()).collect()
    };
    let (inside, outside) = (play(true), play(false));
    (tested(&inside, &outside, LEVEL).lower, claimed)
}

#[test]
fn a_cohort_that_is_not_random_is_found_out() {
    let (lower, claimed) = sampled(0.25, 0.25);
    println!("random: {lower} of {claimed}");
    assert!(lower > 0.2 && lower <= claimed, "{lower} refutes {claimed}");
    // The first so many of the roster always, as if they had been drawn.
    let (lower, claimed) = sampled(1.0, 0.25);
    println!("not random: {lower} of {claimed}");
    assert!(lower > claimed, "{lower} does not refute {claimed}");
}

/// A plan of one release.
fn whole_plan(participants: usize, mechanism: &str, more: &str) -> Plan {
    let text = format!(
        "participants = {participants}\nnum_rounds = 1\nmechanism = {mechanism}\naccountant = \"rdp\"\n\
         [training]\nclip_norm = 0.5\n[cohort]\nweights = \"equal\"\n{more}"
    );
    Plan::parse(&text, &registry()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn make_unclipped(arguments: &Arguments) -> Result<Box<dyn Mechanism>, Error> {
    let registry = tacit_sim::registry()?;
    let entry = registry.family(Family::Mechanism).find(|entry| entry.name == "gaussian").unwrap();
    let Make::Mechanism(make) = entry.make else { panic!("{entry:?}") };
    let noise = arguments.number("noise_multiplier")?;
    let arguments = Arguments::defaults(entry.parameters)?;
    let right = make(&arguments.with("noise_multiplier", Value::Number(noise)))?;
    Ok(Box::new(Broken { right, how: How::Unclipped }))
}

/// Exists in this registry only.
const UNCLIPPED: Entry = Entry {
    name: "unclipped",
    help: "central Gaussian noise of updates that were not clipped",
    parameters: &[Parameter {
        name: "noise_multiplier",
        help: "as of gaussian",
        kind: Kind::Number { min: 0.1, max: 10.0 },
        default: Default::Number(4.0),
    }],
    make: Make::Mechanism(make_unclipped),
};

fn registry() -> Registry {
    let own = [tacit_core::plain::ENTRIES, &[UNCLIPPED]];
    Registry::new(&[&own[..], &tacit_learn::ROOMS, &tacit_privacy::ROOMS].concat()).unwrap()
}

fn audit(plan: &Plan, canaries: usize) -> Audited {
    let audit = Audit { plan, registry: &registry(), canaries, seed: 5, error: 0.01 };
    audit.run(&mut |_| {}).unwrap()
}

/// Noise of a run is the operating system's: bounds are far enough from claims that no chance
/// brings them there.
#[test]
fn one_run_shows_something_and_refutes_nothing() {
    let minimum = "minimum = 100\n";
    let poisson = "size = 50\nsampling = \"poisson\"\n";
    let fixed = "size = 50\n";
    for (mechanism, more, at_least) in [
        ("{ rule = \"gaussian\", noise_multiplier = 0.3 }", "", 1.0),
        ("{ rule = \"gaussian\", noise_multiplier = 0.3 }", poisson, 0.0),
        ("{ rule = \"gaussian\", noise_multiplier = 0.3 }", fixed, 0.0),
        ("{ rule = \"local-gaussian\", noise_multiplier = 0.5 }", "", 1.0),
        ("{ rule = \"discrete-gaussian\", noise_multiplier = 0.3, bits = 16 }", minimum, 1.0),
    ] {
        let plan = whole_plan(100, mechanism, more);
        let found = audit(&plan, 200);
        println!("{mechanism} {more}: {found:?}");
        assert_eq!((found.runs, found.releases, found.guesses.canaries), (2, 1, 200));
        assert!(!found.refutes() && found.lower >= at_least, "{mechanism} {more}: {found:?}");
    }
}

#[test]
fn one_run_refutes_a_plan_that_does_not_clip() {
    let unclipped = audit(&whole_plan(500, "\"unclipped\"", ""), 4_000);
    println!("{unclipped:?}");
    assert!(unclipped.refutes(), "{unclipped:?}");
    let right = "{ rule = \"gaussian\", noise_multiplier = 4.0 }";
    let right = audit(&whole_plan(500, right, ""), 4_000);
    println!("{right:?}");
    assert!(!right.refutes() && right.claimed == unclipped.claimed, "{right:?}");
}

#[test]
fn plans_without_noise_are_not_audited() {
    let plan = Plan::parse("", &registry()).unwrap();
    let audit = Audit { plan: &plan, registry: &registry(), canaries: 1, seed: 1, error: 0.05 };
    let refused = audit.run(&mut |_| {}).unwrap_err().to_string();
    assert!(refused.contains("expected one with noise"), "{refused}");
}
