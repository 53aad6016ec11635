//! The sections of a plan as typed values.

use super::schedule::Schedule;
use crate::account::Budget;
use crate::bound::{Bound, Clip};
use crate::error::Error;
use crate::exchange::Stages;
use crate::registry::Arguments;

const RANGE: Error = Error::Bug("a parameter's declared range does not fit its type");

pub(super) fn whole<T: TryFrom<i64>>(arguments: &Arguments, name: &str) -> Result<T, Error> {
    T::try_from(arguments.integer(name)?).map_err(|_| RANGE)
}

pub(super) fn text(arguments: &Arguments, name: &str) -> Result<String, Error> {
    Ok(arguments.text(name)?.to_owned())
}

/// Seconds of the plan as whole milliseconds.
pub(super) fn milliseconds(arguments: &Arguments, name: &str) -> Result<u64, Error> {
    Ok((arguments.number(name)? * 1000.0).round() as u64)
}

/// The keys at the top of the file.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) num_rounds: u32,
    pub(super) participants: usize,
    pub(super) initial_model: Option<String>,
}

impl Run {
    pub(super) fn new(of: &Arguments) -> Result<Self, Error> {
        Ok(Self {
            name: text(of, "name")?,
            seed: whole(of, "seed")?,
            num_rounds: whole(of, "num_rounds")?,
            participants: whole(of, "participants")?,
            initial_model: Some(text(of, "initial_model")?).filter(|path| !path.is_empty()),
        })
    }
}

/// What each participant does in a round.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Passes over a participant's examples.
    pub local_epochs: u32,
    /// Share of participants, drawn anew each round, that does only 1 to `local_epochs` epochs.
    pub stragglers: f64,
    /// Examples per step; 0 means all of them in one step.
    pub batch_size: usize,
    /// Step size before the schedule.
    pub learning_rate: f64,
    /// How the step size falls.
    pub schedule: Schedule,
    /// Heavy-ball momentum, 0 to 1.
    pub momentum: f64,
    /// L2 penalty added to the gradient.
    pub weight_decay: f64,
    /// FedProx's mu; a strategy may raise it, see [`Plan::fit_order`](super::Plan::fit_order).
    pub proximal_mu: f64,
    /// Bound on the norm of an update; 0 means no clipping. See
    /// [`Plan::clip`](super::Plan::clip).
    pub clip_norm: f64,
    /// How updates are brought within it, for a limit of 1.
    pub clip: Clip,
    /// The quantile of norms that the limit follows, if it does.
    pub quantile: Option<Quantile>,
}

/// Adaptive clipping (Andrew, Thakkar, McMahan & Ramaswamy 2021).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// γ: the share of updates to be within the limit.
    pub target: f64,
    /// η_C: how fast the limit moves.
    pub rate: f64,
}

impl Quantile {
    /// The next limit, after a round in which a share `within` of the updates was within `limit`
    /// (section 2.2): C ← C · exp(−η_C(b̃ − γ)), kept within what f32 can clip to.
    pub fn next(&self, limit: f64, within: f64) -> f64 {
        (limit * (-self.rate * (within - self.target)).exp()).clamp(1e-12, 1e12)
    }
}

impl Training {
    pub(super) fn new(of: &Arguments) -> Result<Self, Error> {
        Ok(Self {
            local_epochs: whole(of, "local_epochs")?,
            stragglers: of.number("stragglers")?,
            batch_size: whole(of, "batch_size")?,
            schedule: Schedule::new(of)?,
            learning_rate: of.number("learning_rate")?,
            momentum: of.number("momentum")?,
            weight_decay: of.number("weight_decay")?,
            proximal_mu: of.number("proximal_mu")?,
            clip_norm: of.number("clip_norm")?,
            clip: Clip {
                bound: match of.text("clip")? {
                    "l1" => Bound::L1 { limit: 1.0 },
                    "linf" => Bound::Linf { limit: 1.0 },
                    _ => Bound::L2 { limit: 1.0 },
                },
                per_layer: of.text("clip")? == "per-layer",
                zero_above: of.number("zero_above")?,
            },
            quantile: Some(of.number("clip_quantile")?)
                .filter(|&target| target > 0.0)
                .map(|target| Ok::<_, Error>(Quantile { target, rate: of.number("clip_rate")? }))
                .transpose()?,
        })
    }
}

