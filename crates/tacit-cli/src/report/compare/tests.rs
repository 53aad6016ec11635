//! Comparisons of made-up runs.

use super::{Comparison, Run};
use serde_json::json;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::history::RoundReport;
use tacit_core::plan::Plan;

fn plan(text: &str) -> Plan {
    Plan::parse(text, &tacit_learn::registry().unwrap()).unwrap()
}

/// A round in which `correct` of 100 examples were answered correctly, by the model after it for
/// the coordinator, by the one before for participants.
fn round(number: u32, correct: u64, by: &str) -> RoundReport {
    let model = Digest::of_bytes(&number.to_le_bytes());
    let mut report = json!({
        "round": number,
        "opened_ms": 50_000 + 1_000 * number,
        "collect_ms": 300,
        "aggregate_ms": 20,
        "model_before": model,
        "model_after": model,
        "aborted": null,
        "cohort": 4,
        "contributions": [],
        "declined": {},
        "refusals": {},
        "evaluation": null,
        "participants_evaluation": null,
        "bytes_up": 1_000,
        "bytes_down": 3_000,
        "cost": null,
    });
    report[by] = json!({ "examples": 100, "correct": correct, "loss": 1.0 / correct as f64 });
    serde_json::from_value(report).unwrap()
}

fn run_of(folder: &str, text: &str, correct: &[u64]) -> Run {
    let rounds = correct.iter().zip(1..).map(|(&correct, n)| round(n, correct, "evaluation"));
    let rounds: Vec<RoundReport> = rounds.collect();
    Run::new(folder.into(), plan(text), &rounds, Some("every round was run".into())).unwrap()
}

fn two_series() -> Vec<Run> {
    vec![
        run_of("a-2", "seed = 2\nstrategy = \"fedprox\"", &[20, 40, 60]),
        run_of("b-1", "seed = 1", &[10, 30, 50, 90]),
        run_of("a-1", "seed = 1\nname = \"other\"\nstrategy = \"fedprox\"", &[30, 60, 80, 82]),
        run_of("<b&2>", "seed = 2", &[10, 20, 40, 50]),
    ]
}

#[test]
fn runs_that_differ_in_the_seed_are_one_series() {
    let comparison = Comparison::new(two_series(), Some(0.6)).unwrap();
    let [prox, avg] = &comparison.series[..] else { panic!("two series") };
    assert_eq!(comparison.differing, ["strategy"]);
    assert!(prox.name.starts_with("fedprox"), "{}", prox.name);
    assert_eq!(avg.name, "fedavg");
    assert_eq!(prox.runs.iter().map(|run| &*run.folder).collect::<Vec<_>>(), ["a-1", "a-2"]);
    // Only the rounds that both runs have.
    let curve = prox.curve(|p| f64::from(p.after), |p| p.accuracy);
    let told: Vec<[f64; 4]> = curve.iter().map(|p| [p.x, p.low, p.mean, p.high]).collect();
    assert_eq!(told, [[1.0, 0.2, 0.25, 0.3], [2.0, 0.4, 0.5, 0.6], [3.0, 0.6, 0.7, 0.8]]);
    let rows = comparison.rows();
    assert_eq!(rows[0][4], "2.5 (2–3)");
    assert_eq!(rows[0][5], "2.4\u{a0}KiB (2.0\u{a0}KiB–2.9\u{a0}KiB)");
    assert_eq!(rows[1][4], "4 (1 of 2 runs)");
    // Opened 3 s after the first, then 0.32 s.
    assert_eq!(rows[1][7], "3.3\u{a0}s");
    assert!(comparison.table().contains("target: 60.00 %"));
}

