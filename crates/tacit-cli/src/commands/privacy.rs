//! `tacit privacy`: what noise costs, how much of it a target needs, and what that means.

use super::read_plan;
use crate::Ending;
use std::path::PathBuf;
use tacit_core::account::{Account, Epsilon, Sampled, Spent};
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::plan::{Plan, Sampling};
use tacit_core::registry::{Arguments, Family, Make, Value};
use tacit_core::traits::Party;
use tacit_learn::federation::Federation;

/// Account for noise, calibrate it to a budget, or explain what a plan promises.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Print epsilon of Gaussian noise after so many rounds, by every accountant.
    Account(Figures),
    /// Print the noise that keeps a plan, or bare figures, within a budget.
    Calibrate(Calibrate),
    /// Say in plain words whom a plan protects against whom, at what epsilon.
    Explain(Explain),
    /// Try to find out who took part, for a lower bound of the epsilon that a plan claims.
    Audit(super::privacy_audit::Args),
}

#[derive(clap::Args)]
struct Figures {
    /// Standard deviation of the noise over what one participant changes.
    #[arg(long)]
    noise_multiplier: f64,
    /// Probability with which a participant is in a round (independent coins).
    #[arg(long, default_value_t = 1.0)]
    sampling_rate: f64,
    /// Rounds.
    #[arg(long)]
    rounds: u64,
    /// The delta at which epsilon is stated.
    #[arg(long, default_value_t = 1e-5)]
    delta: f64,
}

#[derive(clap::Args)]
struct Calibrate {
    /// The plan, whose rounds, cohorts and mechanism count.
    plan: Option<PathBuf>,
    /// Largest epsilon; by default the plan's.
    #[arg(long)]
    epsilon: Option<f64>,
    /// The delta at which epsilon is stated; by default the plan's, or 1e-5.
    #[arg(long)]
    delta: Option<f64>,
    /// Rounds, without a plan.
    #[arg(long, conflicts_with = "plan")]
    rounds: Option<u64>,
    /// Probability with which a participant is in a round, without a plan.
    #[arg(long, conflicts_with = "plan", default_value_t = 1.0)]
    sampling_rate: f64,
    /// Values of the model; by default those of the plan's trainer on the plan's data.
    #[arg(long, requires = "plan")]
    values: Option<usize>,
}

#[derive(clap::Args)]
struct Explain {
    /// The plan.
    plan: PathBuf,
    /// Values of the model; by default those of the plan's trainer on the plan's data.
    #[arg(long)]
    values: Option<usize>,
}

pub fn main(args: Args) -> Result<Ending, Error> {
    match args.action {
        Action::Account(figures) => account(&figures)?,
        Action::Calibrate(calibrate) => match &calibrate.plan {
            Some(file) => calibrate_plan(&read_plan(Some(file))?, &calibrate)?,
            None => calibrate_figures(&calibrate)?,
        },
        Action::Explain(explain) => {
            let plan = read_plan(Some(&explain.plan))?;
            let len = values(&plan, explain.values)?;
            print!("{}", explanation(&plan, len)?);
        }
        Action::Audit(args) => return super::privacy_audit::main(&args),
    }
    Ok(Ending::Done)
}

/// What is unwise about a plan's privacy, if anything.
pub fn warning(plan: &Plan) -> Option<String> {
    let noisy = plan.mechanism().is_ok_and(|mechanism| mechanism.by() != Party::Nobody);
    let (delta, participants) = (plan.budget().delta, plan.participants());
    (noisy && delta * participants as f64 >= 1.0).then(|| {
        format!(
            "privacy.delta = {delta:e} is not below 1 / participants = 1 / {participants}: a \
             mechanism that gives one participant away entirely could meet it"
        )
    })
}

/// Gaussian noise for add/remove neighbours.
fn gaussian(noise_multiplier: f64, rate: f64) -> Spent {
    let noise = Noise::Gaussian { noise_multiplier };
    let sampled = match rate {
        1.0 => Sampled::Everybody,
        rate => Sampled::Poisson { rate },
    };
    Spent { cost: Cost::Bounded { noise, total_variation: 0.0 }, sampled }
}

