//! The charts of a run: what each draws, says and tabulates.

use super::Facts;
use super::chart::{Bar, BarChart, Label, LineChart, Row, RowChart, Series, Unit};
use super::figures::{Figures, Judge, Part, curve, is_released, round_ms};
use super::proofs::{self, Proved};
use super::sample::{even, per_bar};
use super::table::Table;
use super::text::{self, counted, duration, percent, whole};
use std::collections::BTreeMap;
use tacit_core::history::RoundReport;
use tacit_core::messages::Evaluation;

/// A chart with its words.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) heading: &'static str,
    pub(super) caption: String,
    pub(super) svg: Option<String>,
    /// Whether the picture is so tall that the page should show a part of it.
    pub(super) tall: bool,
    pub(super) table: Table,
}

/// Rows of a chart's table: a screen or two; all rounds are in the run's history.
const TABLE_ROWS: usize = 120;

/// Bars in one chart: each some 7 wide.
const BARS: usize = 60;

/// Rows of a picture that the page shows without scrolling.
const SHORT: usize = 24;

/// Participants and classes drawn one by one.
const SINGLE_ROWS: usize = 50;

/// Every chart, in the order of the page.
pub(super) fn all(facts: &Facts<'_>, figures: &Figures<'_>) -> Vec<Chart> {
    let mut charts = vec![
        accuracy(facts),
        loss(facts),
        traffic(facts.history),
        timing(facts.history),
        classes(figures),
        contributions(figures),
    ];
    charts.extend(proofs::rule(facts).map(|_| proving(facts.history)));
    charts
}

fn accuracy(facts: &Facts<'_>) -> Chart {
    let series = [
        ("coordinator’s test set", judged(facts, Judge::Coordinator, Evaluation::accuracy)),
        ("participants’ held-out sets", judged(facts, Judge::Participants, Evaluation::accuracy)),
    ];
    let target = facts.plan.evaluation().target_accuracy;
    let target = target.map(|value| (value, format!("target {}", percent(value))));
    let caption = "Share of held-out examples that the model after each round answers correctly.";
    lines(facts, ("accuracy", "Accuracy", caption), (Unit::Percent, percent), &series, target)
}

fn loss(facts: &Facts<'_>) -> Chart {
    let trained = facts.history.iter().filter_map(|round| {
        let loss = round.train_loss().filter(|loss| loss.is_finite());
        loss.map(|loss| (f64::from(round.round), loss))
    });
    let series = [
        ("coordinator’s test set", judged(facts, Judge::Coordinator, |e| e.loss)),
        ("participants’ held-out sets", judged(facts, Judge::Participants, |e| e.loss)),
        ("training", trained.collect()),
    ];
    let caption = "Mean cross-entropy in nats; training: of the last local epoch, as participants \
                   report it, weighted by examples.";
    lines(facts, ("loss", "Loss", caption), (Unit::Number, text::loss), &series, None)
}

/// What `judge` measured, by the number of the round after which the model stood.
fn judged(facts: &Facts<'_>, judge: Judge, value: fn(&Evaluation) -> f64) -> Vec<(f64, f64)> {
    let points = curve(facts, judge).into_iter();
    let points = points.map(|m| (f64::from(m.after), value(m.evaluation)));
    points.filter(|point| point.1.is_finite()).collect()
}

