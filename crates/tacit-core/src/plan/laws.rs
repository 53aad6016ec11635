//! The laws of coherence, one function each. Other systems accept these pairs in silence.

use super::coherence::{Conflict, Facts, within};
use super::tables::{DEVICES, NONE, SECTIONS};
use super::{Devices, Sampling, proofs, write};
use crate::compress::Chain;
use crate::registry::{Arguments, Family, Make, Value};
use crate::traits::{Party, View};

/// Integers whose sum an f32 mean holds exactly enough to be rounded back.
const SEEN_SUM: f64 = (1u64 << 22) as f64;

type Law = fn(&Facts<'_>) -> Option<Conflict>;

pub(super) const LAWS: [Law; 42] = [
    view_of_the_aggregator,
    additive_encoding,
    discrete_noise,
    sums_of_fixed_draws,
    sums_in_integers,
    promise_of_sums,
    noise_of_clipped_updates,
    noise_of_sums,
    equal_weights_of_noise,
    accountant_of_noise,
    noise_that_is_accounted,
    noise_that_can_be_calibrated,
    budget_of_noise,
    ledger_of_noise,
    encoding_of_shares,
    shares_that_are_seen,
    draw_of_shares,
    figures_beside_noise,
    quantile_of_a_norm,
    quantile_that_can_be_counted,
    size_within_participants,
    poisson_of_everybody,
    poisson_with_over_selection,
    over_selection_within_participants,
    minimum_within_size,
    minimum_of_the_aggregator,
    minimum_after_dropping,
    held_out_of_participants,
    test_set_of_the_coordinator,
    target_that_is_measured,
    column_of_the_partition,
    momentum_under_control_variates,
    stragglers_that_can_do_less,
    devices_of_a_kind,
    trace_of_the_devices,
    proofs::view,
    proofs::sums,
    proofs::weights,
    proofs::encoding,
    proofs::noise,
    proofs::quantile,
    proofs::statement,
];

pub(super) fn seen(view: View) -> &'static str {
    match view {
        View::Sum => "only the sum of the updates",
        View::Groups => "only sums of groups of updates",
        View::EachSealed => "each update inside a sealed environment",
        View::Each => "each update",
    }
}

/// A rule cannot see more than the protection reveals.
fn view_of_the_aggregator(facts: &Facts<'_>) -> Option<Conflict> {
    // A rule over sums of groups sees each of these.
    let reveals = match facts.protection.reveals() {
        View::Groups => View::Each,
        reveals => reveals,
    };
    let needs = facts.aggregator.needs();
    let aggregators = facts.sound(Family::Aggregator, |make, arguments| match make {
        Make::Aggregator(make) => Ok(make(arguments)?.needs() <= reveals),
        _ => Ok(false),
    });
    if let Some(mixing) = mixing_alone(facts, reveals) {
        return Some(Conflict { because: "protection", ..mixing });
    }
    (needs > reveals).then(|| Conflict {
        key: "aggregator",
        because: "protection",
        expected: format!("a rule that needs {}", seen(reveals)),
        found: format!("{}, which needs {}", facts.name(Family::Aggregator), seen(needs)),
        alternatives: aggregators.chain(in_groups(facts)).chain(facts.protections(needs)).collect(),
    })
}

/// Protections whose sums of groups the plan's aggregator could compare, of a cohort like the
/// plan's under an adversary like the plan's: with as few groups as the rule needs.
fn in_groups(facts: &Facts<'_>) -> impl Iterator<Item = String> {
    let groups = facts.aggregator.minimum().max(2);
    let terms = facts.plan.terms(&facts.plan.nowhere(), 32);
    facts.registry.family(Family::Protection).filter_map(move |entry| {
        let counted = entry.parameters.iter().any(|parameter| parameter.name == "groups");
        let number = Value::Integer(groups as i64);
        let arguments = Arguments::defaults(entry.parameters).ok()?.with("groups", number);
        let Make::Protection(make) = entry.make else { return None };
        let made =
            make(&arguments).ok().filter(|made| counted && made.reveals() == View::Groups)?;
        made.exchange()?.promise(&terms).ok()?;
        Some(format!("protection = {{ rule = {:?}, groups = {groups} }}", entry.name))
    })
}

