//! Aggregators under attack: a table for the terminal, figures as CSV and JSON, and a page with
//! heat maps that needs nothing else.

use super::chart::{Field, HeatMap, Label};
use super::page::document;
use super::table::Table;
use super::text::{counted, escape, number};
use comfy_table::{CellAlignment, Table as Terminal, presets};
use serde_json::{Value, json as value};
use tacit_sim::attack::Chosen;
use tacit_sim::attack::grid::{Cell, Grid, Measured, NO_ATTACK};

/// What the outputs are made from.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// What was asked.
    pub grid: &'a Grid<'a>,
    /// What came of it, as [`Grid::run`] gives it.
    pub cells: &'a [Vec<Cell>],
    /// Version of tacit.
    pub version: &'a str,
}

type Figure = fn(&Measured) -> Option<f64>;

const ACCURACY: Figure = |run| Some(run.accuracy);
const SUCCESS: Figure = |run| run.success;

/// Mean over the seeds, smallest and largest; `None` where nothing was measured.
fn spread(cell: &Cell, figure: Figure) -> Option<(f64, f64, f64)> {
    let Cell::Measured(runs) = cell else { return None };
    let values: Vec<f64> = runs.iter().filter_map(figure).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    Some((mean, low, high))
}

fn share(x: f64) -> String {
    number(x * 100.0, 1)
}

fn short(cell: &Cell, figure: Figure) -> String {
    spread(cell, figure).map_or_else(|| "–".into(), |(mean, ..)| share(mean))
}

/// One cell in words.
pub fn said(cell: &Cell) -> String {
    let runs = match cell {
        Cell::Refused(why) => return format!("left out: {why}"),
        Cell::Measured(runs) => runs,
    };
    let mut words = Vec::new();
    for (name, figure) in [("accuracy", ACCURACY), ("success", SUCCESS)] {
        match spread(cell, figure) {
            Some((mean, low, high)) if runs.len() > 1 => {
                words.push(format!("{name} {} % ({} to {})", share(mean), share(low), share(high)))
            }
            Some((mean, ..)) => words.push(format!("{name} {} %", share(mean))),
            None => {}
        }
    }
    let (refused, aborted): (u64, usize) =
        runs.iter().fold((0, 0), |(r, a), run| (r + run.refused, a + run.aborted));
    if refused > 0 {
        words.push(format!("{refused} contributions refused"));
    }
    if aborted > 0 {
        words.push(format!("{aborted} rounds aborted"));
    }
    words.extend(runs.iter().filter_map(|run| run.failed.clone()).take(1));
    words.join(", ")
}

fn name(attack: Option<&Chosen>) -> &'static str {
    attack.map_or(NO_ATTACK, Chosen::name)
}

/// A row for every attack and what it is called: one more where it has a goal of its own.
fn rows(facts: &Facts<'_>) -> Vec<(String, usize, Figure)> {
    let mut rows = Vec::new();
    for (column, attack) in facts.grid.attacks.iter().enumerate() {
        rows.push((name(attack.as_ref()).to_owned(), column, ACCURACY));
        let aims = facts.cells.iter().any(|row| spread(&row[column], SUCCESS).is_some());
        if aims {
            rows.push((format!("{}: success", name(attack.as_ref())), column, SUCCESS));
        }
    }
    rows
}

/// Why rules are left out, one line each.
fn left_out(facts: &Facts<'_>) -> Vec<String> {
    let reason = |(aggregator, row): (&&str, &Vec<Cell>)| match row.first()? {
        Cell::Refused(why) => Some(format!("{aggregator}: {why}")),
        Cell::Measured(_) => None,
    };
    facts.grid.aggregators.iter().zip(facts.cells).filter_map(reason).collect()
}

fn setting(facts: &Facts<'_>) -> String {
    let grid = facts.grid;
    let all = grid.plan.participants();
    format!(
        "{} of {all} participants hostile, {}",
        grid.byzantine,
        counted(grid.seeds as usize, "seed")
    )
}

