//! Whether an example was learned from, guessed from updates or from their sums, without noise,
//! with the coordinator's and with the participants':
//!
//! ```text
//! cargo run --release -p tacit-sim --example membership_inference [PICTURE.svg]
//! ```
//!
//! An example that was learned from has pulled an update along its own gradient: its score is the
//! cosine of what is seen with the step that it would cause alone, added up over rounds (a
//! white-box attack in the manner of Nasr, Shokri & Houmansadr 2019). The figure is the area under
//! the receiver operating characteristic: how often a member scores above a stranger, ½ for
//! guesses.
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use std::fmt::Write as _;
use tacit_core::data::Shard;
use tacit_core::error::Error;
use tacit_core::evidence::Clipped;
use tacit_core::ids::ParticipantId;
use tacit_core::params::Params;
use tacit_core::plan::Plan;
use tacit_core::traits::{Opened, Party, Trainer};
use tacit_learn::federation::Federation;
use tacit_sim::ports::SystemEntropy;

/// Participants, each with four examples.
const PARTICIPANTS: usize = 20;
const EXAMPLES: usize = 4;

/// Rounds.
const ROUNDS: u32 = 5;

/// Runs with other data and noise, of which figures are means.
const RUNS: u32 = 8;

/// What was guessed about members and strangers under one plan.
#[derive(Clone, Debug)]
struct Guessed {
    name: String,
    by: Party,
    /// ε of the run; `None` without noise.
    epsilon: Option<f64>,
    /// Area under the curve for who sees each update, and for who sees sums.
    each: f64,
    sums: f64,
}

fn plan(mechanism: &str, seed: u32) -> Result<Plan, Box<dyn std::error::Error>> {
    let text = format!(
        "seed = {seed}\nparticipants = {PARTICIPANTS}\nnum_rounds = {ROUNDS}\n\
         trainer = \"logistic-regression\"\nmechanism = {mechanism}\naccountant = \"rdp\"\n\
         [training]\nlearning_rate = 0.2\nclip_norm = 0.1\n[cohort]\nweights = \"equal\"\n"
    );
    Ok(Plan::parse(&text, &tacit_sim::registry()?)?)
}

/// What each participant sends, and the aggregate of a round.
struct Round {
    sent: Vec<Vec<f32>>,
    aggregate: Vec<f32>,
}

fn round(plan: &Plan, number: u32, model: &Params, shards: &[Shard]) -> Result<Round, Error> {
    let (mechanism, entropy) = (plan.mechanism()?, &mut SystemEntropy);
    let of = plan.calibration(number, model.layout().len(), None);
    let mut sent = Vec::new();
    for (member, shard) in shards.iter().enumerate() {
        let name = ParticipantId::numbered(member, shards.len());
        let mut trainer = plan.trainer(shard.shape())?;
        let fitted = trainer.fit(&plan.fit_order(number, &name), model, shard)?;
        let (clipped, within) = Clipped::clip(fitted.update, &plan.clip(None));
        let noised = clipped.noise(&*mechanism, &of, within, entropy)?;
        sent.push(noised.get().values().to_vec());
    }
    let mut mean = vec![0.0f32; model.layout().len()];
    for update in &sent {
        mean.iter_mut().zip(update).for_each(|(mean, x)| *mean += x / sent.len() as f32);
    }
    let mut opened = Opened { values: mean, count: 0.0 };
    mechanism.open(&of, &mut opened, entropy)?;
    Ok(Round { sent, aggregate: opened.values })
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-300)
}

/// How often a member scores above a stranger; equal scores count half.
fn area(members: &[f64], strangers: &[f64]) -> f64 {
    let wins = |member: f64| -> f64 {
        let beats = |other: &f64| match member.total_cmp(other) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 1.0,
        };
        strangers.iter().map(beats).sum()
    };
    let all: f64 = members.iter().map(|&member| wins(member)).sum();
    all / (members.len() * strangers.len()) as f64
}

