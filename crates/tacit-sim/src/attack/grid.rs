//! Every rule against every attack: the same plan, with other aggregators and some hostile
//! participants, over several seeds.

use super::{Adversary, Chosen};
use crate::simulate::{Options, Unrecorded, simulate};
use tacit_core::data::Shard;
use tacit_core::error::Error;
use tacit_core::history::RoundReport;
use tacit_core::params::Params;
use tacit_core::plan::{Plan, PlanErrors};
use tacit_core::registry::{Arguments, Family, Make, Registry, Value};
use tacit_core::run::Finish;
use tacit_learn::federation::Federation;

/// What a grid is made of.
pub struct Grid<'a> {
    /// The plan; its seed is the first one, its aggregator keeps its arguments.
    pub plan: &'a Plan,
    /// The rules that plans can name.
    pub registry: &'a Registry,
    /// Aggregators by name.
    pub aggregators: Vec<&'static str>,
    /// Attacks; `None` is a run without one.
    pub attacks: Vec<Option<Chosen>>,
    /// Hostile participants of the federation, which every rule is told.
    pub byzantine: usize,
    /// Number of seeds, at least 1.
    pub seeds: u64,
    /// Worker threads; 0 means one per core.
    pub threads: usize,
}

/// One rule under one attack.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// The rule is not defined for so many hostile participants: why.
    Refused(String),
    /// One entry per seed.
    Measured(Vec<Measured>),
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Its seed.
    pub seed: u64,
    /// Accuracy of the last released model on the test examples.
    pub accuracy: f64,
    /// Share of triggered test examples that the last model answers as the adversary wants.
    pub success: Option<f64>,
    /// Contributions refused at the door.
    pub refused: u64,
    /// Rounds that released nothing.
    pub aborted: usize,
    /// Why the run ended early, if it failed.
    pub failed: Option<String>,
}

impl Grid<'_> {
    /// Runs everything; `observe` sees each cell as it is done. The outer list has a row for every
    /// aggregator, in which there is a cell for every attack.
    ///
    /// # Errors
    /// Data that cannot be read, no test examples, more hostile participants than there are, or
    /// an attack that does not fit the data.
    pub fn run(&self, observe: &mut dyn FnMut(&str, &str, &Cell)) -> Result<Vec<Vec<Cell>>, Error> {
        let seeds: Vec<(u64, Federation)> = (0..self.seeds.max(1))
            .map(|step| {
                let seed = self.plan.seed_number().wrapping_add(step) & i64::MAX as u64;
                let plan = self.plan.with(&[("seed", &seed.to_string())], self.registry)?;
                Ok((seed, Federation::assemble(&plan)?))
            })
            .collect::<Result<_, Error>>()?;
        let row = |aggregator: &&'static str| {
            let cell = |attack: &Option<Chosen>| {
                let cell = self.cell(aggregator, attack.as_ref(), &seeds)?;
                observe(aggregator, attack.as_ref().map_or(NO_ATTACK, Chosen::name), &cell);
                Ok(cell)
            };
            self.attacks.iter().map(cell).collect()
        };
        self.aggregators.iter().map(row).collect()
    }

    fn cell(
        &self,
        aggregator: &str,
        attack: Option<&Chosen>,
        seeds: &[(u64, Federation)],
    ) -> Result<Cell, Error> {
        let measure =
            |(seed, federation): &(u64, Federation)| match self.planned(aggregator, *seed)? {
                Ok(plan) => {
                    measure(&plan, federation, self.adversary(attack, federation)?, self.threads)
                        .map(Ok)
                }
                Err(errors) => Ok(Err(errors)),
            };
        let mut measured = Vec::new();
        for found in seeds.iter().map(measure) {
            match found? {
                Ok(found) => measured.push(found),
                Err(errors) => return Ok(Cell::Refused(reason(&errors))),
            }
        }
        Ok(Cell::Measured(measured))
    }

    fn adversary(
        &self,
        attack: Option<&Chosen>,
        federation: &Federation,
    ) -> Result<Option<Adversary>, Error> {
        let Some(attack) = attack else { return Ok(None) };
        let seed = self.plan.seed();
        Adversary::draw(attack.make()?, self.byzantine, federation, seed).map(Some)
    }

    /// The plan with a rule that is told of the hostile participants.
    fn planned(&self, aggregator: &str, seed: u64) -> Result<Result<Plan, PlanErrors>, Error> {
        let Some(entry) = self.registry.find(Family::Aggregator, aggregator) else {
            let names: Vec<_> = self.registry.family(Family::Aggregator).map(|e| e.name).collect();
            let expected = format!("one of {}", names.join(", "));
            return Err(Error::caller("aggregator", expected, format!("{aggregator:?}")));
        };
        let own = self.plan.choice(Family::Aggregator);
        let mut arguments = match own.name() == aggregator {
            true => own.arguments().clone(),
            false => Arguments::defaults(entry.parameters)?,
        };
        let size = self.plan.cohort().size;
        for parameter in entry.parameters {
            let told = match parameter.name {
                "num_byzantine" => Value::Integer(self.byzantine as i64),
                "trim_ratio" => Value::Number(self.byzantine as f64 / size.max(1) as f64),
                _ => continue,
            };
            arguments = arguments.with(parameter.name, told);
        }
        // Everybody answers in a simulation, but not everybody's answer counts: the rule's own
        // minimum is the plan's too, so that a plan is refused only where the cohort is too small.
        let needs = match entry.make {
            Make::Aggregator(make) => make(&arguments).map_or(0, |rule| rule.minimum()),
            _ => return Err(Error::Bug("an aggregator is registered in another family")),
        };
        let minimum = self.plan.cohort().minimum.max(needs).min(size).to_string();
        let mut rule = format!("{{ rule = {aggregator:?}");
        for (name, value) in arguments.iter() {
            rule += &format!(", {name} = {}", written(value));
        }
        rule += " }";
        let seed = seed.to_string();
        let changes =
            [("seed", &*seed), ("aggregator", &*rule), ("cohort.minimum", minimum.as_str())];
        Ok(self.plan.with(&changes, self.registry))
    }
}