#[test]
fn the_page_is_whole_and_harmless() {
    let page = Comparison::new(two_series(), Some(0.6)).unwrap().html("1.2.3");
    let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let tree = roxmltree::Document::parse(body).unwrap();
    let named = |name: &'static str| tree.descendants().filter(move |n| n.has_tag_name(name));
    assert_eq!(named("figure").count(), 4);
    assert_eq!(named("script").count() + named("img").count() + named("link").count(), 0);
    assert!(page.contains("&lt;b&amp;2&gt;") && !page.contains("<b&2>"));
    let bands = tree.descendants().filter(|n| n.attribute("class") == Some("band c0")).count();
    assert_eq!(bands, 4);
    let mut ids: Vec<&str> = tree.descendants().filter_map(|n| n.attribute("id")).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn csv_has_every_measurement_and_every_figure() {
    let comparison = Comparison::new(two_series(), Some(0.6)).unwrap();
    let points = comparison.points_csv();
    assert_eq!(points.lines().count(), 1 + 3 + 4 + 4 + 4);
    assert!(points.contains("fedavg,b-1,1,2,0.3,0.03333333333333333,2000,6000,1320\r\n"));
    let table = comparison.table_csv();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    assert!(lines.iter().all(|line| line.len() == 4 + 4 * 6 + usize::from(line[0].contains('"'))));
    assert!(table.contains("fedavg,2,0.6,1,0.7,"), "{table}");
}

#[test]
fn virtual_time_is_told_apart() {
    let played = || run_of("v", "[devices]\nkind = \"generated\"", &[50, 70]);
    let alone = Comparison::new(vec![played()], Some(0.6)).unwrap();
    assert_eq!(alone.rows()[0][7], "1.3\u{a0}s, virtual");
    assert!(alone.html("1").contains("Accuracy against time"));
    let mixed = Comparison::new(vec![played(), run_of("a", "", &[50])], None).unwrap();
    assert!(!mixed.html("1").contains("Accuracy against time"));
}

#[test]
fn one_run_and_no_target() {
    let comparison = Comparison::new(vec![run_of("a", "name = \"x\"", &[50])], None).unwrap();
    assert_eq!(comparison.rows(), [["x", "1", "50.00\u{a0}%", "50.00\u{a0}%"]]);
    let page = comparison.html("1");
    assert!(page.contains("In nothing but name and seed") && !page.contains("class=\"band"));
    let own = "[evaluation]\ntarget_accuracy = 0.5";
    assert_eq!(Comparison::new(vec![run_of("a", own, &[50])], None).unwrap().target, Some(0.5));
}

#[test]
fn participants_measure_the_model_before() {
    let rounds = [1, 2].map(|n| round(n, 10 * u64::from(n), "participants_evaluation"));
    let run = Run::new("a".into(), plan(""), &rounds, None).unwrap();
    let last = run.last().unwrap();
    assert_eq!((last.after, last.up, last.down, last.elapsed_ms), (1, 1_000, 3_000, 1_000));
}

fn refusal(runs: Vec<Run>) -> String {
    let error = Comparison::new(runs, None).unwrap_err();
    assert!(matches!(error, Error::Caller(_)));
    error.to_string()
}

#[test]
fn what_does_not_compare_is_refused() {
    assert!(refusal(Vec::new()).contains("at least one run"));
    let other = run_of("b", "[data]\nheld_out = 0.3", &[10]);
    let text = refusal(vec![run_of("a", "", &[10]), other]);
    assert!(text.contains("data.held_out: 0.2 (a)") && text.contains("0.3 (b)"), "{text}");
    let measured = [round(1, 10, "participants_evaluation")];
    let other = Run::new("b".into(), plan(""), &measured, None).unwrap();
    let text = refusal(vec![run_of("a", "", &[10]), other]);
    assert!(text.contains("b by participants"), "{text}");
    let many = (1..=33).map(|n| run_of("a", &format!("num_rounds = {n}"), &[10]));
    assert!(refusal(many.collect()).contains("at most 32"));
    let none = Run::new("e".into(), plan(""), &[], None).unwrap_err().to_string();
    assert!(none.contains("e, where no round is over"), "{none}");
    let mut unmeasured = round(1, 10, "evaluation");
    unmeasured.evaluation = None;
    let none = Run::new("e".into(), plan(""), &[unmeasured], None).unwrap_err().to_string();
    assert!(none.contains("nobody measured"), "{none}");
}
