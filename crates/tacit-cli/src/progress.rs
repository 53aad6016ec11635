//! Progress of a run: bars on a terminal, one line per round elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use tacit_core::account::Epsilon;
use tacit_core::history::RoundReport;
use tacit_core::plan::Plan;
use tacit_node::coordinator::Progress;

/// Shows progress events.
pub struct Display {
    bars: Option<Bars>,
}

struct Bars {
    all: MultiProgress,
    rounds: ProgressBar,
    cohort: ProgressBar,
}

impl Display {
    /// Bars if standard error is a terminal.
    pub fn new(plan: &Plan) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bars: None };
        }
        let style = |template: &str| {
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("█▌ ")
        };
        let all = MultiProgress::new();
        let rounds = all.add(ProgressBar::new(plan.num_rounds().into()));
        rounds.set_style(style("rounds       {bar:30.cyan} {pos}/{len}  {msg}  {eta} left"));
        let cohort = all.add(ProgressBar::new(plan.cohort().size as u64));
        cohort.set_style(style("participants {bar:30.green} {pos}/{len}  {msg}"));
        Self { bars: Some(Bars { all, rounds, cohort }) }
    }

    /// Shows one event.
    pub fn show(&self, progress: &Progress) {
        match progress {
            Progress::Enrolled { enrolled } => {
                if let Some(bars) = &self.bars {
                    bars.cohort.set_message(format!("{enrolled} enrolled"));
                }
            }
            Progress::Accepted { accepted, cohort, bytes_up, round } => {
                if let Some(bars) = &self.bars {
                    bars.cohort.set_length(*cohort as u64);
                    bars.cohort.set_position(*accepted as u64);
                    let bytes = indicatif::HumanBytes(*bytes_up);
                    bars.cohort.set_message(format!("round {round}, {bytes} received"));
                }
            }
            Progress::Round(report) => self.round(report),
            Progress::Finished(_) => self.clear(),
        }
    }

    fn round(&self, report: &RoundReport) {
        match &self.bars {
            Some(bars) => {
                bars.rounds.set_position(report.round.into());
                let spent = spent(report);
                let loss = report.evaluation.as_ref().map(|e| e.loss);
                bars.rounds.set_message(match (report.accuracy(), loss) {
                    (Some(accuracy), Some(loss)) => {
                        format!("accuracy {accuracy:.4}, loss {loss:.3}{spent}")
                    }
                    (Some(accuracy), None) => format!("accuracy {accuracy:.4}{spent}"),
                    _ => String::new(),
                });
                if let Some(why) = &report.aborted {
                    let _ = bars.all.println(format!("Round {} aborted: {why}", report.round));
                }
            }
            None => println!("{}", line(report)),
        }
    }

    /// Removes the bars.
    pub fn clear(&self) {
        if let Some(bars) = &self.bars {
            bars.rounds.finish_and_clear();
            bars.cohort.finish_and_clear();
        }
    }
}

/// One round as one line.
pub fn line(report: &RoundReport) -> String {
    let round = report.round;
    let spent = spent(report);
    match (&report.aborted, report.accuracy()) {
        (Some(why), _) => format!("Round {round} aborted: {why}"),
        (None, Some(accuracy)) => format!("Round {round} complete. Accuracy: {accuracy:.4}{spent}"),
        (None, None) => format!("Round {round} complete.{spent}"),
    }
}

/// What the run has spent up to a round, where its releases have noise.
fn spent(report: &RoundReport) -> String {
    let told =
        |epsilon: Epsilon| format!(", epsilon {:.3} at delta {:e}", epsilon.upper, epsilon.delta);
    report.epsilon.map_or_else(String::new, told)
}
