//! A comparison as one HTML page.

use super::series::Series;
use super::settings::Settings;
use super::{Comparison, charts};
use crate::report::chart;
use crate::report::page::{document, figure};
use crate::report::text::{NOTHING, counted, escape, percent, sentence, whole};

impl Comparison {
    /// The page: no script, no other resource; also well-formed XML.
    pub fn html(&self, version: &str) -> String {
        let drawn: String = charts::all(self).iter().map(figure).collect();
        let body = [
            self.header(),
            self.figures(),
            format!("<section class=\"charts\" aria-label=\"Charts\">\n{drawn}</section>\n"),
            self.settings(),
            self.runs_table(),
            footer(version),
        ];
        document("Comparison of runs – tacit", &body.concat())
    }

    fn header(&self) -> String {
        let target = self.target.map(|t| format!("; target accuracy {}", percent(t)));
        let words = format!(
            "{}, measured on the {} held-out examples{}.",
            sentence(&self.words()),
            self.judge.possessive(),
            target.unwrap_or_default()
        );
        format!(
            "<header>\n<p class=\"eyebrow\">tacit · comparison of runs</p>\n<h1>{}</h1>\n\
             <p class=\"result\">{}</p>\n</header>\n",
            escape(&self.title()),
            escape(&words)
        )
    }

    fn title(&self) -> String {
        match &self.series[..] {
            [one] => one.name.clone(),
            [a, b] => format!("{} and {}", a.name, b.name),
            all => counted(all.len(), "plan"),
        }
    }

    fn figures(&self) -> String {
        let mut out = String::from(
            "<section>\n<h2>Figures</h2>\n<p>Accuracy: mean ± sample standard deviation over \
             seeds. To the target: the mean over the runs that reached it, with the range.</p>\n\
             <div class=\"scroll\"><table class=\"series\"><thead><tr>",
        );
        for cell in self.head() {
            out += &format!("<th scope=\"col\">{}</th>", escape(cell));
        }
        out += "</tr></thead><tbody>";
        for (index, row) in self.rows().iter().enumerate() {
            out += &format!("<tr><th scope=\"row\">{}{}</th>", swatch(index), escape(&row[0]));
            for cell in &row[1..] {
                out += &format!("<td>{}</td>", escape(cell));
            }
            out += "</tr>";
        }
        out + "</tbody></table></div>\n</section>\n"
    }

    fn settings(&self) -> String {
        let common = match self.series.first() {
            Some(first) => first.runs.first().map(|run| run.plan.to_toml()).unwrap_or_default(),
            None => String::new(),
        };
        let mut out = String::from("<section>\n<h2>What the plans differ in</h2>\n");
        if self.differing.is_empty() {
            out += "<p>In nothing but name and seed.</p>\n";
        } else {
            out += "<p>Apart from name and seed; every other setting is the same.</p>\n\
                    <div class=\"scroll\"><table class=\"settings\"><thead><tr>\
                    <th scope=\"col\">setting</th>";
            for (index, series) in self.series.iter().enumerate() {
                let name = escape(&series.name);
                out += &format!("<th scope=\"col\">{}{name}</th>", swatch(index));
            }
            out += "</tr></thead><tbody>";
            for key in &self.differing {
                out += &setting(key, self.series.iter().map(|series| &series.settings));
            }
            out += "</tbody></table></div>\n";
        }
        out += &format!(
            "<details><summary>The plan of the first run</summary><pre>{}</pre></details>\n\
             </section>\n",
            escape(&common)
        );
        out
    }

    fn runs_table(&self) -> String {
        let rows: String = self.series.iter().flat_map(runs).collect();
        format!(
            "<section>\n<h2>Runs</h2>\n<div class=\"scroll tall\" role=\"region\" \
             aria-label=\"Runs\" tabindex=\"0\"><table class=\"settings\"><thead><tr>\
             <th scope=\"col\">run</th><th scope=\"col\">series</th><th scope=\"col\">seed</th>\
             <th scope=\"col\">rounds</th><th scope=\"col\">final accuracy</th>\
             <th scope=\"col\">best</th><th scope=\"col\">ended</th></tr></thead><tbody>{rows}\
             </tbody></table></div>\n</section>\n"
        )
    }
}

/// A sample of a series' line.
fn swatch(index: usize) -> String {
    format!(
        "<svg class=\"chart swatch\" viewBox=\"0 0 30 10\" aria-hidden=\"true\">\
         <path class=\"{}\" d=\"M1 5h28\"/></svg>",
        chart::class(index)
    )
}

fn setting<'a>(key: &str, all: impl Iterator<Item = &'a Settings>) -> String {
    let cell = |settings: &Settings| match settings.value(key) {
        "" => format!("<td>{NOTHING}</td>"),
        value => format!("<td><code>{}</code></td>", escape(value)),
    };
    let cells: String = all.map(cell).collect();
    format!("<tr><th scope=\"row\"><code>{}</code></th>{cells}</tr>", escape(key))
}

fn runs(series: &Series) -> Vec<String> {
    let row = |run: &super::Run| {
        let last = run.last().map_or_else(|| NOTHING.into(), |point| percent(point.accuracy));
        let mut rounds = format!("{} released", whole(run.released as u64));
        if run.aborted > 0 {
            rounds += &format!(", {} aborted", whole(run.aborted as u64));
        }
        let cells = [
            series.name.clone(),
            run.plan.seed_number().to_string(),
            rounds,
            last,
            percent(run.best()),
            run.finish.clone().unwrap_or_else(|| "not yet".into()),
        ];
        let cells = cells.map(|cell| format!("<td>{}</td>", escape(&cell))).concat();
        let folder = escape(&run.folder);
        format!("<tr><th scope=\"row\"><bdi>{folder}</bdi></th>{cells}</tr>")
    };
    series.runs.iter().map(row).collect()
}

fn footer(version: &str) -> String {
    format!(
        "<footer>\n<div>\n<h2>What the figures mean</h2>\n<ul>\n\
         <li>Runs whose plans differ only in name and seed are one series. Lines are drawn over \
         the rounds after which every run of the series was measured.</li>\n\
         <li>Bytes and time are totals from the first cohort to the measured model; bytes of \
         aborted rounds are not counted.</li>\n\
         <li>Time is by each run’s own clock: that of the machine, or virtual where the plan \
         describes devices. Times of different machines do not compare.</li>\n</ul>\n</div>\n\
         <div>\n<h2>What they do not show</h2>\n<ul>\n\
         <li>A band of few seeds is no confidence interval.</li>\n\
         <li>A rule that was tuned better than another looks better: say how both were \
         tuned.</li>\n</ul>\n</div>\n<p class=\"made\">Made by tacit {}.</p>\n</footer>\n",
        escape(version)
    )
}
