//! What a plan can say, as data: the parser, the canonical text, the schema, the commented
//! example and `--help` all read these tables.

use super::write;
use crate::limits;
use crate::registry::{Arguments, Default, Family, Kind, Parameter};

/// One table of the plan with fixed keys.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Name of the TOML table; empty for the keys at the top.
    pub name: &'static str,
    /// What it decides.
    pub help: &'static str,
    /// Its keys.
    pub parameters: &'static [Parameter],
}

/// One key of the plan that names a rule of a family.
#[derive(Clone, Copy, Debug)]
pub struct RuleKey {
    /// The family, whose [`Family::key`] is the key of the plan.
    pub family: Family,
    /// Rule of a plan that names none; [`NONE`] for an empty list.
    pub default: &'static str,
    /// What it decides.
    pub help: &'static str,
}

/// The rule that does nothing, and another name of an empty list of rules.
pub const NONE: &str = "none";

/// The rule that a table with the key `command`, but without `rule`, means.
pub const COMMAND: &str = "command";

/// The keys that name rules, in canonical order.
pub static RULES: [RuleKey; 10] = [
    rule(Family::Trainer, "logistic-regression", "What each participant trains."),
    rule(Family::Strategy, "fedavg", "How the coordinator applies an aggregate to the model."),
    rule(
        Family::PreAggregator,
        NONE,
        "What is made of the updates before they become one: a list of rules in order.",
    ),
    rule(Family::Aggregator, "mean", "How many updates become one."),
    rule(Family::Protection, "plain", "Who may see a single update."),
    rule(Family::Proof, NONE, "What each participant proves of the update that it contributes."),
    rule(Family::Compressor, NONE, "How updates travel: a list of rules in order, [] for f32."),
    rule(
        Family::Downlink,
        NONE,
        "How models travel to those who hold the one before: a list of rules, [] for whole models.",
    ),
    rule(Family::Mechanism, NONE, "The noise that makes a release differentially private."),
    rule(Family::Accountant, NONE, "What composes the privacy costs of releases."),
];

const fn rule(family: Family, default: &'static str, help: &'static str) -> RuleKey {
    RuleKey { family, default, help }
}

const fn integer(
    name: &'static str,
    default: i64,
    (min, max): (i64, i64),
    help: &'static str,
) -> Parameter {
    let (kind, default) = (Kind::Integer { min, max }, Default::Integer(default));
    Parameter { name, help, kind, default }
}

const fn number(
    name: &'static str,
    default: f64,
    (min, max): (f64, f64),
    help: &'static str,
) -> Parameter {
    let (kind, default) = (Kind::Number { min, max }, Default::Number(default));
    Parameter { name, help, kind, default }
}

const fn flag(name: &'static str, default: bool, help: &'static str) -> Parameter {
    Parameter { name, help, kind: Kind::Flag, default: Default::Flag(default) }
}

const fn text(name: &'static str, default: &'static str, help: &'static str) -> Parameter {
    Parameter { name, help, kind: Kind::Text, default: Default::Text(default) }
}

const fn list(name: &'static str, help: &'static str) -> Parameter {
    Parameter { name, help, kind: Kind::List, default: Default::Empty }
}

const fn word(
    name: &'static str,
    default: &'static str,
    words: &'static [&'static str],
    help: &'static str,
) -> Parameter {
    Parameter { name, help, kind: Kind::Word(words), default: Default::Text(default) }
}

const COHORT: i64 = limits::COHORT as i64;

/// Seconds of any timeout: from a test's patience to thirty days.
const SECONDS: (f64, f64) = (0.001, 2_592_000.0);

/// Rates, penalties and norms: wide, but their squares stay finite in f32.
const POSITIVE: (f64, f64) = (0.0, 1e16);

/// Every section, in canonical order; the first is the top of the file.
pub static SECTIONS: [Section; 8] = [
    Section { name: "", help: "The run.", parameters: RUN },
    Section {
        name: "training",
        help: "What each participant does in a round.",
        parameters: TRAINING,
    },
    Section { name: "cohort", help: "Who takes part in a round.", parameters: COHORTS },
    Section { name: "data", help: "What is learned from.", parameters: DATA },
    Section { name: "evaluation", help: "How progress is measured.", parameters: EVALUATION },
    Section {
        name: "adversary",
        help: "What the plan must withstand; thresholds are computed from it.",
        parameters: ADVERSARY,
    },
    Section { name: PRIVACY, help: "What noise and accountant are held to.", parameters: BUDGET },
    Section {
        name: DEVICES,
        help: "Devices that `tacit simulate` plays in virtual time; a networked run has its own.",
        parameters: DEVICE,
    },
];

/// Sections that are no part of a plan's canonical text unless something is set in them.
pub const OPTIONAL: [&str; 2] = [PRIVACY, DEVICES];