/// The step that each example would cause alone.
fn steps(
    plan: &Plan,
    trainer: &mut dyn Trainer,
    model: &Params,
    candidates: &[Shard],
) -> Result<Vec<Vec<f32>>, Error> {
    let order = plan.fit_order(1, &ParticipantId::numbered(0, 1));
    let step = |alone| Ok(trainer.fit(&order, model, alone)?.update.values().to_vec());
    candidates.iter().map(step).collect()
}

/// Areas for who sees each update and for who sees sums, in one run.
fn attack(plan: &Plan) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let federation = Federation::assemble(plan)?;
    let (data, mut model) = (federation.dataset(), federation.initial_model()?);
    let members = &data.train()[..PARTICIPANTS * EXAMPLES];
    let strangers = &data.test()[..PARTICIPANTS * EXAMPLES];
    let shards = members.chunks(EXAMPLES).map(|rows| data.shard(rows.to_vec()));
    let shards: Vec<Shard> = shards.collect::<Result<_, _>>()?;
    let candidates = members.iter().chain(strangers).map(|&row| data.shard(vec![row]));
    let candidates: Vec<Shard> = candidates.collect::<Result<_, _>>()?;
    let mut trainer = federation.trainer()?;
    let (mut each, mut sums) = (vec![0.0; candidates.len()], vec![0.0; candidates.len()]);
    for number in 1..=ROUNDS {
        let round = round(plan, number, &model, &shards)?;
        let steps = steps(plan, &mut *trainer, &model, &candidates)?;
        for (candidate, step) in steps.iter().enumerate() {
            // A stranger is held against the update of a participant, as each member is.
            let update = &round.sent[candidate % members.len() / EXAMPLES];
            each[candidate] += cosine(update, step);
            sums[candidate] += cosine(&round.aggregate, step);
        }
        let next = model.values().iter().zip(&round.aggregate).map(|(w, x)| w + x).collect();
        model = Params::new(model.layout().clone(), next)?;
    }
    let of = |scores: &[f64]| area(&scores[..members.len()], &scores[members.len()..]);
    Ok((of(&each), of(&sums)))
}

fn guess(name: &str, mechanism: &str) -> Result<Guessed, Box<dyn std::error::Error>> {
    let (mut each, mut sums) = (0.0, 0.0);
    for seed in 1..=RUNS {
        let found = attack(&plan(mechanism, seed)?)?;
        each += found.0 / f64::from(RUNS);
        sums += found.1 / f64::from(RUNS);
    }
    let plan = plan(mechanism, 1)?;
    let len = Federation::assemble(&plan)?.initial_model()?.layout().len();
    let account = plan.account(len)?;
    let ahead = |account| -> Result<_, Error> {
        let mut account: tacit_core::account::Account = account;
        let cost = plan.mechanism()?.cost(&plan.calibration(1, len, None))?;
        for _ in 0..ROUNDS {
            account.add(account.release(cost, plan.cohort(), PARTICIPANTS));
        }
        account.epsilon()
    };
    let epsilon = account.map(ahead).transpose()?.flatten().map(|epsilon| epsilon.upper);
    Ok(Guessed { name: name.into(), by: plan.mechanism()?.by(), epsilon, each, sums })
}

fn everything() -> Result<Vec<Guessed>, Box<dyn std::error::Error>> {
    let mut all = vec![guess("no noise", "\"none\"")?];
    for (party, rule, noises) in [
        ("coordinator's", "gaussian", ["1.0", "2.0", "4.0", "8.0", "16.0"]),
        ("participants'", "local-gaussian", ["2.0", "4.0", "8.0", "16.0", "32.0"]),
    ] {
        for noise in noises {
            let mechanism = format!("{{ rule = {rule:?}, noise_multiplier = {noise} }}");
            all.push(guess(&format!("{party} {noise}"), &mechanism)?);
        }
    }
    Ok(all)
}