/// Rules that mix, in front of one that would be content with `view`.
fn mixing_alone(facts: &Facts<'_>, view: View) -> Option<Conflict> {
    let rule = facts.plan.rule().map_or(View::Each, |rule| rule.needs());
    (facts.aggregator.needs() > view && rule <= view).then(|| Conflict {
        key: "pre_aggregation",
        because: "aggregator",
        expected: format!("[], which needs {}", seen(view)),
        found: format!("{}, which mixes single updates", facts.name(Family::PreAggregator)),
        alternatives: vec!["pre_aggregation = []".into()],
    })
}

/// Under masks only sums open: an encoding must add up, and its positions must not depend on the
/// values, since they would leak.
fn additive_encoding(facts: &Facts<'_>) -> Option<Conflict> {
    let broken = facts.protection.exchange().is_some() && !facts.chain.additive();
    let compressors = facts.sound(Family::Compressor, |make, arguments| match make {
        Make::Compressor(make) => {
            Ok(Chain::new(vec![make(arguments)?]).is_ok_and(|c| c.additive()))
        }
        _ => Ok(false),
    });
    let compressors = std::iter::once("compression = []".into()).chain(compressors);
    broken.then(|| Conflict {
        key: "compression",
        because: "protection",
        expected: "an encoding that adds up under masks".into(),
        found: format!("{}, which does not", facts.name(Family::Compressor)),
        alternatives: compressors.chain(facts.protections(View::EachSealed)).collect(),
    })
}

/// Masked sums are integers, so noise that is added to them in shares must be integer-valued;
/// noise that covers a single update may be rounded with it. A coordinator that adds noise sees
/// the sum without it first: the plan must say that it may.
fn discrete_noise(facts: &Facts<'_>) -> Option<Conflict> {
    let by = facts.mechanism.by();
    let trusted = facts.plan.privacy.trusted_with_sums;
    let unsound = match by {
        Party::Coordinator => !trusted,
        Party::Cohort => !facts.mechanism.discrete(),
        Party::Participant | Party::Nobody => false,
    };
    let mechanisms = facts.sound(Family::Mechanism, |make, arguments| match make {
        Make::Mechanism(make) => Ok(make(arguments)?.by() == Party::Cohort),
        _ => Ok(false),
    });
    let trust = within("privacy", "trusted_with_sums = true");
    let trust = (by == Party::Coordinator).then_some(trust);
    let hidden = facts.protection.exchange().is_some();
    (unsound && hidden && facts.is_noisy()).then(|| Conflict {
        key: "mechanism",
        because: "protection",
        expected: "integer-valued noise in shares of each participant".into(),
        found: match by {
            Party::Coordinator => {
                format!("{}, which the coordinator adds", facts.name(Family::Mechanism))
            }
            _ => format!("{}, which is continuous", facts.name(Family::Mechanism)),
        },
        alternatives: mechanisms.chain(trust).chain(facts.protections(View::EachSealed)).collect(),
    })
}

/// The quorum of a cohort is counted from its planned size.
fn sums_of_fixed_draws(facts: &Facts<'_>) -> Option<Conflict> {
    let poisson = facts.plan.cohort.sampling == Sampling::Poisson;
    (facts.protection.exchange().is_some() && poisson).then(|| Conflict {
        key: "cohort.sampling",
        because: "protection",
        expected: "\"fixed\", as members count how many of a cohort agree".into(),
        found: "\"poisson\"".into(),
        alternatives: vec![within("cohort", "sampling = \"fixed\"")],
    })
}

/// Updates must fit into integers whose sum does not wrap.
fn sums_in_integers(facts: &Facts<'_>) -> Option<Conflict> {
    facts.protection.exchange()?;
    facts.unsummed().map(|error| Conflict {
        key: "training.clip_norm",
        because: "protection",
        expected: "updates whose sums fit into integers".into(),
        found: error.to_string(),
        alternatives: vec![within("training", "clip_norm = 1.0")],
    })
}