/// The family whose key is no part of a plan's canonical text where it names [`NONE`]: plans that
/// prove nothing keep the digest that they had before anything could be proved.
pub const OPTIONAL_RULE: Family = Family::Proof;

/// The section of the privacy budget.
pub const PRIVACY: &str = "privacy";

/// The section of simulated devices.
pub const DEVICES: &str = "devices";

/// Keys at the top of the file.
pub const RUN: &[Parameter] = &[
    text("name", "digits", "Name of the run."),
    integer("seed", 1, (0, i64::MAX), "Seed of every repeatable random choice; never of noise."),
    integer("num_rounds", 30, (1, limits::ROUNDS as i64), "Rounds of the run."),
    integer("participants", 20, (1, COHORT), "Participants expected on the roster before round 1."),
    text(
        "initial_model",
        "",
        "Safetensors file of the coordinator with the model to start from; \"\" = drawn by seed.",
    ),
];

const TRAINING: &[Parameter] = &[
    integer("local_epochs", 1, (1, 100_000), "Passes over a participant's examples per round."),
    number(
        "stragglers",
        0.0,
        (0.0, 1.0),
        "Share of participants, drawn anew each round, that does only 1 to local_epochs epochs.",
    ),
    integer("batch_size", 32, (0, 1 << 28), "Examples per step; 0 = all in one step."),
    number("learning_rate", 0.1, POSITIVE, "Step size of local training."),
    word(
        "schedule",
        "constant",
        &["constant", "step", "exponential", "inverse-sqrt", "cosine"],
        "How the step size falls from round to round.",
    ),
    number("decay", 0.5, (1e-6, 1.0), "Factor of schedules \"step\" and \"exponential\"."),
    integer("decay_rounds", 10, (1, limits::ROUNDS as i64), "Rounds in which `decay` acts once."),
    integer("warmup_rounds", 0, (0, limits::ROUNDS as i64), "Rounds of a linear start."),
    number("momentum", 0.0, (0.0, 1.0), "Heavy-ball momentum of local training."),
    number("weight_decay", 0.0, POSITIVE, "L2 penalty added to the gradient."),
    number("proximal_mu", 0.0, POSITIVE, "Pull towards the global model (FedProx's mu)."),
    number("clip_norm", 0.0, POSITIVE, "Bound on the norm of an update; 0 = no clipping."),
    word(
        "clip",
        "l2",
        &["l2", "l1", "linf", "per-layer"],
        "Which norm: l2, l1 or linf of the update, or its L2 norm with an equal share per tensor.",
    ),
    number(
        "zero_above",
        0.0,
        POSITIVE,
        "Updates longer than so many times clip_norm count as zero; 0 = none.",
    ),
    number(
        "clip_quantile",
        0.0,
        (0.0, 1.0),
        "Share of updates that clip_norm, as it moves, is to leave as they are; 0 = it stays.",
    ),
    number("clip_rate", 0.2, (1e-6, 10.0), "How fast clip_norm moves towards its quantile."),
];

const COHORTS: &[Parameter] = &[
    integer(
        "size",
        0,
        (0, COHORT),
        "Contributions wanted per round (expected number under Poisson sampling); 0 = everybody.",
    ),
    word(
        "sampling",
        "fixed",
        &["fixed", "poisson"],
        "fixed = a set of that size without replacement; poisson = each by an independent coin.",
    ),
    number(
        "over_selection",
        0.0,
        (0.0, 10.0),
        "Fraction of `size` invited beyond it, against drop-outs; fixed sampling only.",
    ),
    integer(
        "minimum",
        0,
        (0, COHORT),
        "Smallest number of contributions to release; 0 = a majority of `size`.",
    ),
    word(
        "weights",
        "examples",
        &["examples", "equal"],
        "What an update weighs in a mean: its examples, or as much as every other.",
    ),
    integer(
        "max_examples",
        1_000,
        (1, 1 << 20),
        "Where only sums are opened, more examples than this weigh as many.",
    ),
    number("collect_timeout_s", 600.0, SECONDS, "Seconds to wait for contributions."),
    number("distribute_timeout_s", 300.0, SECONDS, "Seconds to wait for models to be fetched."),
    number("enrol_timeout_s", 3600.0, SECONDS, "Seconds to wait for the roster to fill."),
    integer("max_failed_rounds", 3, (0, 1_000_000), "Failed rounds in a row that end the run."),
];