/// The table for a terminal: accuracies in percent, an attack per row.
pub fn table(facts: &Facts<'_>) -> String {
    let mut table = Terminal::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let mut head = vec!["accuracy in %".to_owned()];
    head.extend(facts.grid.aggregators.iter().map(|name| name.replace('-', "-\n")));
    table.set_header(head);
    for (title, column, figure) in rows(facts) {
        let mut row = vec![title];
        row.extend(facts.cells.iter().map(|cells| short(&cells[column], figure)));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut out = format!("{}\n{}", table.trim_fmt(), setting(facts).replace('\u{a0}', " "));
    for line in left_out(facts) {
        out += &format!("\nleft out, {line}");
    }
    for (aggregator, row) in facts.grid.aggregators.iter().zip(facts.cells) {
        for (attack, cell) in facts.grid.attacks.iter().zip(row) {
            if matches!(cell, Cell::Measured(runs) if runs.iter().any(|run| run.aborted > 0)) {
                out += &format!("\n{aggregator} under {}: {}", name(attack.as_ref()), said(cell));
            }
        }
    }
    out
}

/// One line per run; reasons as text in quotes.
pub fn csv(facts: &Facts<'_>) -> String {
    let mut out = String::from("aggregator,attack,seed,accuracy,success,refused,aborted,note\n");
    let quoted = |text: &str| match text {
        "" => String::new(),
        text => format!("\"{}\"", text.replace('"', "\"\"")),
    };
    for (aggregator, row) in facts.grid.aggregators.iter().zip(facts.cells) {
        for (attack, cell) in facts.grid.attacks.iter().zip(row) {
            let attack = name(attack.as_ref());
            match cell {
                Cell::Refused(why) => {
                    out += &format!("{aggregator},{attack},,,,,,{}\n", quoted(why));
                }
                Cell::Measured(runs) => runs.iter().for_each(|run| {
                    let success = run.success.map(|x| x.to_string()).unwrap_or_default();
                    out += &format!(
                        "{aggregator},{attack},{},{},{success},{},{},{}\n",
                        run.seed,
                        run.accuracy,
                        run.refused,
                        run.aborted,
                        quoted(run.failed.as_deref().unwrap_or_default())
                    );
                }),
            }
        }
    }
    out
}

/// The figures as JSON; accuracies are shares.
pub fn json(facts: &Facts<'_>) -> Value {
    let run = |run: &Measured| {
        value!({
            "seed": run.seed, "accuracy": run.accuracy, "success": run.success,
            "refused": run.refused, "aborted": run.aborted, "failed": run.failed,
        })
    };
    let mut cells = Vec::new();
    for (aggregator, row) in facts.grid.aggregators.iter().zip(facts.cells) {
        for (attack, cell) in facts.grid.attacks.iter().zip(row) {
            let attack = name(attack.as_ref());
            cells.push(match cell {
                Cell::Refused(why) => {
                    value!({ "aggregator": aggregator, "attack": attack, "left_out": why })
                }
                Cell::Measured(runs) => {
                    let runs: Vec<Value> = runs.iter().map(run).collect();
                    value!({ "aggregator": aggregator, "attack": attack, "runs": runs })
                }
            });
        }
    }
    let plan = facts.grid.plan;
    value!({
        "format": "tacit/v1/attack",
        "plan": { "digest": plan.digest(), "toml": plan.to_toml() },
        "byzantine": facts.grid.byzantine,
        "participants": plan.participants(),
        "cells": cells,
    })
}

/// The page.
pub fn html(facts: &Facts<'_>) -> String {
    let plan = facts.grid.plan;
    let heading = format!("{} under attack", plan.name());
    let out: Vec<String> = left_out(facts).iter().map(|line| escape(line)).collect();
    let out = match out.as_slice() {
        [] => String::new(),
        lines => format!("<p>Left out: {}.</p>\n", lines.join("; ")),
    };
    let body = format!(
        "<header>\n<p class=\"eyebrow\">tacit · aggregators under attack</p>\n\
         <h1><bdi>{}</bdi></h1>\n<p class=\"result\">{}.</p>\n<dl class=\"facts\">\
         <div><dt>Plan</dt><dd><code>{}</code></dd></div></dl>\n</header>\n\
         <figure>\n<figcaption><h2>Accuracy</h2><p>Share of test examples that the last model \
         answers correctly, in percent, mean over the seeds; {SUCCESS_NOTE}</p></figcaption>\n\
         <div class=\"picture narrow\">{}</div>\n{out}<details><summary>The data as a table\
         </summary><div class=\"scroll\">{}</div></details>\n</figure>\n\
         <section>\n<h2>Plan</h2>\n<p>As it was parsed; each run names its own aggregator, whose \
         <code>num_byzantine</code> is the number of hostile participants, and its own seed.</p>\n\
         <details><summary>The plan</summary><pre>{}</pre></details>\n</section>\n\
         <footer><p class=\"made\">Made by tacit {}.</p></footer>\n",
        escape(plan.name()),
        escape(&setting(facts)),
        plan.digest(),
        picture(facts).unwrap_or_default(),
        whole_table(facts).html(),
        escape(&plan.to_toml()),
        escape(facts.version),
    );
    document(&escape(&heading), &body)
}

const SUCCESS_NOTE: &str = "“success” is the share of triggered test examples that it answers as \
                            the adversary wants, which should be small.";

fn picture(facts: &Facts<'_>) -> Option<String> {
    let field = |cells: &Vec<Cell>, column: usize, figure: Figure| {
        let cell = &cells[column];
        Field {
            share: spread(cell, figure).map(|(mean, ..)| mean),
            text: short(cell, figure),
            title: said(cell),
        }
    };
    let row = |(title, column, figure): (String, usize, Figure)| {
        (title, facts.cells.iter().map(|cells| field(cells, column, figure)).collect())
    };
    let map = HeatMap {
        label: Label {
            id: "attack",
            title: "Accuracy by attack and aggregator".into(),
            description: "A row for every attack, a column for every aggregator; the table below \
                          holds the same figures."
                .into(),
        },
        columns: facts.grid.aggregators.iter().map(|name| (*name).to_owned()).collect(),
        rows: rows(facts).into_iter().map(row).collect(),
    };
    map.svg()
}

fn whole_table(facts: &Facts<'_>) -> Table {
    let mut rows = Vec::new();
    for (aggregator, row) in facts.grid.aggregators.iter().zip(facts.cells) {
        for (attack, cell) in facts.grid.attacks.iter().zip(row) {
            rows.push(vec![(*aggregator).to_owned(), name(attack.as_ref()).to_owned(), said(cell)]);
        }
    }
    let head = vec!["Aggregator", "Attack", "What came of it"];
    Table { caption: setting(facts), head, rows }
}
