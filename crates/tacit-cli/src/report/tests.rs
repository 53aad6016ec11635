//! The report of made-up runs.

use super::{AuditFacts, Facts, attack, html, json, summary_table};
use std::collections::BTreeMap;
use tacit_core::account::Epsilon;
use tacit_core::digest::Digest;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::history::{ContributionReport, RoundReport};
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Evaluation, ProofHeader};
use tacit_core::plan::Plan;
use tacit_sim::attack::Chosen;
use tacit_sim::attack::grid::{Cell, Grid, Measured};

/// A repeatable number in 0..1 that looks like noise.
fn noise(a: u32, b: u32) -> f64 {
    let digest = Digest::of_parts("noise", &[&a.to_le_bytes(), &b.to_le_bytes()]);
    f64::from(u16::from_le_bytes([digest.0[0], digest.0[1]])) / 65_536.0
}

fn model(round: u32) -> Digest {
    Digest::of_bytes(&round.to_le_bytes())
}

fn plan(text: &str) -> Plan {
    Plan::parse(text, &tacit_learn::registry().unwrap()).unwrap()
}

fn measured(examples: u64, share: f64, round: u32) -> Evaluation {
    let class = |number: u32| {
        let examples = examples / 10;
        let share = (share + (noise(round, number) - 0.5) * 0.08).clamp(0.0, 1.0);
        (examples, (examples as f64 * share) as u64)
    };
    let per_class: Vec<(u64, u64)> = (0..10).map(class).collect();
    let correct = per_class.iter().map(|class| class.1).sum();
    Evaluation { examples, correct, loss: 0.05 + 2.1 * (1.0 - share), per_class }
}

/// Accuracy that a run of `rounds` might have reached.
fn learned(round: u32, rounds: u32) -> f64 {
    let progress = f64::from(round) / f64::from(rounds) * 9.0;
    0.1 + 0.87 * (1.0 - (-progress).exp()) + (noise(round, 99) - 0.5) * 0.02
}

fn round(round: u32, rounds: u32, participants: usize) -> RoundReport {
    let aborted = (round % 11 == 7).then(|| "3 contributions, the plan wants 11".to_owned());
    let contribution = |number: usize| ContributionReport {
        proof: None,
        participant: ParticipantId::numbered(number, participants),
        examples: 40 + 9 * number as u64,
        loss: 0.1 + 2.2 * (1.0 - learned(round, rounds)) * 0.9,
        fit_ms: 120,
        payload_bytes: 2_600,
    };
    let counted = |n: &usize| noise(round, 1_000 + *n as u32) < 0.9;
    let contributions: Vec<_> = (0..participants).filter(counted).map(contribution).collect();
    let bytes = 2_700 * contributions.len() as u64;
    let mut refusals = BTreeMap::new();
    if round.is_multiple_of(5) {
        refusals.insert("too-late".into(), 2);
        refusals.insert("norm-exceeded".into(), 1);
    }
    let mut declined = BTreeMap::new();
    if round.is_multiple_of(4) {
        declined.insert(ParticipantId::numbered(3, participants), "disk full".into());
    }
    let released = aborted.is_none();
    RoundReport {
        unproved: Default::default(),
        verify_ms: None,
        tally: None,
        round,
        opened_ms: 1_795_340_226_000 + u64::from(round) * 1_000,
        collect_ms: 240 + (noise(round, 5) * 160.0) as u64,
        aggregate_ms: if released { 60 + (noise(round, 6) * 40.0) as u64 } else { 0 },
        model_before: model(round - 1),
        model_after: model(if released { round } else { round - 1 }),
        aborted,
        cohort: participants,
        contributions,
        selected: (round == 2).then(|| (0..4).map(|n| ParticipantId::numbered(n, 5)).collect()),
        declined,
        refusals,
        evaluation: released.then(|| measured(360, learned(round, rounds), round)),
        participants_evaluation: Some(measured(280, learned(round - 1, rounds) - 0.03, round)),
        bytes_up: if released { bytes } else { 0 },
        bytes_down: if released { bytes + 1_900 } else { 0 },
        cost: released.then_some(Cost::Unbounded),
        epsilon: None,
    }
}