/// A protection that could not hold what the plan says of its adversary, or would seldom end.
fn promise_of_sums(facts: &Facts<'_>) -> Option<Conflict> {
    let exchange = facts.protection.exchange()?;
    let error = exchange.promise(&facts.plan.terms(&facts.plan.nowhere(), 32)).err()?;
    Some(Conflict {
        key: "protection",
        because: "adversary.dropping",
        expected: "a protection that withstands the plan's adversary".into(),
        found: error.to_string(),
        alternatives: Vec::new(),
    })
}

/// Without a bound on one participant's influence no noise makes a sum private.
fn noise_of_clipped_updates(facts: &Facts<'_>) -> Option<Conflict> {
    let unbounded = facts.plan.training.clip_norm == 0.0;
    (facts.is_noisy() && unbounded).then(|| Conflict {
        key: "training.clip_norm",
        because: "mechanism",
        expected: "a norm above 0.0".into(),
        found: "0.0".into(),
        alternatives: vec![within("training", "clip_norm = 1.0")],
    })
}

/// Noise is calibrated to what one participant can change in a sum. A rule that selects or sorts
/// can change by more: one update decides which others count.
fn noise_of_sums(facts: &Facts<'_>) -> Option<Conflict> {
    let aggregators = facts.sound(Family::Aggregator, |make, arguments| match make {
        Make::Aggregator(make) => Ok(make(arguments)?.needs() == View::Sum),
        _ => Ok(false),
    });
    if let Some(mixing) = mixing_alone(facts, View::Sum).filter(|_| facts.is_noisy()) {
        return Some(Conflict { because: "mechanism", ..mixing });
    }
    (facts.is_noisy() && facts.aggregator.needs() > View::Sum).then(|| Conflict {
        key: "aggregator",
        because: "mechanism",
        expected: "a sum, to which the noise is calibrated".into(),
        found: facts.name(Family::Aggregator),
        alternatives: aggregators.chain(["mechanism = \"none\"".into()]).collect(),
    })
}

/// Weights would count in the sensitivity, and are private themselves.
fn equal_weights_of_noise(facts: &Facts<'_>) -> Option<Conflict> {
    (facts.is_noisy() && !facts.plan.cohort.equal_weights).then(|| Conflict {
        key: "cohort.weights",
        because: "mechanism",
        expected: "\"equal\", as numbers of examples are private too".into(),
        found: "\"examples\"".into(),
        alternatives: vec![within("cohort", "weights = \"equal\"")],
    })
}

/// Noise without an account is a promise that nobody can state.
fn accountant_of_noise(facts: &Facts<'_>) -> Option<Conflict> {
    let none = facts.plan.choice(Family::Accountant).name() == NONE;
    (facts.is_noisy() && none).then(|| Conflict {
        key: "accountant",
        because: "mechanism",
        expected: "an accountant that bounds what its noise costs".into(),
        found: facts.name(Family::Accountant),
        alternatives: facts.accountants().collect(),
    })
}

fn noise_that_is_accounted(facts: &Facts<'_>) -> Option<Conflict> {
    let accountant = facts.plan.accountant().ok()?;
    let chosen = facts.plan.choice(Family::Accountant).name() != NONE;
    let found = facts.unaccounted(&*accountant).filter(|_| chosen && facts.is_noisy())?;
    let fixed = matches!(facts.plan.cohort.sampling, Sampling::Fixed);
    let poisson = within("cohort", "sampling = \"poisson\"");
    Some(Conflict {
        key: "accountant",
        because: if fixed { "cohort.sampling" } else { "mechanism" },
        expected: "an accountant that bounds this noise under this sampling".into(),
        found,
        alternatives: facts.accountants().chain(fixed.then_some(poisson)).collect(),
    })
}

/// Tried on updates of a thousand values: what depends on the model is refused when the run begins.
fn noise_that_can_be_calibrated(facts: &Facts<'_>) -> Option<Conflict> {
    let bounded = facts.plan.training.clip_norm > 0.0;
    let error = facts.mechanism.cost(&facts.plan.calibration(1, 1_000, None)).err();
    error.filter(|_| facts.is_noisy() && bounded).map(|error| Conflict {
        key: "mechanism",
        because: "training.clip",
        expected: "noise that can be calibrated to the bound".into(),
        found: error.to_string(),
        alternatives: vec![within("training", "clip = \"l2\"")],
    })
}