fn table(all: &[Guessed]) -> String {
    let mut out =
        format!("{:<20} {:>12} {:>14} {:>10}\n", "noise", "epsilon", "each update", "sums");
    for Guessed { name, epsilon, each, sums, .. } in all {
        let epsilon = epsilon.map_or("none".to_owned(), |epsilon| format!("{epsilon:.2}"));
        let _ = writeln!(out, "{name:<20} {epsilon:>12} {each:>14.3} {sums:>10.3}");
    }
    out
}

/// Areas against ε on a logarithmic axis, one curve per party and view.
fn svg(all: &[Guessed]) -> String {
    let x = |epsilon: f64| 80.0 + (epsilon.log10() + 1.0) / 3.0 * 480.0;
    let y = |area: f64| 300.0 - (area.clamp(0.4, 1.0) - 0.4) / 0.6 * 250.0;
    let mut out = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 360\" role=\"img\" \
         font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"13\" fill=\"#1f2328\">\n\
         <title>Membership inference against epsilon</title>\n\
         <rect width=\"760\" height=\"360\" fill=\"#fff\"/>\n\
         <text x=\"80\" y=\"28\" font-size=\"14\">How often a member scores above a stranger\
         </text>\n<text x=\"320\" y=\"348\" text-anchor=\"middle\">epsilon of the run</text>\n",
    );
    for area in [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0] {
        let (y, dash) = (y(area), if area == 0.5 { "4 3" } else { "none" });
        let _ = writeln!(
            out,
            "<path d=\"M80 {y:.1}H560\" stroke=\"#d0d7de\" stroke-dasharray=\"{dash}\"/>\
             <text x=\"70\" y=\"{:.1}\" text-anchor=\"end\">{area}</text>",
            y + 4.0
        );
    }
    for (power, label) in ["0.1", "1", "10", "100"].iter().enumerate() {
        let x = x(10f64.powi(power as i32 - 1));
        let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"322\" text-anchor=\"middle\">{label}</text>");
    }
    let curve = |by: Party, of: fn(&Guessed) -> f64| -> Vec<(f64, f64)> {
        let found = all.iter().filter(|guessed| guessed.by == by);
        found.filter_map(|g| Some((x(g.epsilon.filter(|e| e.is_finite())?), y(of(g))))).collect()
    };
    let mut line = |points: &[(f64, f64)], colour: &str, name: &str, at: f64| {
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <path d=\"M580 {at}h20\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"606\" y=\"{}\">{name}</text>",
            path.join(" "),
            at + 4.0
        );
        for (x, y) in points {
            let _ =
                writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
    };
    let ends = |area: f64| [(80.0, y(area)), (560.0, y(area))];
    if let Some(bare) = all.first() {
        line(&ends(bare.each), "#8c959f", "each, no noise", 70.0);
        line(&ends(bare.sums), "#57606a", "sums, no noise", 96.0);
    }
    line(&curve(Party::Coordinator, |g| g.sums), "#0969da", "sums, central", 122.0);
    line(&curve(Party::Participant, |g| g.each), "#bc4c00", "each, local", 148.0);
    line(&curve(Party::Participant, |g| g.sums), "#1a7f37", "sums, local", 174.0);
    out + "</svg>\n"
}

/// Writes the picture, if it is told where.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let all = everything()?;
    print!("{}", table(&all));
    if let Some(path) = std::env::args().nth(1).filter(|path| path.ends_with(".svg")) {
        std::fs::write(&path, svg(&all))?;
        println!("wrote {path}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_hide_much_and_noise_the_rest() {
        assert_eq!(area(&[3.0, 1.0], &[2.0, 1.0]), 0.625);
        let bare = guess("", "\"none\"").unwrap();
        assert!(bare.each > 0.9 && bare.sums < bare.each - 0.1, "{bare:?}");
        let local = guess("", "{ rule = \"local-gaussian\", noise_multiplier = 10.0 }").unwrap();
        assert!(local.each < 0.7 && local.epsilon.is_some(), "{local:?}");
        assert!(svg(&[bare, local]).contains("polyline"));
        main().unwrap();
    }
}