fn history(rounds: u32, participants: usize) -> Vec<RoundReport> {
    (1..=rounds).map(|number| round(number, rounds, participants)).collect()
}

struct Run {
    plan: Plan,
    history: Vec<RoundReport>,
    audit: AuditFacts,
    finish: String,
}

impl Run {
    fn new(plan_text: &str, history: Vec<RoundReport>) -> Self {
        let root = Digest::of_bytes(b"root");
        let audit = AuditFacts {
            origin: "tacit.example/digits".into(),
            size: 187,
            root,
            checkpoint: format!(
                "tacit.example/digits\n187\n{root}\n\n— tacit.example/digits c2ln\n"
            ),
        };
        Self { plan: plan(plan_text), history, audit, finish: "every round was run".into() }
    }

    fn facts(&self) -> Facts<'_> {
        let last = self.history.last();
        Facts {
            plan: &self.plan,
            history: &self.history,
            audit: &self.audit,
            model_digest: last.map_or(model(0), |round| round.model_after),
            started_ms: 1_795_340_226_000,
            finished_ms: 1_795_340_236_400,
            finish: &self.finish,
            machine: "Intel Xeon, 2 cores",
            version: "0.1.0",
            commit: "eef3380",
        }
    }
}

/// Parses the page as XML and returns everything it holds as text.
fn checked(html: &str) -> String {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(html, options).unwrap();
    let mut text = String::new();
    for node in document.descendants() {
        let name = node.tag_name().name();
        let forbidden = ["script", "img", "link", "iframe", "object", "a", "image", "use", "base"];
        assert!(!forbidden.contains(&name), "{name}");
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && !matches!(name, "src" | "href" | "style"), "{name}");
            assert!(!value.contains("url(") || value.starts_with("url(#"), "{value}");
            let figures = matches!(name, "x" | "y" | "width" | "height" | "d" | "cx" | "cy");
            let broken = ["NaN", "inf", "null"].iter().any(|bad| value.contains(bad));
            assert!(!(figures && broken), "{name}={value}");
        }
        if node.is_text() && node.parent().is_some_and(|p| p.tag_name().name() != "style") {
            text += node.text().unwrap();
            text += "\n";
        }
    }
    for svg in document.descendants().filter(|node| node.tag_name().name() == "svg") {
        assert_eq!(svg.attribute("role"), Some("img"));
        for (reference, tag) in [("aria-labelledby", "title"), ("aria-describedby", "desc")] {
            let target = svg.children().find(|node| node.tag_name().name() == tag).unwrap();
            assert_eq!(svg.attribute(reference), target.attribute("id"));
            assert!(target.text().is_some_and(|text| !text.is_empty()));
        }
    }
    let mut ids: Vec<&str> = document.descendants().filter_map(|n| n.attribute("id")).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an identifier is used twice");
    assert!(!html.contains("http://") && !html.contains("https://"));
    assert!(!text.contains("NaN") && !text.contains("inf\n"));
    text
}

/// Writes a page where somebody who develops the report can look at it.
fn keep(name: &str, html: &str) {
    if let Some(folder) = std::env::var_os("TACIT_REPORT_SAMPLES") {
        std::fs::write(std::path::Path::new(&folder).join(name), html).unwrap();
    }
}

const BOTH: &str = "name = \"digits, twenty hospitals\"\n[evaluation]\n\
                    on = [\"coordinator\", \"participants\"]\ntarget_accuracy = 0.96\n";

#[test]
fn times_of_simulated_devices_are_called_virtual() {
    let page = |text| html(&Run::new(text, history(3, 4)).facts());
    assert!(page("[devices]\nkind = \"generated\"").contains("Times of rounds are virtual"));
    assert!(page("").contains("by the coordinator’s clock"));
}