fn budget_of_noise(facts: &Facts<'_>) -> Option<Conflict> {
    let limit = facts.plan.privacy.budget.epsilon.filter(|_| !facts.is_noisy())?;
    Some(Conflict {
        key: "privacy.epsilon",
        because: "mechanism",
        expected: "0.0, as nothing without noise stays within a budget".into(),
        found: write::number(limit),
        alternatives: vec![within("privacy", "epsilon = 0.0"), "a mechanism with noise".into()],
    })
}

fn ledger_of_noise(facts: &Facts<'_>) -> Option<Conflict> {
    let ledger = facts.plan.privacy.ledger.as_ref().filter(|_| !facts.is_noisy())?;
    Some(Conflict {
        key: "privacy.ledger",
        because: "mechanism",
        expected: "\"\", as nothing without noise can be entered".into(),
        found: format!("{ledger:?}"),
        alternatives: vec![within("privacy", "ledger = \"\""), "a mechanism with noise".into()],
    })
}

/// Shares of noise are integers that only add up where every update is encoded alike.
fn encoding_of_shares(facts: &Facts<'_>) -> Option<Conflict> {
    let compressed = !facts.plan.choices(Family::Compressor).is_empty();
    (facts.mechanism.by() == Party::Cohort && compressed).then(|| Conflict {
        key: "compression",
        because: "mechanism",
        expected: "[], as shares of noise are integers of few bits already".into(),
        found: facts.name(Family::Compressor),
        alternatives: vec!["compression = []".into()],
    })
}

/// Integers that are summed by whoever sees each of them travel as f32, whose mean must be exact.
fn shares_that_are_seen(facts: &Facts<'_>) -> Option<Conflict> {
    let (bits, _) = facts.mechanism.ring().filter(|_| facts.protection.exchange().is_none())?;
    let sum = 2f64.powi(bits as i32 - 1) * facts.plan.cohort.size as f64;
    (sum > SEEN_SUM).then(|| Conflict {
        key: "mechanism",
        because: "protection",
        expected: "integers whose sum is below 2^22, where each of them is seen".into(),
        found: format!("{bits} bits of {} contributions", facts.plan.cohort.size),
        alternatives: vec!["fewer bits".into(), "a protection of sums".into()],
    })
}

/// A participant that is not drawn takes its share of the noise with it: over many values the
/// variance of a sum shows how many came, and whoever knows that has seen part of the coins. Given
/// that number a cohort is a set of fixed size, which accountants bound as such.
fn draw_of_shares(facts: &Facts<'_>) -> Option<Conflict> {
    let poisson = facts.plan.cohort.sampling == Sampling::Poisson;
    (facts.mechanism.by() == Party::Cohort && poisson).then(|| Conflict {
        key: "cohort.sampling",
        because: "mechanism",
        expected: "\"fixed\", as noise in shares shows how many took part".into(),
        found: "\"poisson\"".into(),
        alternatives: vec![
            within("cohort", "sampling = \"fixed\""),
            "noise of the coordinator".into(),
        ],
    })
}

/// A participant that hides its update from the coordinator must not tell it what it measured on
/// the same examples.
fn figures_beside_noise(facts: &Facts<'_>) -> Option<Conflict> {
    let hidden = facts.mechanism.by() == Party::Participant;
    (hidden && facts.plan.evaluation.on_participants).then(|| Conflict {
        key: "evaluation.on",
        because: "mechanism",
        expected: "no evaluation on participants, whose figures have no noise".into(),
        found: "\"participants\"".into(),
        alternatives: vec![within("evaluation", "on = [\"coordinator\"]")],
    })
}

fn quantile_of_a_norm(facts: &Facts<'_>) -> Option<Conflict> {
    let training = &facts.plan.training;
    (training.quantile.is_some() && training.clip_norm == 0.0).then(|| Conflict {
        key: "training.clip_norm",
        because: "training.clip_quantile",
        expected: "a norm above 0.0 to start from".into(),
        found: "0.0".into(),
        alternatives: vec![within("training", "clip_norm = 0.1")],
    })
}