fn account(figures: &Figures) -> Result<(), Error> {
    let Figures { noise_multiplier, sampling_rate, rounds, delta } = *figures;
    let spent = [(gaussian(noise_multiplier, sampling_rate), rounds)];
    for entry in tacit_sim::registry()?.family(Family::Accountant) {
        let Make::Accountant(make) = entry.make else { continue };
        let found = make(&Arguments::defaults(entry.parameters)?)?.epsilon(&spent, delta);
        match found {
            Ok(Epsilon { lower, upper, .. }) if lower > 0.0 => {
                println!("{:<5} epsilon {upper:.5}, certainly not below {lower:.5}", entry.name);
            }
            Ok(Epsilon { upper, .. }) => println!("{:<5} epsilon {upper:.5}", entry.name),
            Err(_) if entry.name == "none" => {}
            // Bad figures are bad for all; what one cannot bound another may.
            Err(error) if entry.name == "rdp" => return Err(error),
            Err(_) => println!("{:<5} no bound", entry.name),
        }
    }
    Ok(())
}

fn calibrate_figures(of: &Calibrate) -> Result<(), Error> {
    let missing = |what| Error::caller(what, "a value, or a plan", "neither");
    let epsilon = of.epsilon.ok_or_else(|| missing("--epsilon"))?;
    let rounds = of.rounds.ok_or_else(|| missing("--rounds"))?;
    let (delta, rate) = (of.delta.unwrap_or(1e-5), of.sampling_rate);
    let registry = tacit_sim::registry()?;
    let entry = registry.find(Family::Accountant, "pld");
    let Some(Make::Accountant(make)) = entry.map(|entry| entry.make) else {
        return Err(Error::Bug("the accountant pld is not registered"));
    };
    let accountant = make(&Arguments::default())?;
    let found = least(epsilon, |noise| {
        Ok(accountant.epsilon(&[(gaussian(noise, rate), rounds)], delta)?.upper)
    })?;
    println!("noise_multiplier = {}", found.0);
    println!("epsilon {:.5} at delta {delta:e} after {rounds} rounds", found.1);
    Ok(())
}

fn calibrate_plan(plan: &Plan, of: &Calibrate) -> Result<(), Error> {
    let rule = plan.choice(Family::Mechanism).name().to_owned();
    let parameters = plan.choice(Family::Mechanism).entry().parameters;
    if !parameters.iter().any(|parameter| parameter.name == "noise_multiplier") {
        let expected = "a mechanism with a noise_multiplier";
        return Err(Error::caller("mechanism", expected, format!("{rule:?}")));
    }
    let limit = of.epsilon.or(plan.budget().epsilon);
    let missing = || Error::caller("--epsilon", "a value, here or in the plan", "neither");
    let (limit, len) = (limit.ok_or_else(missing)?, values(plan, of.values)?);
    let delta = of.delta.unwrap_or(plan.budget().delta);
    let registry = tacit_sim::registry()?;
    let (noise, epsilon) = least(limit, |noise| {
        let mechanism = mechanism(plan, noise);
        let plan = plan.with(&[("mechanism", mechanism.as_str())], &registry)?;
        let Some(account) = plan.account(len * plan.vectors())? else { return Ok(f64::INFINITY) };
        let found = ahead(&account.at(delta), &plan, plan.num_rounds().into())?;
        Ok(found.map_or(f64::INFINITY, |epsilon| epsilon.upper))
    })?;
    let rounds = plan.num_rounds();
    println!("mechanism = {}", mechanism(plan, noise));
    println!("epsilon {epsilon:.5} at delta {delta:e} after {rounds} rounds");
    Ok(())
}

