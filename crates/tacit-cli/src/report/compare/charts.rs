//! The charts of a comparison.

use super::Comparison;
use super::run::Point;
use super::series::Series;
use crate::report::chart::{BandChart, Banded, Label, Unit};
use crate::report::charts::Chart;
use crate::report::sample::even;
use crate::report::table::Table;
use crate::report::text::{self, counted, duration, percent, whole};

/// Rows of a chart's table for each series.
const ROWS: usize = 60;

/// One kind of picture: what is drawn over what.
struct Kind {
    id: &'static str,
    heading: &'static str,
    caption: &'static str,
    across: (Unit, &'static str),
    x: fn(&Point) -> f64,
    tell_x: fn(f64) -> String,
    unit: Unit,
    y: fn(&Point) -> f64,
    tell_y: fn(f64) -> String,
}

const ROUND: fn(&Point) -> f64 = |point| f64::from(point.after);
const TELL_ROUND: fn(f64) -> String = |round| whole(round as u64);
const ACCURACY: fn(&Point) -> f64 = |point| point.accuracy;

const KINDS: [Kind; 4] = [
    Kind {
        id: "accuracy",
        heading: "Accuracy",
        caption: "Share of held-out examples answered correctly.",
        across: (Unit::Whole, "round"),
        x: ROUND,
        tell_x: TELL_ROUND,
        unit: Unit::Percent,
        y: ACCURACY,
        tell_y: percent,
    },
    Kind {
        id: "loss",
        heading: "Loss",
        caption: "Mean cross-entropy on the held-out examples, in nats.",
        across: (Unit::Whole, "round"),
        x: ROUND,
        tell_x: TELL_ROUND,
        unit: Unit::Number,
        y: |point| point.loss,
        tell_y: text::loss,
    },
    Kind {
        id: "bytes",
        heading: "Accuracy against bytes",
        caption: "Bytes from and to all participants, up to the measured model.",
        across: (Unit::Bytes, "bytes up and down"),
        x: |point| point.up as f64 + point.down as f64,
        tell_x: |bytes| text::bytes(bytes as u64),
        unit: Unit::Percent,
        y: ACCURACY,
        tell_y: percent,
    },
    Kind {
        id: "time",
        heading: "Accuracy against time",
        caption: "Time since the first cohort was drawn, by each run’s own clock.",
        across: (Unit::Milliseconds, "time"),
        x: |point| point.elapsed_ms as f64,
        tell_x: |time| duration(time as u64),
        unit: Unit::Percent,
        y: ACCURACY,
        tell_y: percent,
    },
];

/// Every chart, in the order of the page. Virtual time and that of a machine do not share one.
pub(super) fn all(of: &Comparison) -> Vec<Chart> {
    let played = of.runs().filter(|run| run.is_virtual()).count();
    let mixed = played > 0 && played < of.runs().count();
    let kinds = KINDS.iter().filter(|kind| !(mixed && kind.id == "time"));
    kinds.map(|kind| draw(of, kind)).collect()
}

fn draw(of: &Comparison, kind: &Kind) -> Chart {
    let curve = |series: &Series| Banded {
        name: series.name.clone(),
        places: series.curve(kind.x, kind.y),
    };
    let series: Vec<Banded> = of.series.iter().map(curve).collect();
    let said = series.iter().filter_map(|series| {
        let last = series.places.last()?;
        let (mean, x) = ((kind.tell_y)(last.mean), (kind.tell_x)(last.x));
        Some(format!("{}: {mean} at {} {x}", series.name, kind.across.1))
    });
    let description = said.collect::<Vec<_>>().join("; ");
    let title = format!("{} over {}", kind.heading, kind.across.1);
    let target = of.target.filter(|_| kind.unit == Unit::Percent);
    let table = table(kind, &series);
    let chart = BandChart {
        label: Label { id: kind.id, title, description },
        across: kind.across,
        unit: kind.unit,
        series,
        target: target.map(|value| (value, format!("target {}", percent(value)))),
    };
    let mut caption = kind.caption.to_owned();
    if of.series.iter().any(|series| series.runs.len() > 1) {
        caption += " Lines are means over seeds, bands reach from the lowest to the highest run.";
    }
    Chart { heading: kind.heading, caption, svg: chart.svg(), tall: false, table }
}

fn table(kind: &Kind, series: &[Banded]) -> Table {
    let rows = series.iter().flat_map(|series| {
        let places = even(&series.places, ROWS).into_iter();
        places.map(|place| {
            let values = [place.mean, place.low, place.high].map(kind.tell_y);
            let mut row = vec![series.name.clone(), (kind.tell_x)(place.x)];
            row.extend(values);
            row
        })
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let caption = format!("{}, at most {ROWS} for each series", counted(rows.len(), "row"));
    Table { caption, head: vec!["series", kind.across.1, "mean", "lowest", "highest"], rows }
}
