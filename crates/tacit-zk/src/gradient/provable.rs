//! Which plans the rule `groth16` has something to say of.

use super::spec::{Kind, MOST_ROWS};
use super::trainer::{self, LINEAR, LOGISTIC};
use tacit_core::bound::Bound;
use tacit_core::data::DataShape;
use tacit_core::ids::ParticipantId;
use tacit_core::plan::Plan;
use tacit_core::proof::Unprovable;
use tacit_core::registry::Family;
use tacit_core::traits::Party;

/// The setting of a plan that a proof says nothing about.
fn unprovable<T>(
    key: &'static str,
    expected: impl Into<String>,
    found: impl ToString,
    works: impl Into<String>,
) -> Result<T, Unprovable> {
    let alternatives = vec![works.into()];
    Err(Unprovable { key, expected: expected.into(), found: found.to_string(), alternatives })
}

/// Which of the exact trainers a plan has.
pub fn kind(plan: &Plan) -> Option<Kind> {
    match plan.choice(Family::Trainer).name() {
        name if name == LINEAR.name => Some(Kind::Linear),
        name if name == LOGISTIC.name => Some(Kind::Logistic),
        _ => None,
    }
}

/// Refuses a plan under which an update is anything else than the trainer's own, or under which
/// there is none in some round.
pub fn check(plan: &Plan) -> Result<(), Unprovable> {
    let Some(kind) = kind(plan) else {
        let found = plan.choice(Family::Trainer).name();
        let works = "trainer = \"exact-logistic\" or trainer = \"exact-linear\"";
        return unprovable("trainer", "a trainer in integers", found, works);
    };
    one_step(plan)?;
    rates(plan, kind)?;
    clipping(plan)?;
    if !plan.choices(Family::Compressor).is_empty() {
        let (found, works) = (plan.names(Family::Compressor), "compression = []");
        return unprovable("compression", "updates as they are", found, works);
    }
    if plan.control().is_some() {
        let works = "strategy = \"fedavg\"";
        return unprovable("strategy", "no control variates", "scaffold", works);
    }
    let alone = plan.mechanism().map(|mechanism| mechanism.by() == Party::Participant);
    if alone.unwrap_or(true) {
        let (found, works) = (plan.names(Family::Mechanism), "mechanism = \"gaussian\"");
        return unprovable("mechanism", "no noise of participants", found, works);
    }
    Ok(())
}

/// One plain step on one batch.
fn one_step(plan: &Plan) -> Result<(), Unprovable> {
    let training = plan.training();
    if training.local_epochs != 1 || training.stragglers != 0.0 {
        let (key, works) = ("training.local_epochs", "local_epochs = 1 in [training]");
        return unprovable(key, "1: one step", training.local_epochs, works);
    }
    if !(1..=MOST_ROWS).contains(&training.batch_size) {
        let expected = format!("the rows of a batch, 1 to {MOST_ROWS}");
        let works = "batch_size = 64 in [training]";
        return unprovable("training.batch_size", expected, training.batch_size, works);
    }
    // As the strategy has it: the same for everybody but for its seed.
    let order = plan.fit_order(1, &ParticipantId::numbered(0, 1));
    let extras = [
        ("training.momentum", training.momentum, "momentum = 0 in [training]"),
        ("training.weight_decay", training.weight_decay, "weight_decay = 0 in [training]"),
        ("training.proximal_mu", training.proximal_mu, "proximal_mu = 0 in [training]"),
        ("strategy", order.proximal_mu, "strategy = \"fedavg\""),
    ];
    match extras.into_iter().find(|(_, value, _)| *value != 0.0) {
        Some((key, found, works)) => unprovable(key, "0: the plain gradient", found, works),
        None => Ok(()),
    }
}

/// The step of every round must be one that integers can make. They see neither the width of the
/// data nor the number of classes.
fn rates(plan: &Plan, kind: Kind) -> Result<(), Unprovable> {
    let training = plan.training();
    let arguments = plan.choice(Family::Trainer).arguments();
    let shape = DataShape { features: vec![1], classes: 2 };
    let spec = match trainer::spec(kind, arguments, &shape, training.batch_size) {
        Ok((spec, _)) => spec,
        Err(error) => {
            let (found, works) = (error.to_string(), "feature_fraction = 5 for the trainer");
            return unprovable("trainer", "widths that fit together", found, works);
        }
    };
    let rounds = plan.num_rounds();
    let rate = |round| training.learning_rate * training.schedule.factor(round, rounds);
    let Some(round) = (1..=rounds).find(|round| spec.rate(rate(*round)).is_none()) else {
        return Ok(());
    };
    let [lowest, highest] = spec.learning_rates();
    let expected = format!("{lowest:.1e} to {highest:.2} in every round, as integers have it");
    let works = if spec.rate(training.learning_rate).is_none() {
        let nearest = training.learning_rate.clamp(lowest, highest);
        format!("learning_rate = {nearest} in [training]")
    } else if rate(round) < rate(round + 1) {
        "warmup_rounds = 0 in [training]".to_owned()
    } else {
        "schedule = \"constant\" in [training]".to_owned()
    };
    let found = format!("{:.1e} in round {round}", rate(round));
    unprovable("training.learning_rate", expected, found, works)
}

/// Nothing may be clipped off what the trainer clipped.
fn clipping(plan: &Plan) -> Result<(), Unprovable> {
    let training = plan.training();
    let norm = match training.clip.bound {
        Bound::L1 { .. } => "\"l1\"",
        Bound::Linf { .. } => "\"linf\"",
        _ if training.clip.per_layer => "\"per-layer\"",
        _ => "\"l2\"",
    };
    if training.clip_norm > 0.0 && norm != "\"l2\"" {
        let (expected, works) = ("\"l2\", the norm of the whole", "clip = \"l2\" in [training]");
        return unprovable("training.clip", expected, norm, works);
    }
    let arguments = plan.choice(Family::Trainer).arguments();
    let clip_norm = arguments.number("clip_norm").unwrap_or(f64::INFINITY);
    if training.clip_norm > 0.0 && training.clip_norm < clip_norm {
        let works = format!("clip_norm = {} for the trainer", training.clip_norm);
        let expected = format!("at least {clip_norm}, to which the trainer clips");
        return unprovable("training.clip_norm", expected, training.clip_norm, works);
    }
    if training.quantile.is_some() {
        let (key, works) = ("training.clip_quantile", "clip_quantile = 0 in [training]");
        return unprovable(key, "0: a fixed norm", "a quantile", works);
    }
    Ok(())
}
