//! A comparison as CSV (RFC 4180): numbers without units or thousands' marks.

use super::Comparison;
use super::run::{Point, Run};
use super::series::{Series, Spread};

/// A named figure of a measured model.
type Figure = (&'static str, fn(&Point) -> f64);

/// What is told of the model that reached the target.
const FIGURES: [Figure; 4] = [
    ("rounds_to_target", |point| f64::from(point.after)),
    ("bytes_up_to_target", |point| point.up as f64),
    ("bytes_down_to_target", |point| point.down as f64),
    ("ms_to_target", |point| point.elapsed_ms as f64),
];

impl Comparison {
    /// Every measured model of every run, one per line. Bytes and milliseconds are totals since
    /// the run began.
    pub fn points_csv(&self) -> String {
        let mut out =
            String::from("series,run,seed,round,accuracy,loss,bytes_up,bytes_down,elapsed_ms\r\n");
        for (series, run) in self.series.iter().flat_map(|s| s.runs.iter().map(move |r| (s, r))) {
            let head = [quote(&series.name), quote(&run.folder)].join(",");
            for Point { after, accuracy, loss, up, down, elapsed_ms } in &run.points {
                let seed = run.plan.seed_number();
                out += &format!(
                    "{head},{seed},{after},{accuracy},{loss},{up},{down},{elapsed_ms}\r\n"
                );
            }
        }
        out
    }

    /// The table of series: mean, sample standard deviation, lowest and highest of each figure.
    /// Figures to the target are over the runs that reached it.
    pub fn table_csv(&self) -> String {
        let names = ["final_accuracy", "best_accuracy"].into_iter();
        let names = names.chain(FIGURES.iter().map(|figure| figure.0));
        let mut out = String::from("series,runs,target,reached");
        for name in names {
            out += &format!(",{name}_mean,{name}_sd,{name}_low,{name}_high");
        }
        out += "\r\n";
        for series in &self.series {
            out += &self.line(series);
            out += "\r\n";
        }
        out
    }

    fn line(&self, series: &Series) -> String {
        let reached = |run: &Run| self.target.and_then(|target| run.reached(target).copied());
        let mut cells = vec![quote(&series.name), series.runs.len().to_string()];
        cells.push(self.target.map_or_else(String::new, |target| target.to_string()));
        cells.push(series.runs.iter().filter_map(reached).count().to_string());
        let accuracy = |run: &Run| run.last().map(|point| point.accuracy);
        let mut spreads = vec![series.spread(accuracy), series.spread(|run| Some(run.best()))];
        for (_, figure) in FIGURES {
            spreads.push(series.spread(|run| reached(run).map(|point| figure(&point))));
        }
        cells.extend(spreads.into_iter().flat_map(four));
        cells.join(",")
    }
}

fn four(spread: Option<Spread>) -> [String; 4] {
    let Some(Spread { mean, deviation, low, high }) = spread else { return Default::default() };
    [mean, deviation, low, high].map(|x| x.to_string())
}

/// A cell, in quotes where it needs them.
fn quote(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
