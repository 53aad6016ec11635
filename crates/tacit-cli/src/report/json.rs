//! The report as JSON.

use super::Facts;
use super::figures::{Figures, Privacy};
use super::proofs::{self, Proved};
use super::targets::{self, Point};
use serde_json::{Value, json};
use tacit_core::history::RoundReport;

/// The figures of a report as JSON. Durations are in milliseconds, sizes in bytes, accuracies
/// are shares; what was not measured is `null`. Single contributions are left to the history.
pub fn json(facts: &Facts<'_>) -> Value {
    let figures = Figures::of(facts);
    let latest = figures.latest.map(|measured| {
        json!({
            "accuracy": measured.evaluation.accuracy(),
            "loss": measured.evaluation.loss,
            "examples": measured.evaluation.examples,
            "measured_by": measured.judge.name(),
            "after_round": measured.after,
            "of_final_model": measured.of_final_model,
            "per_class": measured.evaluation.per_class,
        })
    });
    let participants: Vec<Value> = figures
        .parts
        .iter()
        .map(|(name, part)| {
            json!({ "participant": name, "examples": part.examples, "rounds": part.rounds })
        })
        .collect();
    json!({
        "format": "tacit/v1/report",
        "name": facts.plan.name(),
        "plan": { "digest": facts.plan.digest(), "toml": facts.plan.to_toml() },
        "finish": facts.finish,
        "started_ms": facts.started_ms,
        "finished_ms": facts.finished_ms,
        "wall_ms": figures.wall_ms,
        "median_round_ms": figures.median_round_ms,
        "rounds_released": figures.released,
        "rounds_aborted": figures.aborted,
        "bytes_up": figures.bytes_up,
        "bytes_down": figures.bytes_down,
        "model": facts.model_digest,
        "evaluation": latest,
        "best": figures.best.map(|(accuracy, round)| json!({
            "accuracy": accuracy,
            "after_round": round,
        })),
        "proofs": proofs::rule(facts).map(|rule| json!({
            "rule": rule,
            "summary": proofs::line(facts).map(|line| line.replace('\u{a0}', " ")),
        })),
        "targets": targets::all(facts).iter().map(target).collect::<Vec<_>>(),
        "privacy": privacy(figures.privacy),
        "privacy_guarantee": facts.plan.guarantee(figures.privacy.epsilon()),
        "participants": participants,
        "rounds": facts.history.iter().map(round).collect::<Vec<_>>(),
        "audit": {
            "origin": facts.audit.origin,
            "size": facts.audit.size,
            "root": facts.audit.root,
            "checkpoint": facts.audit.checkpoint,
        },
        "machine": facts.machine,
        "version": facts.version,
        "commit": facts.commit,
    })
}

/// What the run had cost when its model was first so accurate.
fn target((accuracy, point): &(f64, Point)) -> Value {
    json!({
        "accuracy": accuracy,
        "after_round": point.after,
        "bytes_up": point.up,
        "bytes_down": point.down,
        "elapsed_ms": point.elapsed_ms,
    })
}

fn privacy(privacy: Privacy) -> Value {
    match privacy {
        Privacy::Unspent => json!({ "guarantee": "nothing-released" }),
        Privacy::None => json!({ "guarantee": "none" }),
        Privacy::Noised(epsilon) => json!({
            "guarantee": "noised",
            "epsilon": epsilon.map(|epsilon| epsilon.upper),
            "epsilon_lower": epsilon.map(|epsilon| epsilon.lower),
            "delta": epsilon.map(|epsilon| epsilon.delta),
        }),
    }
}

fn round(round: &RoundReport) -> Value {
    json!({
        "round": round.round,
        "accuracy": round.evaluation.as_ref().map(|e| e.accuracy()),
        "loss": round.evaluation.as_ref().map(|e| e.loss),
        "participants_accuracy_before": round.participants_evaluation.as_ref().map(|e| e.accuracy()),
        "participants_loss_before": round.participants_evaluation.as_ref().map(|e| e.loss),
        "train_loss": round.train_loss(),
        "cohort": round.cohort,
        "contributions": round.contributions.len(),
        "declined": round.declined.len(),
        "refusals": round.refusals,
        "aborted": round.aborted,
        "bytes_up": round.bytes_up,
        "bytes_down": round.bytes_down,
        "collect_ms": round.collect_ms,
        "aggregate_ms": round.aggregate_ms,
        "proofs": Proved::of(round).json(),
    })
}
