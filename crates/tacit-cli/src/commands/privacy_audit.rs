//! `tacit privacy audit`: what can be found out all the same, against what a plan claims.

use super::read_plan;
use crate::Ending;
use std::io::IsTerminal;
use std::path::PathBuf;
use tacit_core::error::Error;
use tacit_core::plan::Plan;
use tacit_core::registry::Family;
use tacit_learn::federation::Federation;
use tacit_sim::audit::one_run::{Audit, Audited};
use tacit_sim::audit::two_worlds::OneRelease;
use tacit_sim::ports::SystemEntropy;

/// Probability that a lower bound is above the true epsilon.
const ERROR: f64 = 0.05;

#[derive(clap::Args)]
pub struct Args {
    /// The plan.
    plan: PathBuf,
    /// Participants in or out by a coin, at least: in as many runs as it takes.
    #[arg(long, default_value_t = 1000,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    canaries: usize,
    /// Rounds of a run; by default the plan's.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Seed of the coins and of the runs; of noise never.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn main(args: &Args) -> Result<Ending, Error> {
    let registry = tacit_sim::registry()?;
    let mut plan = read_plan(Some(&args.plan))?;
    if let Some(rounds) = args.rounds {
        plan = plan.with(&[("num_rounds", &rounds.to_string())], &registry)?;
    }
    let tell = std::io::stderr().is_terminal();
    let Args { canaries, seed, .. } = *args;
    let audit = Audit { plan: &plan, registry: &registry, canaries, seed, error: ERROR };
    let audited = audit.run(&mut |run| {
        if tell {
            eprintln!("run {run} is over");
        }
    })?;
    let len = Federation::assemble(&plan)?.initial_model()?.layout().len();
    let release = OneRelease::of(&plan, len, ERROR, &mut SystemEntropy)?;
    print!("{}", said(&plan, &audited, &release));
    match audited.refutes() || release.refutes() {
        true => Ok(Ending::AuditFailed),
        false => Ok(Ending::Done),
    }
}

fn said(plan: &Plan, audited: &Audited, release: &OneRelease) -> String {
    let Audited { claimed, delta, runs, releases, guesses, lower } = *audited;
    let trials = release.tested.trials;
    let sure = 100.0 * (1.0 - ERROR);
    let verdict = |refutes| if refutes { "REFUTED" } else { "not refuted" };
    format!(
        "plan {name}: {rule} noise, delta {delta:e}; lower bounds hold with {sure} % confidence\n\
         \n\
         a whole run, by who was in it\n\
         \x20 claimed epsilon   {claimed:.3} of {releases} releases\n\
         \x20 canaries          {canaries}, each in or out by a coin, in {runs} runs\n\
         \x20 guesses           {guessed}, the surest; {right} right\n\
         \x20 lower bound       {lower:.3}: {run}\n\
         \n\
         one release, with one participant or without\n\
         \x20 claimed epsilon   {one_claimed:.3} for whoever is in it\n\
         \x20 trials            {all} each, {alarms} false alarms, {misses} misses\n\
         \x20 lower bound       {one_lower:.3}: {one}\n",
        name = plan.name(),
        rule = plan.choice(Family::Mechanism).name(),
        canaries = guesses.canaries,
        guessed = guesses.guesses,
        right = guesses.right,
        run = verdict(audited.refutes()),
        one_claimed = release.claimed,
        all = trials.trials,
        alarms = trials.false_alarms,
        misses = trials.misses,
        one_lower = release.tested.lower,
        one = verdict(release.refutes()),
    )
}
