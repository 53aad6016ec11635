//! The coherence law: settings that are fine alone and unsound together. [`laws`] holds the laws;
//! here a broken one becomes an error that names both settings and what would be sound.

use super::error::{Because, Lines, PlanError};
use super::read::{Places, nth};
use super::tables::{NONE, RULES, SECTIONS};
use super::{Choice, Plan, laws, write};
use crate::account::{Sampled, Spent};
use crate::compress::{Chain, Misfit};
use crate::error::Error;
use crate::registry::{Arguments, Family, Make, Registry};
use crate::traits::{Accountant, Aggregator, Mechanism, Party, Proof, Protection, View};

/// What the laws look at.
pub(super) struct Facts<'a> {
    pub(super) plan: &'a Plan,
    pub(super) registry: &'a Registry,
    pub(super) aggregator: Box<dyn Aggregator>,
    pub(super) chain: Chain,
    pub(super) protection: Box<dyn Protection>,
    pub(super) mechanism: Box<dyn Mechanism>,
    pub(super) proof: Option<Box<dyn Proof>>,
}

/// Two settings that contradict each other.
pub(super) struct Conflict {
    pub(super) key: &'static str,
    pub(super) because: &'static str,
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) alternatives: Vec<String>,
}

/// Every law that a plan breaks.
pub(super) fn check(
    plan: &Plan,
    registry: &Registry,
    places: &Places,
    lines: &Lines<'_>,
) -> Vec<PlanError> {
    let facts = match Facts::new(plan, registry) {
        Ok(facts) => facts,
        Err(failures) => {
            let error = |(key, error): (String, _)| unmakable(&key, error, places, lines);
            return failures.into_iter().map(error).collect();
        }
    };
    let broken = laws::LAWS.iter().filter_map(|law| law(&facts));
    broken.map(|conflict| refuse(conflict, plan, places, lines)).collect()
}

/// A rule whose constructor refuses its arguments.
pub(super) fn unmakable(key: &str, error: Error, places: &Places, lines: &Lines<'_>) -> PlanError {
    let of_list = key.split('[').next().and_then(|key| places.get(key));
    let place = places.get(key).or(of_list).copied();
    let (line, column) = lines.position(place.unwrap_or(0));
    let (key, expected, found) = match error {
        Error::Caller(e) => (format!("{key}: {}", e.what), e.expected, e.found),
        other => (key.to_owned(), "arguments that the rule accepts".into(), other.to_string()),
    };
    PlanError { line, column, key, expected, found, because: None, alternatives: Vec::new() }
}

fn refuse(conflict: Conflict, plan: &Plan, places: &Places, lines: &Lines<'_>) -> PlanError {
    let Conflict { key, because, expected, mut found, alternatives } = conflict;
    let (at, other) = (places.get(key).copied(), places.get(because).copied());
    let (line, column) = lines.position(at.or(other).unwrap_or(0));
    if at.is_none() {
        found += " (the default)";
    }
    let setting = setting(plan, because);
    let because = Some(Because { setting, line: other.map(|offset| lines.position(offset).0) });
    PlanError { line, column, key: key.to_owned(), expected, found, because, alternatives }
}

/// A setting as the plan has it: `size = 5 in [cohort]`.
fn setting(plan: &Plan, key: &str) -> String {
    if let Some(rule) = RULES.iter().find(|rule| rule.family.key() == key) {
        return format!("{key} = {}", write::rules(rule.family, plan.choices(rule.family)));
    }
    let (table, name) = key.split_once('.').unwrap_or(("", key));
    let mut sections = SECTIONS.iter().zip(&plan.sections);
    let value = sections.find(|(section, _)| section.name == table);
    let value = value.and_then(|(_, arguments)| arguments.0.get(name)).map(write::value);
    within(table, &format!("{name} = {}", value.unwrap_or_default()))
}

/// An assignment and the table it belongs to.
pub(super) fn within(table: &str, assignment: &str) -> String {
    if table.is_empty() { assignment.to_owned() } else { format!("{assignment} in [{table}]") }
}