const DATA: &[Parameter] = &[
    text("source", "digits", "\"digits\" (embedded) or the path of a data set."),
    text("test_source", "", "Path of the coordinator's test set; \"\" = split off `source`."),
    text("label", "", "Column of the label; \"\" = the column `label`, or else the last."),
    list("ignore", "Columns to leave out."),
    list("classes", "Names of the classes in order; [] = as they are found."),
    word(
        "format",
        "auto",
        &["auto", "csv", "npz", "parquet", "idx"],
        "Format of the files; auto = by the file's name.",
    ),
    number(
        "held_out",
        0.2,
        (0.0, 0.9),
        "Fraction of the examples kept out of training, to evaluate on.",
    ),
    word(
        "partition",
        "iid",
        &["iid", "shards", "dirichlet", "by-column"],
        "How simulated participants share the data.",
    ),
    number("alpha", 0.5, (1e-3, 1e6), "Concentration of partition \"dirichlet\": small = skewed."),
    integer(
        "minimum_examples",
        2,
        (1, 1 << 28),
        "Fewest examples of a participant under partition \"dirichlet\".",
    ),
    integer(
        "shards_per_participant",
        2,
        (1, 10_000),
        "Label-sorted shards each participant gets under partition \"shards\".",
    ),
    text("column", "", "Column whose values are the participants under partition \"by-column\"."),
];

const EVALUATION: &[Parameter] = &[
    Parameter {
        name: "on",
        help: "Who evaluates the model on held-out examples.",
        kind: Kind::Words(&["coordinator", "participants"]),
        default: Default::Words(&["coordinator"]),
    },
    integer("every", 1, (1, limits::ROUNDS as i64), "Rounds from one evaluation to the next."),
    number("target_accuracy", 0.0, (0.0, 1.0), "Stop when reached; 0 = run all rounds."),
];

const ADVERSARY: &[Parameter] = &[
    number(
        "colluding",
        0.0,
        (0.0, 1.0),
        "Largest fraction of a cohort that colludes with the coordinator.",
    ),
    number("dropping", 0.0, (0.0, 1.0), "Largest fraction of a cohort that drops out."),
    number("malicious", 0.0, (0.0, 1.0), "Largest fraction that sends arbitrary updates."),
];

const BUDGET: &[Parameter] = &[
    number("epsilon", 0.0, (0.0, 1e6), "Training ends before it would pass this; 0 = no limit."),
    number("delta", 1e-5, (1e-300, 0.5), "The delta at which epsilon is stated."),
    text(
        "ledger",
        "",
        "Folder of the coordinator with what all plans on the same data have spent; \"\" = none.",
    ),
    flag(
        "trusted_with_sums",
        false,
        "Whether the coordinator may see exact sums, where it adds the noise to them itself.",
    ),
    number("spent", 0.0, (0.0, 1e6), "Epsilon that the plan says was spent before, by the ledger."),
];

/// Speeds and bandwidths: from a device that never ends to one that takes no time.
const RATE: (f64, f64) = (1e-6, 1e12);

/// Standard deviations of logarithms: e^3 is twenty times faster.
const SPREAD: (f64, f64) = (0.0, 3.0);

const DEVICE: &[Parameter] = &[
    word(
        "kind",
        "none",
        &["none", "generated", "trace"],
        "none = everybody answers at once; generated = drawn by the seed; trace = from a file.",
    ),
    number("examples_per_s", 100.0, RATE, "Median speed of generated devices."),
    number("speed_spread", 0.5, SPREAD, "Standard deviation of the logarithm of their speeds."),
    number("megabits_per_s", 10.0, RATE, "Median bandwidth of generated devices, each way."),
    number("bandwidth_spread", 0.5, SPREAD, "Standard deviation of the logarithm of theirs."),
    number("availability", 1.0, (0.0, 1.0), "Probability that one of them answers in a round."),
    text("trace", "", "Path of the CSV file of kind \"trace\"."),
    number("period_s", 0.0, (0.0, 31_536_000.0), "Seconds after which windows of a trace repeat."),
];

/// What a parameter takes, in words.
pub fn takes(parameter: &Parameter) -> String {
    match parameter.kind {
        Kind::Flag => "true or false".into(),
        Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Number { min, max } => {
            format!("a number from {} to {}", write::number(min), write::number(max))
        }
        Kind::Text => "a text".into(),
        Kind::Word(words) => one_of("one of", words),
        Kind::List => "a list of texts".into(),
        Kind::Words(words) => one_of("a list, without repetition, of", words),
    }
}

/// The default of a parameter as TOML; `None` if the plan must name it.
pub fn default_text(parameter: &Parameter) -> Option<String> {
    let defaults = Arguments::defaults(std::slice::from_ref(parameter)).ok()?;
    defaults.iter().next().map(|(_, value)| write::value(value))
}

pub(super) fn one_of(what: &str, names: &[&str]) -> String {
    match names {
        [] => "nothing: this build has no such rule".into(),
        names => format!("{what} {}", names.join(", ")),
    }
}