/// The plan's mechanism with another noise multiplier, as a plan has it.
fn mechanism(plan: &Plan, noise: f64) -> String {
    let choice = plan.choice(Family::Mechanism);
    let mut text = format!("{{ rule = {:?}", choice.name());
    for (name, value) in choice.arguments().iter() {
        text += &match (name, value) {
            ("noise_multiplier", _) => format!(", {name} = {noise:?}"),
            (_, Value::Number(x)) => format!(", {name} = {x:?}"),
            (_, Value::Integer(x)) => format!(", {name} = {x}"),
            (_, Value::Flag(x)) => format!(", {name} = {x}"),
            (_, Value::Text(x)) => format!(", {name} = {x:?}"),
            (_, Value::List(x)) => format!(", {name} = {x:?}"),
        };
    }
    text + " }"
}

/// The least noise, to a thousandth, whose ε is at most `limit`, and that ε.
fn least(limit: f64, epsilon: impl Fn(f64) -> Result<f64, Error>) -> Result<(f64, f64), Error> {
    if !(limit > 0.0 && limit.is_finite()) {
        return Err(Error::caller("epsilon", "a finite number above 0", limit.to_string()));
    }
    let (mut low, mut high) = (0.01, 0.02);
    let mut found = epsilon(high)?;
    while found > limit {
        (low, high) = (high, high * 2.0);
        if high > 1e5 {
            return Err(Error::caller("epsilon", "a target within reach", limit.to_string()));
        }
        found = epsilon(high)?;
    }
    while high - low > 5e-4 * high {
        let middle = 0.5 * (low + high);
        match epsilon(middle)? {
            enough if enough <= limit => (high, found) = (middle, enough),
            _ => low = middle,
        }
    }
    // Rounded up to what is printed.
    let noise = (high * 1e4).ceil() / 1e4;
    Ok((noise, epsilon(noise)?.min(found)))
}

/// Values of a model under the plan.
fn values(plan: &Plan, told: Option<usize>) -> Result<usize, Error> {
    match told {
        Some(values) => Ok(values),
        None => Ok(Federation::assemble(plan)?.initial_model()?.values().len()),
    }
}

fn ahead(account: &Account, plan: &Plan, rounds: u64) -> Result<Option<Epsilon>, Error> {
    account.ahead(plan.cohort(), plan.participants(), rounds)
}

/// What a plan promises: whom it protects, against whom, and what it does not cover.
fn explanation(plan: &Plan, len: usize) -> Result<String, Error> {
    use std::fmt::Write as _;
    let mut text = String::new();
    let Some(account) = plan.account(len * plan.vectors())? else {
        let _ = writeln!(text, "{}.", plan.guarantee(None));
        return Ok(text);
    };
    let (rounds, within) = within(&account, plan)?;
    let epsilon = ahead(&account, plan, within.max(1))?;
    let _ = writeln!(text, "After {within} rounds: {}.", plan.guarantee(epsilon));
    if within < rounds {
        let limit = account.budget().epsilon.unwrap_or_default();
        let _ = writeln!(
            text,
            "The budget of {limit} ends training after {within} of the {rounds} rounds planned."
        );
    }
    let seen = ahead(&account.clone().seen_by_who_knows(), plan, within.max(1));
    if let (true, Ok(Some(seen))) = (is_sampled(plan), seen) {
        let _ = writeln!(
            text,
            "Against those who know who was drawn in each round (the coordinator, and auditors \
             who hold the rounds' logs): epsilon {:.3}.",
            seen.upper
        );
    }
    let mechanism = plan.choice(Family::Mechanism).name();
    let accountant = plan.choice(Family::Accountant).name();
    let _ = writeln!(
        text,
        "Noise: {mechanism}; accountant: {accountant}; one release: {}.",
        words(account.planned())
    );
    text.push_str(
        "Not covered: who takes part, and in how many rounds; training losses and numbers of \
         examples that participants tell the coordinator; accuracy on the coordinator's own \
         examples; what a participant publishes elsewhere. Models without noise from other runs \
         on the same data undo the promise.\n",
    );
    Ok(text)
}