impl<'a> Facts<'a> {
    fn new(plan: &'a Plan, registry: &'a Registry) -> Result<Self, Vec<(String, Error)>> {
        let chain = plan.stages(Family::Compressor);
        let downlink = plan.stages(Family::Downlink).err();
        let made = (plan.aggregator(), chain, plan.protection(), plan.mechanism(), plan.proof());
        match (made, downlink) {
            ((Ok(aggregator), Ok(chain), Ok(protection), Ok(mechanism), Ok(proof)), None) => {
                Ok(Self { plan, registry, aggregator, chain, protection, mechanism, proof })
            }
            ((aggregator, chain, protection, mechanism, proof), downlink) => {
                let misfits = [(Family::Compressor, chain.err()), (Family::Downlink, downlink)];
                let misfits = misfits.into_iter().filter_map(|(family, misfit)| {
                    let Misfit { stage, error } = misfit?;
                    Some((nth(family.key(), stage), error))
                });
                let failures = [
                    (Family::Aggregator, aggregator.err()),
                    (Family::Protection, protection.err()),
                    (Family::Mechanism, mechanism.err()),
                    (Family::Proof, proof.err()),
                ];
                let failures = failures.into_iter().filter_map(|(f, e)| Some((f.key().into(), e?)));
                Err(misfits.chain(failures).collect())
            }
        }
    }

    /// The rules of a family that are sound with their default arguments.
    pub(super) fn sound(
        &self,
        family: Family,
        test: impl Fn(Make, &Arguments) -> Result<bool, Error>,
    ) -> impl Iterator<Item = String> {
        self.registry.family(family).filter_map(move |entry| {
            let arguments = Arguments::defaults(entry.parameters).ok()?;
            let sound = test(entry.make, &arguments).unwrap_or(false);
            sound.then(|| match family.is_list() {
                true => format!("{} = [{:?}]", family.key(), entry.name),
                false => format!("{} = {:?}", family.key(), entry.name),
            })
        })
    }

    /// Why updates of this plan cannot be summed as integers, if so.
    pub(super) fn unsummed(&self) -> Option<Error> {
        let Self { plan, chain, protection, mechanism, .. } = self;
        let bound = mechanism.sent(&plan.calibration(1, 1_000, None)).1;
        plan.sums(chain, &**mechanism, protection.exchange()?, bound).err()
    }

    /// The protections that show at least `view`.
    pub(super) fn protections(&self, view: View) -> impl Iterator<Item = String> {
        self.sound(Family::Protection, move |make, arguments| match make {
            Make::Protection(make) => Ok(make(arguments)?.reveals() >= view),
            _ => Ok(false),
        })
    }

    /// The accountants that bound the plan's noise under its sampling.
    pub(super) fn accountants(&self) -> impl Iterator<Item = String> {
        self.sound(Family::Accountant, |make, arguments| match make {
            Make::Accountant(make) => Ok(self.unaccounted(&*make(arguments)?).is_none()),
            _ => Ok(false),
        })
    }

    /// Why an accountant has no bound for the plan's noise, if so.
    pub(super) fn unaccounted(&self, accountant: &dyn Accountant) -> Option<String> {
        let (plan, by) = (self.plan, self.mechanism.by());
        let cost = self.mechanism.cost(&plan.calibration(1, 1_000, None)).ok()?;
        let sampled = match by {
            Party::Participant => Sampled::Everybody,
            _ => Sampled::of(&plan.cohort, plan.participants()),
        };
        let release = (Spent { cost, sampled }, 1);
        accountant
            .epsilon(&[release], plan.privacy.budget.delta)
            .err()
            .map(|error| error.to_string())
    }

    pub(super) fn name(&self, family: Family) -> String {
        let names: Vec<&str> = self.plan.choices(family).iter().map(Choice::name).collect();
        match family.is_list() {
            true => format!("{names:?}"),
            false => format!("{:?}", names.concat()),
        }
    }

    pub(super) fn is_noisy(&self) -> bool {
        self.plan.choice(Family::Mechanism).name() != NONE
    }
}