/// Whether an update was within the norm is private too: what counts it must have noise for it.
fn quantile_that_can_be_counted(facts: &Facts<'_>) -> Option<Conflict> {
    let target = facts.plan.training.quantile?.target;
    let counts = matches!(facts.mechanism.by(), Party::Nobody) || facts.mechanism.counts();
    let mechanisms = facts.sound(Family::Mechanism, |make, arguments| match make {
        Make::Mechanism(make) => Ok(make(arguments)?.counts()),
        _ => Ok(false),
    });
    (!counts).then(|| Conflict {
        key: "training.clip_quantile",
        because: "mechanism",
        expected: "0.0, as this noise does not cover the count of a quantile".into(),
        found: write::number(target),
        alternatives: mechanisms.chain([within("training", "clip_quantile = 0.0")]).collect(),
    })
}

fn size_within_participants(facts: &Facts<'_>) -> Option<Conflict> {
    let (size, participants) = (facts.plan.cohort.size, facts.plan.participants());
    (size > participants).then(|| Conflict {
        key: "cohort.size",
        because: "participants",
        expected: format!("at most {participants}"),
        found: size.to_string(),
        alternatives: vec![
            within("cohort", &format!("size = {participants}")),
            format!("participants = {size}"),
        ],
    })
}

/// Whether the plan leaves the cohort's size to "everybody".
fn everybody(facts: &Facts<'_>) -> bool {
    let cohort = SECTIONS.iter().zip(&facts.plan.sections).find(|(s, _)| s.name == "cohort");
    cohort.is_some_and(|(_, arguments)| arguments.integer("size").is_ok_and(|size| size == 0))
}

/// Amplification may only be claimed for a rate that was really below one.
fn poisson_of_everybody(facts: &Facts<'_>) -> Option<Conflict> {
    let poisson = facts.plan.cohort.sampling == Sampling::Poisson;
    let half = (facts.plan.participants() / 2).max(1);
    (poisson && everybody(facts)).then(|| Conflict {
        key: "cohort.size",
        because: "cohort.sampling",
        expected: "the mean number of participants per round".into(),
        found: "0, which means everybody".into(),
        alternatives: vec![
            within("cohort", &format!("size = {half}")),
            within("cohort", "sampling = \"fixed\""),
        ],
    })
}

fn poisson_with_over_selection(facts: &Facts<'_>) -> Option<Conflict> {
    let cohort = &facts.plan.cohort;
    let broken = cohort.sampling == Sampling::Poisson && cohort.over_selection > 0.0;
    broken.then(|| Conflict {
        key: "cohort.over_selection",
        because: "cohort.sampling",
        expected: "0.0, as whoever the coins choose is the cohort".into(),
        found: write::number(cohort.over_selection),
        alternatives: vec![
            within("cohort", "over_selection = 0.0"),
            within("cohort", "sampling = \"fixed\""),
        ],
    })
}

fn over_selection_within_participants(facts: &Facts<'_>) -> Option<Conflict> {
    let (cohort, participants) = (&facts.plan.cohort, facts.plan.participants());
    let wanted = cohort.over_selection > 0.0 && cohort.sampling == Sampling::Fixed;
    let fits = (participants as f64 / (1.0 + cohort.over_selection)) as usize;
    (wanted && cohort.size <= participants && cohort.invited() > participants).then(|| Conflict {
        key: "cohort.over_selection",
        because: if everybody(facts) { "cohort.size" } else { "participants" },
        expected: format!("at most {participants} participants to be invited"),
        found: format!("{}, which invites {}", cohort.over_selection, cohort.invited()),
        alternatives: vec![
            within("cohort", "over_selection = 0.0"),
            within("cohort", &format!("size = {}", fits.max(1))),
        ],
    })
}

fn minimum_within_size(facts: &Facts<'_>) -> Option<Conflict> {
    let (minimum, size) = (facts.plan.cohort.minimum, facts.plan.cohort.size);
    (minimum > size).then(|| Conflict {
        key: "cohort.minimum",
        because: "cohort.size",
        expected: format!("at most {size}"),
        found: minimum.to_string(),
        alternatives: vec![within("cohort", &format!("minimum = {size}"))],
    })
}