/// What stands for no attack.
pub const NO_ATTACK: &str = "none";

fn written(value: &Value) -> String {
    match value {
        Value::Flag(x) => x.to_string(),
        Value::Integer(x) => x.to_string(),
        Value::Number(x) => format!("{x:?}"),
        Value::Text(x) => format!("{x:?}"),
        Value::List(x) => format!("{x:?}"),
    }
}

/// Why a rule is not defined, in a few words.
fn reason(errors: &PlanErrors) -> String {
    errors.errors().first().map_or_else(String::new, |first| {
        format!("expected {}, found {}", first.expected, first.found)
    })
}

fn measure(
    plan: &Plan,
    federation: &Federation,
    mut adversary: Option<Adversary>,
    threads: usize,
) -> Result<Measured, Error> {
    let mut recorder = Unrecorded::default();
    let mut options = Options::new(&mut recorder);
    (options.threads, options.adversary) = (threads, adversary.as_mut());
    let outcome = simulate(plan, federation, options, &mut |_| {})?;
    let Some((mut trainer, test)) = federation.evaluator()? else {
        return Err(Error::caller("grid", "test examples: data.held_out above 0.0", "none"));
    };
    let mut right = |model: &Params, shard: &Shard| trainer.evaluate(model, shard);
    let accuracy = right(&outcome.model, &test)?.accuracy();
    let goal = match &adversary {
        Some(adversary) => adversary.attack().goal(&test)?,
        None => None,
    };
    let success = match goal {
        Some(goal) => Some(right(&outcome.model, &goal)?.accuracy()),
        None => None,
    };
    let refused = |report: &RoundReport| report.refusals.values().sum::<u64>();
    Ok(Measured {
        seed: plan.seed_number(),
        accuracy,
        success,
        refused: outcome.history.iter().map(refused).sum(),
        aborted: outcome.history.iter().filter(|report| report.aborted.is_some()).count(),
        failed: match outcome.finish {
            Finish::Failed(why) => Some(why.to_string()),
            _ => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_cannot_withstand_so_many_are_left_out_with_the_reason() {
        let registry = crate::registry().unwrap();
        let text = "num_rounds = 2\nparticipants = 10\n[training]\nbatch_size = 8";
        let plan = Plan::parse(text, &registry).unwrap();
        let grid = |byzantine| Grid {
            plan: &plan,
            registry: &registry,
            aggregators: vec!["mean", "krum", "bulyan", "trimmed-mean"],
            attacks: vec![None, Some(Chosen::parse("nan").unwrap())],
            byzantine,
            seeds: 2,
            threads: 2,
        };
        let mut seen = 0;
        let cells = grid(2).run(&mut |_, _, _| seen += 1).unwrap();
        assert_eq!(seen, 8);
        let text = "expected at least 11 contributions, found 10";
        assert_eq!(cells[2], [Cell::Refused(text.into()), Cell::Refused(text.into())]);
        let Cell::Measured(runs) = &cells[1][1] else { panic!("{cells:?}") };
        let seeds: Vec<(u64, u64)> = runs.iter().map(|run| (run.seed, run.refused)).collect();
        assert_eq!(seeds, [(1, 4), (2, 4)]);
        let Cell::Measured(runs) = &cells[3][0] else { panic!("{cells:?}") };
        assert!(runs.iter().all(|run| run.accuracy > 0.2 && run.failed.is_none()), "{runs:?}");
        let cells = grid(5).run(&mut |_, _, _| {}).unwrap();
        assert!(matches!(cells[1][0], Cell::Refused(_)) && matches!(cells[3][0], Cell::Refused(_)));
        assert!(matches!(cells[0][0], Cell::Measured(_)));
        assert!(grid(11).run(&mut |_, _, _| {}).is_err());
        let unknown = Grid { aggregators: vec!["crumb"], ..grid(1) };
        assert!(unknown.run(&mut |_, _, _| {}).is_err());
    }
}