/// How a cohort is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// A set of fixed size, uniform without replacement.
    Fixed,
    /// Each participant by an independent coin.
    Poisson,
}

/// Who takes part in a round, and how long others wait for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Cohort {
    /// Contributions wanted per round, expected number under [`Sampling::Poisson`]; "everybody"
    /// is already resolved to the number of participants.
    pub size: usize,
    /// How the cohort is drawn.
    pub sampling: Sampling,
    /// Fraction of `size` invited beyond it.
    pub over_selection: f64,
    /// Smallest number of contributions to release, at least 1; the default is already resolved
    /// to a majority of `size`.
    pub minimum: usize,
    /// Whether every update weighs the same in a mean; else as many examples as it has.
    pub equal_weights: bool,
    /// Examples that weigh most, where only sums are opened.
    pub max_examples: u64,
    /// What members say to each other around their contributions.
    pub stages: Stages,
    /// How long contributions are awaited, in milliseconds.
    pub collect_timeout_ms: u64,
    /// How long fetches of the model are awaited, in milliseconds.
    pub distribute_timeout_ms: u64,
    /// How long the roster may take to fill, in milliseconds.
    pub enrol_timeout_ms: u64,
    /// Failed rounds in a row that end the run; 0 means that the first one does.
    pub max_failed_rounds: u32,
    /// Participants to enrol before the first cohort is drawn.
    pub participants: usize,
}

impl Cohort {
    pub(super) fn new(of: &Arguments, participants: usize) -> Result<Self, Error> {
        let size = match whole(of, "size")? {
            0 => participants,
            size => size,
        };
        let minimum = match whole(of, "minimum")? {
            0 => size / 2 + 1,
            minimum => minimum,
        };
        let sampling = match of.text("sampling")? {
            "poisson" => Sampling::Poisson,
            _ => Sampling::Fixed,
        };
        Ok(Self {
            size,
            sampling,
            over_selection: of.number("over_selection")?,
            minimum,
            equal_weights: of.text("weights")? == "equal",
            max_examples: of.integer("max_examples")? as u64,
            stages: Stages::default(),
            collect_timeout_ms: milliseconds(of, "collect_timeout_s")?,
            distribute_timeout_ms: milliseconds(of, "distribute_timeout_s")?,
            enrol_timeout_ms: milliseconds(of, "enrol_timeout_s")?,
            max_failed_rounds: whole(of, "max_failed_rounds")?,
            participants,
        })
    }

    /// Participants invited under [`Sampling::Fixed`]: `size` and the over-selection, rounded up.
    pub fn invited(&self) -> usize {
        // The product is taken by itself: 20 × 1.1 is above 22 in binary, 20 × 0.1 is 2.
        let more = (self.size as f64 * self.over_selection).ceil() as usize;
        self.size.saturating_add(more)
    }

    /// How often a participant's coin falls under [`Sampling::Poisson`], on a roster of so many:
    /// never more often than the plan says, however few enrolled.
    pub fn poisson_rate(&self, roster: usize) -> f64 {
        (self.size as f64 / roster.max(self.participants).max(1) as f64).min(1.0)
    }

    /// Probability with which a participant is in a round's cohort.
    pub fn sampling_rate(&self) -> f64 {
        match self.sampling {
            Sampling::Fixed => (self.invited() as f64 / self.participants as f64).min(1.0),
            Sampling::Poisson => self.poisson_rate(self.participants),
        }
    }
}

/// How simulated participants share a data set.
#[derive(Clone, Debug, PartialEq)]
pub enum Partition {
    /// Uniformly at random, equal sizes.
    Iid,
    /// Label-sorted shards (McMahan et al. 2017, section 3).
    Shards {
        /// Shards each participant gets.
        per_participant: usize,
    },
    /// Class proportions drawn from a Dirichlet distribution (Yurochkin et al. 2019).
    Dirichlet {
        /// Concentration: small is skewed.
        alpha: f64,
        /// Every participant has at least this many examples.
        minimum: usize,
    },
    /// One participant per value of a column.
    ByColumn {
        /// Name of the column.
        column: String,
    },
}