fn minimum_of_the_aggregator(facts: &Facts<'_>) -> Option<Conflict> {
    let (needs, cohort) = (facts.aggregator.minimum(), &facts.plan.cohort);
    if let Some(rows) = facts.protection.exchange().map(|exchange| exchange.rows())
        && facts.protection.reveals() == View::Groups
    {
        return (needs > rows).then(|| Conflict {
            key: "aggregator",
            because: "protection",
            expected: format!("a rule that is content with {rows} sums of groups"),
            found: format!("{}, which needs {needs}", facts.name(Family::Aggregator)),
            alternatives: vec![format!("groups = {needs} of the protection")],
        });
    }
    let mut alternatives = vec![within("cohort", &format!("minimum = {needs}"))];
    if needs > cohort.size {
        alternatives = vec![
            within("cohort", &format!("size = {needs} and minimum = {needs}")),
            "an aggregator that needs fewer".into(),
        ];
    }
    let mixed = match facts.plan.choices(Family::PreAggregator) {
        [] => String::new(),
        _ => {
            let rows = facts.plan.rule().map_or(0, |rule| rule.minimum());
            format!(
                " for the {rows} rows that it needs after {}",
                facts.name(Family::PreAggregator)
            )
        }
    };
    (needs > cohort.minimum).then(|| Conflict {
        key: "cohort.minimum",
        because: "aggregator",
        expected: format!("at least {needs} contributions{mixed}"),
        found: cohort.minimum.to_string(),
        alternatives,
    })
}

/// A plan that expects drop-outs must survive them.
fn minimum_after_dropping(facts: &Facts<'_>) -> Option<Conflict> {
    let (cohort, dropping) = (&facts.plan.cohort, facts.plan.adversary.dropping);
    let left = (cohort.invited() as f64 * (1.0 - dropping)).floor() as usize;
    let broken = dropping > 0.0 && cohort.minimum <= cohort.size && left < cohort.minimum;
    let mut alternatives = vec![within("adversary", "a smaller dropping")];
    if left >= facts.aggregator.minimum() {
        alternatives.push(within("cohort", &format!("minimum = {left}")));
    }
    broken.then(|| Conflict {
        key: "cohort.minimum",
        because: "adversary.dropping",
        expected: format!("at most the {left} of {} that remain", cohort.invited()),
        found: cohort.minimum.to_string(),
        alternatives,
    })
}

const HELD_OUT: &str = "a fraction above 0.0";

fn held_out_of_participants(facts: &Facts<'_>) -> Option<Conflict> {
    let (evaluation, data) = (&facts.plan.evaluation, &facts.plan.data);
    let mut alternatives = vec![within("data", "held_out = 0.2")];
    if data.test_source.is_some() {
        alternatives.push(within("evaluation", "on = [\"coordinator\"]"));
    }
    (evaluation.on_participants && data.held_out == 0.0).then(|| Conflict {
        key: "data.held_out",
        because: "evaluation.on",
        expected: HELD_OUT.into(),
        found: "0.0".into(),
        alternatives,
    })
}

fn test_set_of_the_coordinator(facts: &Facts<'_>) -> Option<Conflict> {
    let (evaluation, data) = (&facts.plan.evaluation, &facts.plan.data);
    let none = data.test_source.is_none() && data.held_out == 0.0;
    (evaluation.on_coordinator && none).then(|| Conflict {
        key: "data.held_out",
        because: "evaluation.on",
        expected: format!("{HELD_OUT}, or a test_source"),
        found: "0.0".into(),
        alternatives: vec![within("data", "held_out = 0.2"), within("evaluation", "on = []")],
    })
}

fn target_that_is_measured(facts: &Facts<'_>) -> Option<Conflict> {
    let evaluation = &facts.plan.evaluation;
    let target = evaluation.target_accuracy?;
    let nobody = !evaluation.on_coordinator && !evaluation.on_participants;
    nobody.then(|| Conflict {
        key: "evaluation.target_accuracy",
        because: "evaluation.on",
        expected: "0.0, as nobody measures it".into(),
        found: write::number(target),
        alternatives: vec![
            within("evaluation", "target_accuracy = 0.0"),
            within("evaluation", "on = [\"coordinator\"]"),
        ],
    })
}