/// A chart of curves, those without points left out.
fn lines(
    facts: &Facts<'_>,
    (id, heading, caption): (&'static str, &'static str, &str),
    (unit, tell): (Unit, fn(f64) -> String),
    all: &[(&'static str, Vec<(f64, f64)>)],
    target: Option<(f64, String)>,
) -> Chart {
    let kept = || all.iter().filter(|series| !series.1.is_empty());
    let span = |(name, points): &(&str, Vec<(f64, f64)>)| {
        let (first, last) = (points.first()?, points.last()?);
        let ends = (tell(first.1), first.0, tell(last.1), last.0);
        Some(format!(
            "{name}: {} after round {}, {} after round {}",
            ends.0, ends.1, ends.2, ends.3
        ))
    };
    let said: Vec<String> = kept().filter_map(span).collect();
    let label = Label { id, title: format!("{heading} per round"), description: said.join("; ") };
    let aborted = facts.history.iter().filter(|round| !is_released(round));
    let chart = LineChart {
        label,
        unit,
        series: kept().map(|(name, points)| Series { name, points: points.clone() }).collect(),
        aborted: aborted.map(|round| f64::from(round.round)).collect(),
        target,
    };

    // Rounds are whole and below 2³²: exact as keys.
    let mut rows: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (column, (_, points)) in kept().enumerate() {
        for (round, value) in points {
            let row = rows.entry(*round as u64).or_insert_with(|| {
                let mut row = vec![text::NOTHING.to_owned(); kept().count() + 1];
                row[0] = whole(*round as u64);
                row
            });
            row[column + 1] = tell(*value);
        }
    }
    let rows: Vec<Vec<String>> = rows.into_values().collect();
    let head = std::iter::once("after round").chain(kept().map(|series| series.0)).collect();
    let caption_of_table = sampled(rows.len(), "round");
    let table = Table { caption: caption_of_table, head, rows: even(&rows, TABLE_ROWS) };
    Chart { heading, caption: caption.into(), svg: chart.svg(), tall: false, table }
}

/// What a table that may leave rows out says about it.
fn sampled(rows: usize, noun: &str) -> String {
    if rows > TABLE_ROWS {
        format!("{TABLE_ROWS} of {}, at even distances", counted(rows, noun))
    } else {
        counted(rows, noun)
    }
}

fn traffic(history: &[RoundReport]) -> Chart {
    let released: Vec<&RoundReport> = history.iter().filter(|round| is_released(round)).collect();
    let tell = |bytes: f64| text::bytes(bytes as u64);
    let caption = "Bytes that participants sent and were sent; rounds that were aborted are not \
                   in it.";
    let words = ("traffic", "Bytes per round", caption);
    stacked(&released, words, (Unit::Bytes, tell), ["up", "down"], |round| {
        [round.bytes_up as f64, round.bytes_down as f64]
    })
}

fn timing(history: &[RoundReport]) -> Chart {
    let rounds: Vec<&RoundReport> = history.iter().collect();
    let tell = |time: f64| duration(time as u64);
    let caption = "From the drawn cohort to the last counted contribution, then aggregation and \
                   evaluation.";
    let words = ("timing", "Time per round", caption);
    stacked(&rounds, words, (Unit::Milliseconds, tell), ["collect", "aggregate"], |round| {
        [round.collect_ms as f64, round.aggregate_ms as f64]
    })
}

fn proving(history: &[RoundReport]) -> Chart {
    let rounds: Vec<&RoundReport> = history.iter().collect();
    let tell = |time: f64| duration(time as u64);
    let caption = "What one participant spends on its proof, the median, by the participants’ \
                   clocks; above it, by the coordinator’s, what verifying all of a round’s took.";
    let words = ("proving", "Time of proofs per round", caption);
    stacked(&rounds, words, (Unit::Milliseconds, tell), ["prove one", "verify all"], |round| {
        let proved = Proved::of(round);
        let prove = proved.prove_ms().map_or(0, |(median, _)| median);
        [prove as f64, proved.verify_ms().unwrap_or(0) as f64]
    })
}

/// A chart of stacked bars: a round each, or the mean of several.
fn stacked(
    rounds: &[&RoundReport],
    (id, heading, caption): (&'static str, &'static str, &str),
    (unit, tell): (Unit, fn(f64) -> String),
    names: [&'static str; 2],
    parts: fn(&RoundReport) -> [f64; 2],
) -> Chart {
    let size = per_bar(rounds.len(), BARS);
    let bar = |rounds: &[&RoundReport]| {
        let (first, last) = (rounds.first()?.round, rounds.last()?.round);
        let mean = |part: usize| {
            rounds.iter().map(|round| parts(round)[part]).sum::<f64>() / rounds.len() as f64
        };
        let parts = [mean(0), mean(1)];
        let name = name_of_rounds(first, last);
        let [lower, upper] = parts.map(tell);
        let note = format!("round {name}: {lower} {}, {upper} {}", names[0], names[1]);
        Some((Bar { first, last, parts, note }, vec![name, lower, upper]))
    };
    let (bars, rows): (Vec<Bar>, Vec<Vec<String>>) = rounds.chunks(size).filter_map(bar).unzip();
    let mut caption = caption.to_owned();
    if size > 1 {
        caption += &format!(" Each bar is the mean of {size} rounds.");
    }
    let totals = bars.iter().map(|bar| bar.parts[0] + bar.parts[1]);
    let highest = totals.fold(0.0, f64::max);
    let label = Label {
        id,
        title: format!("{heading}: {} and {}", names[0], names[1]),
        description: format!("{}, the highest {}", counted(bars.len(), "bar"), tell(highest)),
    };
    let table = Table {
        caption: counted(rows.len(), "bar"),
        head: vec!["round", names[0], names[1]],
        rows,
    };
    let svg = BarChart { label, unit, names, bars }.svg();
    Chart { heading, caption, svg, tall: false, table }
}

fn name_of_rounds(first: u32, last: u32) -> String {
    let (first, until) = (whole(first.into()), whole(last.into()));
    if first == until { first } else { format!("{first}–{until}") }
}

/// One class of the model that was measured last.
struct Class {
    number: usize,
    examples: u64,
    correct: u64,
}

impl Class {
    fn accuracy(&self) -> Option<f64> {
        (self.examples > 0).then(|| self.correct as f64 / self.examples as f64)
    }

    fn row(&self) -> Row {
        let text = match self.accuracy() {
            Some(share) => format!("{} of {}", percent(share), whole(self.examples)),
            None => "no examples".into(),
        };
        Row { name: format!("class {}", self.number), value: self.accuracy(), text, group: false }
    }
}

fn classes(figures: &Figures<'_>) -> Chart {
    let per_class = figures.latest.map(|m| m.evaluation.per_class.as_slice()).unwrap_or_default();
    let mut classes: Vec<Class> = per_class
        .iter()
        .enumerate()
        .map(|(number, &(examples, correct))| Class { number, examples, correct })
        .collect();
    let mut caption = match figures.latest {
        Some(m) if m.of_final_model => {
            "Share of each class that the final model gets right.".into()
        }
        Some(m) => {
            format!("Share of each class that the model after round {} gets right.", m.after)
        }
        None => String::new(),
    };
    if classes.len() > SINGLE_ROWS {
        let rank = |class: &Class| class.accuracy().unwrap_or(f64::INFINITY);
        classes.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
        caption += &format!(" The worst {SINGLE_ROWS} of {}, then the rest.", classes.len());
    }
    let rest = classes.split_off(classes.len().min(SINGLE_ROWS));
    let mut rows: Vec<Row> = classes.iter().map(Class::row).collect();
    if !rest.is_empty() {
        let sum = |part: fn(&Class) -> u64| rest.iter().map(part).fold(0, u64::saturating_add);
        let others =
            Class { number: 0, examples: sum(|c| c.examples), correct: sum(|c| c.correct) };
        let name = format!("{} others", whole(rest.len() as u64));
        rows.push(Row { name, group: true, ..others.row() });
    }
    let worst = classes.iter().filter(|class| class.accuracy().is_some());
    let worst =
        worst.min_by(|a, b| a.accuracy().unwrap_or(0.0).total_cmp(&b.accuracy().unwrap_or(0.0)));
    let description = worst.map_or_else(String::new, |class| {
        let share = percent(class.accuracy().unwrap_or(0.0));
        format!(
            "{}, the lowest class {} at {share}",
            counted(per_class.len(), "class"),
            class.number
        )
    });
    let title = "Accuracy per class".to_owned();
    let label = Label { id: "classes", title, description };
    let table = table_of(&rows, ["class", "correct"]);
    let tall = rows.len() > SHORT;
    let svg = RowChart { label, unit: Unit::Percent, full: 1.0, rows }.svg();
    Chart { heading: "Accuracy per class", caption, svg, tall, table }
}

fn table_of(rows: &[Row], head: [&'static str; 2]) -> Table {
    Table {
        caption: counted(rows.len(), "row"),
        head: head.to_vec(),
        rows: rows.iter().map(|row| vec![row.name.clone(), row.text.clone()]).collect(),
    }
}

fn contributions(figures: &Figures<'_>) -> Chart {
    let mut parts: Vec<(&str, &Part)> =
        figures.parts.iter().map(|(name, part)| (name.as_str(), part)).collect();
    // The most first; of equals the first by name, which is the map's order.
    parts.sort_by_key(|(_, part)| std::cmp::Reverse(part.examples));
    let total = parts.iter().map(|(_, part)| part.examples).fold(0, u64::saturating_add);
    // Where updates are hidden, so is how many examples they were learned from.
    let hidden = parts.iter().all(|(_, part)| part.examples == part.rounds);
    let mut caption = match hidden {
        true => {
            "Released rounds that counted the participant; how many examples it trained on, it \
             does not tell."
        }
        false => {
            "Examples trained on, summed over the released rounds that counted the participant; \
             as it reports them."
        }
    }
    .to_owned();
    if parts.len() > SINGLE_ROWS {
        caption += &format!(" The {SINGLE_ROWS} largest of {}, then the rest.", parts.len());
    }
    let rest = parts.split_off(parts.len().min(SINGLE_ROWS));
    let row = |name: String, part: &Part, group: bool| {
        let rounds = counted(part.rounds as usize, "round");
        let text = match hidden {
            true => rounds,
            false => format!("{} in {rounds}", whole(part.examples)),
        };
        Row { name, value: Some(part.examples as f64), text, group }
    };
    let mut rows: Vec<Row> =
        parts.iter().map(|(name, part)| row((*name).to_owned(), part, false)).collect();
    if !rest.is_empty() {
        // One of them on average: their sum would dwarf everybody else.
        let mean = |field: fn(&Part) -> u64| {
            rest.iter().map(|(_, part)| field(part)).fold(0, u64::saturating_add)
                / rest.len() as u64
        };
        let part = Part { examples: mean(|p| p.examples), rounds: mean(|p| p.rounds) };
        rows.push(row(format!("{} others, mean", whole(rest.len() as u64)), &part, true));
    }
    let label = Label {
        id: "contributions",
        title: "Contribution per participant".into(),
        description: format!(
            "{}, {} {} in all",
            counted(figures.parts.len(), "participant"),
            whole(total),
            if hidden { "contributions" } else { "examples" }
        ),
    };
    let table = table_of(&rows, ["participant", if hidden { "rounds" } else { "examples" }]);
    let tall = rows.len() > SHORT;
    let svg = RowChart { label, unit: Unit::Number, full: 0.0, rows }.svg();
    Chart { heading: "Contribution per participant", caption, svg, tall, table }
}

/// How long a round took in all, for the table of rounds.
pub(super) fn time_of(round: &RoundReport) -> String {
    duration(round_ms(round))
}