fn words(cost: Cost) -> String {
    let Cost::Bounded { noise, total_variation } = cost else { return "no noise".into() };
    let noise = match noise {
        Noise::Gaussian { noise_multiplier } => {
            format!("{noise_multiplier:.4} times the L2 sensitivity")
        }
        Noise::Laplace { noise_multiplier } => {
            format!("{noise_multiplier:.4} times the L1 sensitivity")
        }
        Noise::Pure { epsilon } => format!("epsilon {epsilon}, delta 0"),
        Noise::Concentrated { rho } => format!("{rho:.6}-concentrated"),
        Noise::Skellam { l2, variance, .. } => {
            format!("{:.4} times the L2 sensitivity, Skellam", variance.sqrt() / l2)
        }
    };
    format!("{noise}; within {total_variation:.1e} of the ideal noise in total variation")
}

/// Rounds planned, and how many of them the budget allows.
fn within(account: &Account, plan: &Plan) -> Result<(u64, u64), Error> {
    let rounds = u64::from(plan.num_rounds());
    let Some(limit) = account.budget().epsilon else { return Ok((rounds, rounds)) };
    let fits = |rounds: u64| -> Result<bool, Error> {
        Ok(rounds == 0 || ahead(account, plan, rounds)?.is_some_and(|e| e.upper <= limit))
    };
    if fits(rounds)? {
        return Ok((rounds, rounds));
    }
    let (mut low, mut high) = (0, rounds);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if fits(middle)? { low = middle } else { high = middle }
    }
    Ok((rounds, low))
}

fn is_sampled(plan: &Plan) -> bool {
    let cohort = plan.cohort();
    let hidden = plan.mechanism().is_ok_and(|m| m.by() != Party::Participant);
    hidden && (cohort.sampling == Sampling::Poisson || cohort.sampling_rate() < 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(extra: &str) -> Plan {
        let text = format!(
            "participants = 40\nnum_rounds = 50\nmechanism = \"gaussian\"\naccountant = \"pld\"\n\
             [training]\nclip_norm = 1.0\n[cohort]\nsize = 10\nsampling = \"poisson\"\n\
             weights = \"equal\"\n[privacy]\n{extra}"
        );
        Plan::parse(&text, &tacit_sim::registry().unwrap()).unwrap()
    }

    #[test]
    fn explains_whom_it_protects_and_when_training_ends() {
        let text = explanation(&plan("epsilon = 5.0"), 650).unwrap();
        for part in [
            "-differential privacy against whoever sees the models",
            "The budget of 5 ends training after",
            "Against those who know who was drawn",
            "1.0000 times the L2 sensitivity",
            "Not covered",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let (planned, within) = {
            let plan = plan("epsilon = 5.0");
            within(&plan.account(650).unwrap().unwrap(), &plan).unwrap()
        };
        assert!(planned == 50 && (2..50).contains(&within), "{within}");
    }

    #[test]
    fn calibration_keeps_what_else_a_mechanism_is_told() {
        let registry = tacit_sim::registry().unwrap();
        let told = [("mechanism", "{ rule = \"gaussian\", count_noise = 2.0 }")];
        let plan = plan("epsilon = 5.0").with(&told, &registry).unwrap();
        let text = mechanism(&plan, 3.0);
        assert_eq!(text, "{ rule = \"gaussian\", count_noise = 2.0, noise_multiplier = 3.0 }");
        plan.with(&[("mechanism", &text)], &registry).unwrap();
    }

    #[test]
    fn a_delta_that_gives_one_participant_away_is_warned_of() {
        assert!(warning(&plan("delta = 0.05")).is_some_and(|text| text.contains("1 / 40")));
        assert!(warning(&plan("delta = 1e-5")).is_none());
    }

    #[test]
    fn the_least_noise_meets_its_target_and_hardly_more() {
        let epsilon = |noise: f64| Ok(3.0 / noise);
        let (noise, found) = least(2.0, epsilon).unwrap();
        assert!((1.5..1.502).contains(&noise) && found <= 2.0);
        assert!(least(f64::NAN, epsilon).is_err() && least(0.0, epsilon).is_err());
        assert!(least(1e-9, epsilon).is_err());
    }
}
