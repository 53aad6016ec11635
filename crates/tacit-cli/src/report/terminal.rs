//! The end of a run, in the terminal.

use super::Facts;
use super::figures::Figures;
use super::proofs;
use super::targets;
use super::text::{bytes, counted, duration, one_line, percent, sentence, shorten, whole};
use comfy_table::{Table, presets};

/// Longest name of a run that the table shows, in characters.
const NAME: usize = 60;

/// A table of what came of a run, without colours or a final line break.
pub fn summary_table(facts: &Facts<'_>) -> String {
    let figures = Figures::of(facts);
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), one_line(&value).replace('\u{a0}', " ")]);
    };
    row("Run", shorten(facts.plan.name(), NAME));
    row("Plan", facts.plan.digest().to_string());
    row("Ended", sentence(facts.finish));
    row("Accuracy", accuracy(&figures));
    row("Rounds", format!("{} released, {} aborted", figures.released, figures.aborted));
    let all = counted(facts.plan.participants(), "participant");
    row("Took part", format!("{} of {all} planned", figures.parts.len()));
    row("Bytes", format!("{} up, {} down", bytes(figures.bytes_up), bytes(figures.bytes_down)));
    if let Some((target, point)) = targets::all(facts).last() {
        let (up, down) = (bytes(point.up), bytes(point.down));
        let after = whole(point.after.into());
        let target = percent(*target);
        row("Reached", format!("{target} after round {after}: {up} up, {down} down"));
    }
    if let Some(line) = proofs::line(facts) {
        row("Proofs", line);
    }
    let median = figures.median_round_ms.map(|ms| format!(", {} per round (median)", duration(ms)));
    row("Time", duration(figures.wall_ms) + &median.unwrap_or_default());
    let (spend, meaning) = figures.privacy.words();
    row("Privacy", format!("{spend}: {meaning}"));
    row("Model", facts.model_digest.to_string());
    row("Log", format!("{}, {} entries", facts.audit.origin, whole(facts.audit.size)));
    row("Log root", facts.audit.root.to_string());
    table.to_string()
}

fn accuracy(figures: &Figures<'_>) -> String {
    let Some(latest) = figures.latest else { return "not measured".into() };
    let model = latest.model();
    let share = percent(latest.evaluation.accuracy());
    let examples = whole(latest.evaluation.examples);
    format!("{share} of {examples} held-out examples ({model}, {})", latest.judge.name())
}