/// What is learned from.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// `digits` (embedded) or a path.
    pub source: String,
    /// Path of the coordinator's test set; `None` means that it is split off `source`.
    pub test_source: Option<String>,
    /// Column of the label; empty for the column `label`, or else the last.
    pub label: String,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// Names of the classes in order, so that participants who hold different classes agree on
    /// their numbers; empty for those that are found.
    pub classes: Vec<String>,
    /// `auto`, or one of the formats of [`tables`](super::tables).
    pub format: String,
    /// Fraction of the examples kept out of training.
    pub held_out: f64,
    /// How simulated participants share the data.
    pub partition: Partition,
}

impl Data {
    pub(super) fn new(of: &Arguments) -> Result<Self, Error> {
        let partition = match of.text("partition")? {
            "shards" => Partition::Shards { per_participant: whole(of, "shards_per_participant")? },
            "dirichlet" => Partition::Dirichlet {
                alpha: of.number("alpha")?,
                minimum: whole(of, "minimum_examples")?,
            },
            "by-column" => Partition::ByColumn { column: text(of, "column")? },
            _ => Partition::Iid,
        };
        Ok(Self {
            source: text(of, "source")?,
            test_source: Some(text(of, "test_source")?).filter(|path| !path.is_empty()),
            label: text(of, "label")?,
            ignore: of.list("ignore")?.to_vec(),
            classes: of.list("classes")?.to_vec(),
            format: text(of, "format")?,
            held_out: of.number("held_out")?,
            partition,
        })
    }
}

/// How progress is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationPlan {
    /// Whether the coordinator evaluates, on its test set.
    pub on_coordinator: bool,
    /// Whether participants evaluate, on their held-out examples.
    pub on_participants: bool,
    /// Rounds from one evaluation to the next.
    pub every: u32,
    /// Accuracy at which the run stops; `None` to run all rounds.
    pub target_accuracy: Option<f64>,
}

impl EvaluationPlan {
    pub(super) fn new(of: &Arguments) -> Result<Self, Error> {
        let on = |who: &str| -> Result<bool, Error> { Ok(of.list("on")?.iter().any(|w| w == who)) };
        Ok(Self {
            on_coordinator: on("coordinator")?,
            on_participants: on("participants")?,
            every: whole(of, "every")?,
            target_accuracy: Some(of.number("target_accuracy")?).filter(|&target| target > 0.0),
        })
    }

    /// Whether the model that `round` (from 1) of `last` gave is evaluated: every so many rounds,
    /// and the last.
    pub fn is_due(&self, round: u32, last: u32) -> bool {
        round.is_multiple_of(self.every) || round == last
    }
}

/// What noise and accountant are held to.
#[derive(Clone, Debug, PartialEq)]
pub struct Privacy {
    /// The largest ε, and the δ at which it is stated.
    pub budget: Budget,
    /// Whether the coordinator may see exact sums.
    pub trusted_with_sums: bool,
    /// Where the coordinator keeps what all plans on the same data have spent.
    pub ledger: Option<String>,
    /// ε that the plan says was spent before.
    pub spent: f64,
}

impl Privacy {
    pub(super) fn new(of: &Arguments) -> Result<Self, Error> {
        let epsilon = Some(of.number("epsilon")?).filter(|&epsilon| epsilon > 0.0);
        Ok(Self {
            budget: Budget { epsilon, delta: of.number("delta")? },
            trusted_with_sums: of.flag("trusted_with_sums")?,
            ledger: Some(text(of, "ledger")?).filter(|path| !path.is_empty()),
            spent: of.number("spent")?,
        })
    }
}

/// What the plan must withstand.
#[derive(Clone, Debug, PartialEq)]
pub struct Adversary {
    /// Largest fraction of a cohort that colludes with the coordinator.
    pub colluding: f64,
    /// Largest fraction of a cohort that drops out.
    pub dropping: f64,
    /// Largest fraction of a cohort that sends arbitrary updates.
    pub malicious: f64,
}

impl Adversary {
    pub(super) fn new(of: &Arguments) -> Result<Self, Error> {
        Ok(Self {
            colluding: of.number("colluding")?,
            dropping: of.number("dropping")?,
            malicious: of.number("malicious")?,
        })
    }
}