fn column_of_the_partition(facts: &Facts<'_>) -> Option<Conflict> {
    let super::Partition::ByColumn { column } = &facts.plan.data.partition else { return None };
    column.is_empty().then(|| Conflict {
        key: "data.column",
        because: "data.partition",
        expected: "the name of a column".into(),
        found: "\"\"".into(),
        alternatives: vec![within("data", "partition = \"iid\"")],
    })
}

/// A participant's variate is its mean gradient only if its steps are plain (Karimireddy et al.
/// 2020, algorithm 1, option II).
fn momentum_under_control_variates(facts: &Facts<'_>) -> Option<Conflict> {
    let momentum = facts.plan.training.momentum;
    (facts.plan.control().is_some() && momentum > 0.0).then(|| Conflict {
        key: "training.momentum",
        because: "strategy",
        expected: "0.0, as control variates are measured on plain steps".into(),
        found: write::number(momentum),
        alternatives: vec![
            within("training", "momentum = 0.0"),
            "strategy = { rule = \"fedavg\", momentum = 0.9 }, momentum of the server".into(),
        ],
    })
}

fn stragglers_that_can_do_less(facts: &Facts<'_>) -> Option<Conflict> {
    let training = &facts.plan.training;
    (training.stragglers > 0.0 && training.local_epochs == 1).then(|| Conflict {
        key: "training.stragglers",
        because: "training.local_epochs",
        expected: "0.0, as nobody can do less than one epoch".into(),
        found: write::number(training.stragglers),
        alternatives: vec![
            within("training", "stragglers = 0.0"),
            within("training", "local_epochs = 5"),
        ],
    })
}

/// What describes devices is set where devices are played: else a forgotten `kind` would be
/// simulated without them, in silence.
fn devices_of_a_kind(facts: &Facts<'_>) -> Option<Conflict> {
    let (section, arguments) =
        SECTIONS.iter().zip(&facts.plan.sections).find(|(s, _)| s.name == DEVICES)?;
    let kind = arguments.text("kind").ok()?;
    let read: &[&str] = match kind {
        "generated" => &[
            "examples_per_s",
            "speed_spread",
            "megabits_per_s",
            "bandwidth_spread",
            "availability",
        ],
        "trace" => &["trace", "period_s"],
        _ => &[],
    };
    let defaults = Arguments::defaults(section.parameters).ok()?;
    let differs = |name: &&str| arguments.0.get(*name) != defaults.0.get(*name);
    let names = section.parameters.iter().map(|p| p.name).filter(|n| *n != "kind");
    let unread = names.filter(|name| !read.contains(name)).find(differs)?;
    let wanted = if matches!(unread, "trace" | "period_s") { "trace" } else { "generated" };
    Some(Conflict {
        key: "devices.kind",
        because: in_devices(unread),
        expected: format!("{wanted:?}"),
        found: format!("{kind:?}"),
        alternatives: vec![within(DEVICES, &format!("kind = {wanted:?}"))],
    })
}

/// The full key of a key of the section.
fn in_devices(name: &str) -> &'static str {
    match name {
        "examples_per_s" => "devices.examples_per_s",
        "speed_spread" => "devices.speed_spread",
        "megabits_per_s" => "devices.megabits_per_s",
        "bandwidth_spread" => "devices.bandwidth_spread",
        "availability" => "devices.availability",
        "period_s" => "devices.period_s",
        _ => "devices.trace",
    }
}

fn trace_of_the_devices(facts: &Facts<'_>) -> Option<Conflict> {
    let Some(Devices::Trace { path, .. }) = facts.plan.devices() else { return None };
    path.is_empty().then(|| Conflict {
        key: "devices.trace",
        because: "devices.kind",
        expected: "the path of a CSV file".into(),
        found: "\"\"".into(),
        alternatives: vec![within(DEVICES, "kind = \"generated\"")],
    })
}
