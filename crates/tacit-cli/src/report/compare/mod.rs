//! Several runs beside each other: one HTML page that needs nothing else, tables as CSV, and a
//! table for the terminal. Runs whose plans differ only in name and seed are one series: a mean
//! with a band from its lowest to its highest run.

mod charts;
mod csv;
mod page;
mod run;
mod series;
mod settings;
mod terminal;

#[cfg(test)]
mod tests;

pub use run::Run;

use super::figures::Judge;
use series::Series;
use settings::Settings;
use tacit_core::error::Error;

/// Series on one page: more curves cannot be told apart.
const SERIES: usize = 32;

/// Runs put beside each other.
#[derive(Debug)]
pub struct Comparison {
    series: Vec<Series>,
    /// Who measured the models, the same for all.
    judge: Judge,
    target: Option<f64>,
    /// What the plans differ in, apart from name and seed.
    differing: Vec<String>,
}

impl Comparison {
    /// Groups `runs`; `target` is the accuracy that rounds, bytes and time are counted to, by
    /// default the plans' own where they have the same.
    ///
    /// # Errors
    /// No runs, runs of different data or measured by different parties, more series than a page
    /// can show.
    pub fn new(runs: Vec<Run>, target: Option<f64>) -> Result<Self, Error> {
        let Some(first) = runs.first() else {
            return Err(Error::caller("runs", "at least one run's folder", "none"));
        };
        let judge = first.judge;
        for run in &runs {
            settings::same_data(first, run)?;
            if run.judge != judge {
                let told = |run: &Run| format!("{} by {}", run.folder, run.judge.name());
                let expected = format!("all measured like {}", told(first));
                return Err(Error::caller("measurements of the runs", expected, told(run)));
            }
        }
        let own = first.plan.evaluation().target_accuracy;
        let agreed = runs.iter().all(|run| run.plan.evaluation().target_accuracy == own);
        let target = target.or(own.filter(|_| agreed));

        let mut groups: Vec<(Settings, Vec<Run>)> = Vec::new();
        for run in runs {
            let settings = Settings::of(&run.plan);
            match groups.iter_mut().find(|(of, _)| *of == settings) {
                Some((_, runs)) => runs.push(run),
                None => groups.push((settings, vec![run])),
            }
        }
        if groups.len() > SERIES {
            let expected = format!("at most {SERIES} plans that differ in more than the seed");
            return Err(Error::caller("runs", expected, groups.len().to_string()));
        }
        let all: Vec<&Settings> = groups.iter().map(|(settings, _)| settings).collect();
        let differing = settings::differing(&all);
        let names = series::names(&groups, &differing);
        let named = groups.into_iter().zip(names);
        let series = named.map(|((settings, runs), name)| Series::new(name, settings, runs));
        Ok(Self { series: series.collect(), judge, target, differing })
    }

    fn runs(&self) -> impl Iterator<Item = &Run> {
        self.series.iter().flat_map(|series| &series.runs)
    }

    /// What was put beside what, in one sentence.
    fn words(&self) -> String {
        use super::text::counted;
        let runs = self.runs().count();
        let word = if self.series.len() == 1 { "one series" } else { "series" };
        match self.series.len() {
            1 => format!("{} in {word}", counted(runs, "run")),
            n => format!("{} in {n} {word}, one for each plan", counted(runs, "run")),
        }
    }
}