#[test]
fn an_ordinary_run() {
    let run = Run::new(BOTH, history(30, 20));
    let facts = run.facts();
    let page = html(&facts);
    keep("ordinary.html", &page);
    let text = checked(&page);
    assert_eq!(page.matches("<svg").count(), 6);
    for expected in [
        "digits, twenty hospitals",
        &run.plan.digest().to_string(),
        &run.audit.root.to_string(),
        "Every round was run: 27 of 30 planned rounds released, 3 aborted; the final model",
        "tacit audit verify DIR",
        "no differential privacy",
        "3 contributions, the plan wants 11",
        "2 too-late",
        "selected p0, p1, p2 and 1 more",
        "p03: disk full",
        "target 96.00\u{a0}%",
        "num_rounds = 30",
    ] {
        assert!(text.contains(expected), "{expected}");
    }
    let value = json(&facts);
    assert_eq!(value["rounds_released"], 27);
    assert_eq!(value["rounds"].as_array().unwrap().len(), 30);
    assert_eq!(value["privacy"]["guarantee"], "none");
    assert_eq!(value["plan"]["digest"], run.plan.digest().to_string());
    let targets = value["targets"].as_array().unwrap();
    let bytes: Vec<u64> = targets.iter().map(|t| t["bytes_up"].as_u64().unwrap()).collect();
    assert!(bytes.len() > 3 && bytes.is_sorted() && bytes[0] > 0, "{bytes:?}");
    assert!(text.contains("Cost of an accuracy"));
    let table = summary_table(&facts);
    assert!(table.contains("Reached"), "{table}");
    assert!(table.contains("27 released, 3 aborted") && table.contains("final model"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
}

/// Every round has proofs, and in the second two of one participant were refused.
fn proved(rounds: u32, participants: usize) -> Vec<RoundReport> {
    let mut history = history(rounds, participants);
    for round in &mut history {
        for (number, contribution) in round.contributions.iter_mut().enumerate() {
            let digest = Digest::of_bytes(&[number as u8]);
            let prove_ms = 700 + (noise(round.round, number as u32) * 400.0) as u64;
            contribution.proof = Some(ProofHeader { digest, bytes: 22_000, prove_ms });
        }
        round.verify_ms = Some(90 + (noise(round.round, 7) * 40.0) as u64);
    }
    history[1].unproved.insert(ParticipantId::numbered(2, participants));
    history[1].refusals.insert("bad-proof".into(), 2);
    history
}

#[test]
fn a_run_whose_participants_proved_something() {
    let registry = tacit_sim::registry().unwrap();
    let text = "proof = \"range\"\nname = \"proved\"\nnum_rounds = 8\n[training]\nclip_norm = 1.0";
    let plan = Plan::parse(text, &registry).unwrap_or_else(|errors| panic!("{errors}"));
    let run = Run { plan, ..Run::new("", proved(8, 5)) };
    let facts = run.facts();
    let page = html(&facts);
    keep("proved.html", &page);
    let text = checked(&page);
    assert_eq!(page.matches("<svg").count(), 7);
    for expected in ["Time of proofs per round", "Each contribution that counts", "2 (p2)", "21.5"]
    {
        assert!(text.contains(expected), "{expected}");
    }
    let value = json(&facts);
    assert_eq!(value["proofs"]["rule"], "range");
    let second = &value["rounds"][1]["proofs"];
    assert_eq!((&second["refused"], &second["unproved"][0]), (&2.into(), &"p2".into()));
    assert!(second["bytes"].as_u64().unwrap() >= 22_000 && second["verify_ms"].is_u64());
    assert!(summary_table(&facts).contains("of range"));
    // Where nothing is proved, nothing is said of proofs.
    let other = Run::new("", history(2, 2));
    assert!(json(&other.facts())["proofs"].is_null());
    assert!(!checked(&html(&other.facts())).contains("Proofs\n"));
}

#[test]
fn a_run_without_rounds() {
    let run = Run::new("", Vec::new());
    let facts = run.facts();
    let page = html(&facts);
    keep("empty.html", &page);
    let text = checked(&page);
    assert_eq!(page.matches("<svg").count(), 0);
    assert!(text.contains("no model was evaluated") && text.contains("No round was run."));
    assert!(text.contains("nothing was released"));
    assert!(json(&facts)["evaluation"].is_null());
    assert!(summary_table(&facts).contains("not measured"));
}

#[test]
fn a_run_of_one_round() {
    let run = Run::new("num_rounds = 1", history(1, 2));
    let page = html(&run.facts());
    keep("one.html", &page);
    checked(&page);
    assert_eq!(page.matches("<svg").count(), 6);
}

#[test]
fn a_round_that_was_aborted_and_nothing_else() {
    let mut only = round(7, 30, 3);
    only.contributions.clear();
    only.participants_evaluation = None;
    let run = Run::new("", vec![only]);
    let text = checked(&html(&run.facts()));
    assert!(text.contains("0 of 30 planned rounds released, 1 aborted"));
    assert!(text.contains("✕ aborted:"));
}

#[test]
fn a_long_run_stays_small() {
    let run = Run::new("num_rounds = 1500\nparticipants = 120", history(1_500, 120));
    let page = html(&run.facts());
    keep("long.html", &page);
    let text = checked(&page);
    assert!(page.len() < 400_000, "{}", page.len());
    assert!(text.contains("Shown: 300 of 1,500 rounds"));
    assert!(text.contains("Each bar is the mean of 50 rounds."));
    assert!(text.contains("70 others, mean"));
}

#[test]
fn hostile_words_stay_words() {
    let attack = "</title><script>alert(1)</script>\" onload=\"x\" 'y' & \u{202e}evil\0\x1b[31m";
    let quoted: String = attack
        .chars()
        .map(|c| match c {
            '"' => "\\\"".into(),
            c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    let mut history = history(3, 3);
    history[1].aborted = Some(attack.into());
    history[1].declined.insert(ParticipantId::numbered(1, 3), attack.into());
    history[1].refusals.insert(attack.into(), 7);
    let mut run = Run::new(&format!("name = \"{quoted}\""), history);
    run.finish = attack.into();
    run.audit.origin = attack.into();
    run.audit.checkpoint = attack.into();
    let facts = Facts { machine: attack, version: attack, commit: attack, ..run.facts() };
    let page = html(&facts);
    keep("hostile.html", &page);
    assert!(checked(&page).contains("<script>alert(1)</script>"));
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\0'));
    let table = summary_table(&facts);
    assert!(!table.contains('\x1b') && !table.contains('\0') && !table.contains('\u{202e}'));
}

#[test]
fn numbers_that_are_none_are_not_drawn() {
    let mut history = history(6, 3);
    for (round, loss) in history.iter_mut().zip([f64::NAN, f64::INFINITY, -1e308, 1e308, 0.0, -0.0])
    {
        round.contributions.iter_mut().for_each(|c| c.loss = loss);
        round.evaluation.iter_mut().for_each(|e| e.loss = loss);
        round.participants_evaluation = Some(Evaluation::default());
    }
    history[5].evaluation =
        Some(Evaluation { examples: 1, correct: u64::MAX, ..Default::default() });
    history[4].bytes_up = u64::MAX;
    history[3].bytes_up = u64::MAX;
    history[2].collect_ms = u64::MAX;
    history[1].contributions[0].examples = u64::MAX / 4;
    history[0].round = u32::MAX;
    let run = Run::new("", history);
    let facts = run.facts();
    checked(&html(&facts));
    assert!(json(&facts)["rounds"][0]["train_loss"].is_null());
    summary_table(&facts);
}

#[test]
fn many_classes_and_a_class_without_examples() {
    let mut history = history(2, 2);
    let classes = (0..1_000u64).map(|c| (c % 7, (c % 7).saturating_sub(c % 3)));
    let evaluation = history[1].evaluation.as_mut().unwrap();
    evaluation.per_class = classes.collect();
    let run = Run::new("", history);
    let text = checked(&html(&run.facts()));
    assert!(text.contains("950 others") && text.contains("The worst 50 of 1000"));
}

#[test]
fn participants_measure_the_model_before() {
    let mut history = history(3, 2);
    history.iter_mut().for_each(|round| round.evaluation = None);
    let run = Run::new("[evaluation]\non = [\"participants\"]", history);
    let facts = run.facts();
    let value = json(&facts);
    assert_eq!(value["evaluation"]["after_round"], 2);
    assert_eq!(value["evaluation"]["of_final_model"], false);
    let text = checked(&html(&facts));
    assert!(text.contains("the model after round 2 answers") && text.contains("Last accuracy"));
}

#[test]
fn privacy_is_told_only_when_every_release_was_noised() {
    let mut history = history(3, 2);
    let noise = Noise::Gaussian { noise_multiplier: 1.1 };
    let noised = Some(Cost::Bounded { noise, total_variation: 0.0 });
    history.iter_mut().for_each(|round| round.cost = noised);
    let mut run = Run::new("", history);
    let text = checked(&html(&run.facts()));
    assert!(text.contains("ε not accounted"));
    let epsilon = Epsilon { lower: 2.7, upper: 2.71234, delta: 1e-5 };
    run.history[2].epsilon = Some(epsilon);
    let told = checked(&html(&run.facts()));
    assert!(told.contains("ε = 2.712") && told.contains("at δ = 1e-5, per participant"));
    run.history[1].cost = Some(Cost::Unbounded);
    let mixed = checked(&html(&run.facts()));
    assert!(mixed.contains("no differential privacy") && !mixed.contains("2.712"));
}

#[test]
fn aggregators_under_attack() {
    let registry = tacit_learn::registry().unwrap();
    let plan = plan("name = \"<b>digits\"");
    let attacks = ["mimic", "backdoor"].map(|name| Some(Chosen::parse(name).unwrap()));
    let grid = Grid {
        plan: &plan,
        registry: &registry,
        aggregators: vec!["mean", "krum", "bulyan"],
        attacks: [None].into_iter().chain(attacks).collect(),
        byzantine: 4,
        seeds: 2,
        threads: 0,
    };
    let run = |seed, accuracy, success, refused| Measured {
        seed,
        accuracy,
        success,
        refused,
        aborted: 0,
        failed: (refused > 5).then(|| "too \"many\"".into()),
    };
    let cell = |share: f64, success: Option<f64>| {
        Cell::Measured(vec![run(1, share, success, 0), run(2, share + 0.02, success, 6)])
    };
    let left_out = || Cell::Refused("expected at least 19 contributions, found 10".into());
    let cells = vec![
        vec![cell(0.9, None), cell(0.85, None), cell(0.6, Some(1.0))],
        vec![cell(0.88, None), cell(0.0, None), cell(0.87, Some(0.015))],
        vec![left_out(), left_out(), left_out()],
    ];
    let facts = attack::Facts { grid: &grid, cells: &cells, version: "0.1.0" };
    let page = attack::html(&facts);
    keep("attack.html", &page);
    let text = checked(&page);
    for expected in ["<b>digits", "bulyan: expected at least 19", "accuracy 91.0 % (90.0 to 92.0)"]
    {
        assert!(text.contains(expected), "{expected}");
    }
    let table = attack::table(&facts);
    assert!(table.contains("backdoor: success") && table.contains("left out, bulyan"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    let csv = attack::csv(&facts);
    assert_eq!(csv.lines().count(), 1 + 2 * 3 * 2 + 3);
    assert!(csv.contains("\nkrum,backdoor,2,0.89,0.015,6,0,\"too \"\"many\"\"\"\n"), "{csv}");
    let json = attack::json(&facts);
    assert_eq!(json["cells"][4]["runs"][1]["accuracy"], 0.02);
    assert!(json["cells"][6]["left_out"].is_string());
}
