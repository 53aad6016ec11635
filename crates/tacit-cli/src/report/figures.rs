//! The figures of a run that the page, the JSON and the terminal's table share.

use super::Facts;
use super::text::{number, percent, whole};
use std::collections::BTreeMap;
use tacit_core::account::Epsilon;
use tacit_core::evidence::Cost;
use tacit_core::history::RoundReport;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::Evaluation;

/// Who measured a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    Coordinator,
    Participants,
}

impl Judge {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Participants => "participants",
        }
    }

    pub(super) fn possessive(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator’s",
            Self::Participants => "participants’",
        }
    }
}

/// One model, measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured<'a> {
    pub(super) judge: Judge,
    /// Number of the round after which the model stood; 0 for the initial model.
    pub(super) after: u32,
    pub(super) of_final_model: bool,
    pub(super) evaluation: &'a Evaluation,
}

impl Measured<'_> {
    /// Which model it is, without an article.
    pub(super) fn model(&self) -> String {
        match (self.of_final_model, self.after) {
            (true, _) => "final model".into(),
            (false, 0) => "initial model".into(),
            (false, round) => format!("model after round {}", whole(round.into())),
        }
    }
}

/// What the released rounds have cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Privacy {
    /// Nothing was released.
    Unspent,
    /// At least one release without noise.
    None,
    /// Noise in every release, with the total where an accountant told it.
    Noised(Option<Epsilon>),
}

impl Privacy {
    fn of(facts: &Facts<'_>) -> Self {
        let mut released = facts.history.iter().filter(|round| is_released(round)).peekable();
        if released.peek().is_none() {
            return Self::Unspent;
        }
        if !released.all(|round| matches!(round.cost, Some(Cost::Bounded { .. }))) {
            return Self::None;
        }
        Self::Noised(facts.history.last().and_then(|round| round.epsilon))
    }

    /// What was spent, where every release had noise and an accountant.
    pub(super) fn epsilon(self) -> Option<Epsilon> {
        match self {
            Self::Noised(epsilon) => epsilon,
            Self::Unspent | Self::None => None,
        }
    }

    /// In a few words, and what they mean.
    pub(super) fn words(self) -> (String, String) {
        match self {
            Self::Unspent => ("nothing spent".into(), "nothing was released".into()),
            Self::None => ("none".into(), "no differential privacy".into()),
            Self::Noised(Some(Epsilon { upper, delta, .. })) => {
                (format!("ε = {}", number(upper, 3)), format!("at δ = {delta:e}, per participant"))
            }
            Self::Noised(None) => ("ε not accounted".into(), "noise in every release".into()),
        }
    }
}

/// One participant's part in the released rounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Examples, summed over the rounds that counted them.
    pub(super) examples: u64,
    /// Rounds that counted a contribution.
    pub(super) rounds: u64,
}

/// The figures of a run.
#[derive(Clone, Debug)]
pub(super) struct Figures<'a> {
    pub(super) latest: Option<Measured<'a>>,
    pub(super) best: Option<(f64, u32)>,
    pub(super) released: usize,
    pub(super) aborted: usize,
    pub(super) parts: BTreeMap<&'a ParticipantId, Part>,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) wall_ms: u64,
    pub(super) median_round_ms: Option<u64>,
    pub(super) privacy: Privacy,
}

impl<'a> Figures<'a> {
    pub(super) fn of(facts: &Facts<'a>) -> Self {
        let history = facts.history;
        let released = history.iter().filter(|round| is_released(round)).count();
        let judge = judge(history);
        let curve = judge.map(|judge| curve(facts, judge)).unwrap_or_default();
        let accuracy = |measured: &Measured<'_>| (measured.evaluation.accuracy(), measured.after);
        let sum =
            |size: fn(&RoundReport) -> u64| history.iter().map(size).fold(0, u64::saturating_add);
        Self {
            best: curve.iter().map(accuracy).reduce(|a, b| if b.0 > a.0 { b } else { a }),
            latest: curve.last().copied(),
            released,
            aborted: history.len() - released,
            parts: parts(history),
            bytes_up: sum(|round| round.bytes_up),
            bytes_down: sum(|round| round.bytes_down),
            wall_ms: facts.finished_ms.saturating_sub(facts.started_ms),
            median_round_ms: median(history.iter().map(round_ms).collect()),
            privacy: Privacy::of(facts),
        }
    }

    /// What came of the run, in one sentence.
    pub(super) fn result(&self, facts: &Facts<'_>) -> String {
        let planned = whole(facts.plan.num_rounds().into());
        let [released, aborted] = [self.released, self.aborted].map(|n| whole(n as u64));
        let mut text = format!("{released} of {planned} planned rounds released");
        if self.aborted > 0 {
            text += &format!(", {aborted} aborted");
        }
        match &self.latest {
            Some(measured) => {
                let share = percent(measured.evaluation.accuracy());
                let examples = whole(measured.evaluation.examples);
                let (model, whose) = (measured.model(), measured.judge.possessive());
                text + &format!(
                    "; the {model} answers {share} of the {whose} {examples} held-out \
                                 examples correctly"
                )
            }
            None => text + "; no model was evaluated",
        }
    }
}

/// Whether the round changed the model.
pub(super) fn is_released(round: &RoundReport) -> bool {
    round.aborted.is_none()
}

/// From the drawn cohort to the evaluated model.
pub(super) fn round_ms(round: &RoundReport) -> u64 {
    round.collect_ms.saturating_add(round.aggregate_ms)
}

/// Whose measurements are the run's: the coordinator's, if it took any.
pub(super) fn judge(history: &[RoundReport]) -> Option<Judge> {
    let by = |judge| history.iter().any(|round| evaluation(round, judge).is_some());
    [Judge::Coordinator, Judge::Participants].into_iter().find(|judge| by(*judge))
}

/// A round's measurement, if it is one: of some examples.
pub(super) fn evaluation(round: &RoundReport, judge: Judge) -> Option<&Evaluation> {
    let measured = match judge {
        Judge::Coordinator => round.evaluation.as_ref(),
        Judge::Participants => round.participants_evaluation.as_ref(),
    };
    measured.filter(|evaluation| evaluation.examples > 0)
}

/// Every model that `judge` measured. Participants measure the model that they are sent: the one
/// that stood after the round before.
pub(super) fn curve<'a>(facts: &Facts<'a>, judge: Judge) -> Vec<Measured<'a>> {
    let measured = facts.history.iter().filter_map(|round| {
        let evaluation = evaluation(round, judge)?;
        let (after, model) = match judge {
            Judge::Coordinator => (round.round, round.model_after),
            Judge::Participants => (round.round.saturating_sub(1), round.model_before),
        };
        let of_final_model = model == facts.model_digest;
        Some(Measured { judge, after, of_final_model, evaluation })
    });
    measured.collect()
}

fn parts(history: &[RoundReport]) -> BTreeMap<&ParticipantId, Part> {
    let mut parts: BTreeMap<&ParticipantId, Part> = BTreeMap::new();
    let released = history.iter().filter(|round| is_released(round));
    for contribution in released.flat_map(|round| &round.contributions) {
        let part = parts.entry(&contribution.participant).or_default();
        part.examples = part.examples.saturating_add(contribution.examples);
        part.rounds += 1;
    }
    parts
}

/// The value in the middle.
pub(super) fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(lower.midpoint(upper))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![5]), Some(5));
        assert_eq!(median(vec![9, 1, 4]), Some(4));
        assert_eq!(median(vec![u64::MAX, u64::MAX - 2]), Some(u64::MAX - 1));
    }
}
