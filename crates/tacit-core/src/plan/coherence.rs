//! The coherence law: settings that are fine alone and unsound together. Each law names both
//! settings and what would be sound; other systems accept these pairs in silence.

use super::error::{Because, Lines, PlanError};
use super::read::Places;
use super::tables::{NONE, RULES, SECTIONS};
use super::{Plan, Sampling, write};
use crate::error::Error;
use crate::registry::{Arguments, Family, Make, Registry};
use crate::traits::{Aggregator, Compressor, Mechanism, Protection, View};

/// What the laws look at.
struct Facts<'a> {
    plan: &'a Plan,
    registry: &'a Registry,
    aggregator: Box<dyn Aggregator>,
    compressor: Box<dyn Compressor>,
    protection: Box<dyn Protection>,
    mechanism: Box<dyn Mechanism>,
}

/// Two settings that contradict each other.
struct Conflict {
    key: &'static str,
    because: &'static str,
    expected: String,
    found: String,
    alternatives: Vec<String>,
}

type Law = fn(&Facts<'_>) -> Option<Conflict>;

const LAWS: [Law; 15] = [
    view_of_the_aggregator,
    additive_encoding,
    discrete_noise,
    noise_of_clipped_updates,
    size_within_participants,
    poisson_of_everybody,
    poisson_with_over_selection,
    over_selection_within_participants,
    minimum_within_size,
    minimum_of_the_aggregator,
    minimum_after_dropping,
    held_out_of_participants,
    test_set_of_the_coordinator,
    target_that_is_measured,
    column_of_the_partition,
];

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
            let error = |(family, error)| unmakable(family, error, places, lines);
            return failures.into_iter().map(error).collect();
        }
    };
    let broken = LAWS.iter().filter_map(|law| law(&facts));
    broken.map(|conflict| refuse(conflict, plan, places, lines)).collect()
}

/// A rule whose constructor refuses its arguments.
pub(super) fn unmakable(
    family: Family,
    error: Error,
    places: &Places,
    lines: &Lines<'_>,
) -> PlanError {
    let key = family.key();
    let (line, column) = lines.position(places.get(key).copied().unwrap_or(0));
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
        return format!("{key} = {}", write::rule(rule.family, plan.choice(rule.family)));
    }
    let (table, name) = key.split_once('.').unwrap_or(("", key));
    let mut sections = SECTIONS.iter().zip(&plan.sections);
    let value = sections.find(|(section, _)| section.name == table);
    let value = value.and_then(|(_, arguments)| arguments.0.get(name)).map(write::value);
    within(table, &format!("{name} = {}", value.unwrap_or_default()))
}

/// An assignment and the table it belongs to.
fn within(table: &str, assignment: &str) -> String {
    if table.is_empty() { assignment.to_owned() } else { format!("{assignment} in [{table}]") }
}

impl<'a> Facts<'a> {
    fn new(plan: &'a Plan, registry: &'a Registry) -> Result<Self, Vec<(Family, Error)>> {
        let made = (plan.aggregator(), plan.compressor(), plan.protection(), plan.mechanism());
        match made {
            (Ok(aggregator), Ok(compressor), Ok(protection), Ok(mechanism)) => {
                Ok(Self { plan, registry, aggregator, compressor, protection, mechanism })
            }
            (aggregator, compressor, protection, mechanism) => {
                let failures = [
                    (Family::Aggregator, aggregator.err()),
                    (Family::Compressor, compressor.err()),
                    (Family::Protection, protection.err()),
                    (Family::Mechanism, mechanism.err()),
                ];
                Err(failures.into_iter().filter_map(|(f, e)| Some((f, e?))).collect())
            }
        }
    }

    /// The rules of a family that are sound with their default arguments.
    fn sound(
        &self,
        family: Family,
        test: impl Fn(Make, &Arguments) -> Result<bool, Error>,
    ) -> impl Iterator<Item = String> {
        self.registry.family(family).filter_map(move |entry| {
            let arguments = Arguments::defaults(entry.parameters).ok()?;
            let sound = test(entry.make, &arguments).unwrap_or(false);
            sound.then(|| match family {
                Family::Compressor if entry.name == NONE => format!("{} = []", family.key()),
                Family::Compressor => format!("{} = [{:?}]", family.key(), entry.name),
                _ => format!("{} = {:?}", family.key(), entry.name),
            })
        })
    }

    /// The protections that show at least `view`.
    fn protections(&self, view: View) -> impl Iterator<Item = String> {
        self.sound(Family::Protection, move |make, arguments| match make {
            Make::Protection(make) => Ok(make(arguments)?.reveals() >= view),
            _ => Ok(false),
        })
    }

    fn name(&self, family: Family) -> String {
        format!("{:?}", self.plan.choice(family).name())
    }

    fn is_noisy(&self) -> bool {
        self.plan.choice(Family::Mechanism).name() != NONE
    }
}

fn seen(view: View) -> &'static str {
    match view {
        View::Sum => "only the sum of the updates",
        View::EachSealed => "each update inside a sealed environment",
        View::Each => "each update",
    }
}

/// A rule cannot see more than the protection reveals.
fn view_of_the_aggregator(facts: &Facts<'_>) -> Option<Conflict> {
    let (needs, reveals) = (facts.aggregator.needs(), facts.protection.reveals());
    let aggregators = facts.sound(Family::Aggregator, |make, arguments| match make {
        Make::Aggregator(make) => Ok(make(arguments)?.needs() <= reveals),
        _ => Ok(false),
    });
    (needs > reveals).then(|| Conflict {
        key: "aggregator",
        because: "protection",
        expected: format!("a rule that needs {}", seen(reveals)),
        found: format!("{}, which needs {}", facts.name(Family::Aggregator), seen(needs)),
        alternatives: aggregators.chain(facts.protections(needs)).collect(),
    })
}

/// Under masks only sums open: an encoding must add up, and its positions must not depend on the
/// values, since they would leak.
fn additive_encoding(facts: &Facts<'_>) -> Option<Conflict> {
    let broken = facts.protection.reveals() == View::Sum && !facts.compressor.additive();
    let compressors = facts.sound(Family::Compressor, |make, arguments| match make {
        Make::Compressor(make) => Ok(make(arguments)?.additive()),
        _ => Ok(false),
    });
    broken.then(|| Conflict {
        key: "compression",
        because: "protection",
        expected: "an encoding that adds up under masks".into(),
        found: format!("{}, which does not", facts.name(Family::Compressor)),
        alternatives: compressors.chain(facts.protections(View::EachSealed)).collect(),
    })
}

/// Masked sums are integers, so noise under them must be integer-valued.
fn discrete_noise(facts: &Facts<'_>) -> Option<Conflict> {
    let continuous = facts.is_noisy() && !facts.mechanism.discrete();
    let mechanisms = facts.sound(Family::Mechanism, |make, arguments| match make {
        Make::Mechanism(make) => Ok(make(arguments)?.discrete()),
        _ => Ok(false),
    });
    // No noise is no alternative to noise, whatever it says of itself.
    let mechanisms = mechanisms.filter(|text| *text != "mechanism = \"none\"");
    (continuous && facts.protection.reveals() == View::Sum).then(|| Conflict {
        key: "mechanism",
        because: "protection",
        expected: "integer-valued noise".into(),
        found: format!("{}, which is continuous", facts.name(Family::Mechanism)),
        alternatives: mechanisms.chain(facts.protections(View::EachSealed)).collect(),
    })
}

/// Without a bound on one participant's influence no noise makes a sum private.
fn noise_of_clipped_updates(facts: &Facts<'_>) -> Option<Conflict> {
    let unbounded = facts.plan.training.clip_norm == 0.0;
    (facts.is_noisy() && unbounded).then(|| Conflict {
        key: "training.clip_norm",
        because: "mechanism",
        expected: "a norm above 0.0".into(),
        found: "0.0".into(),
        alternatives: vec![within("training", "clip_norm = 1.0")],
    })
}

fn size_within_participants(facts: &Facts<'_>) -> Option<Conflict> {
    let (size, participants) = (facts.plan.cohort.size, facts.plan.participants());
    (size > participants).then(|| Conflict {
        key: "cohort.size",
        because: "participants",
        expected: format!("at most {participants}"),
        found: size.to_string(),
        alternatives: vec![
            within("cohort", &format!("size = {participants}")),
            format!("participants = {size}"),
        ],
    })
}

/// Whether the plan leaves the cohort's size to "everybody".
fn everybody(facts: &Facts<'_>) -> bool {
    let cohort = SECTIONS.iter().zip(&facts.plan.sections).find(|(s, _)| s.name == "cohort");
    cohort.is_some_and(|(_, arguments)| arguments.integer("size").is_ok_and(|size| size == 0))
}

/// Amplification may only be claimed for a rate that was really below one.
fn poisson_of_everybody(facts: &Facts<'_>) -> Option<Conflict> {
    let poisson = facts.plan.cohort.sampling == Sampling::Poisson;
    let half = (facts.plan.participants() / 2).max(1);
    (poisson && everybody(facts)).then(|| Conflict {
        key: "cohort.size",
        because: "cohort.sampling",
        expected: "the expected number of participants per round".into(),
        found: "0, which means everybody".into(),
        alternatives: vec![
            within("cohort", &format!("size = {half}")),
            within("cohort", "sampling = \"fixed\""),
        ],
    })
}

fn poisson_with_over_selection(facts: &Facts<'_>) -> Option<Conflict> {
    let cohort = &facts.plan.cohort;
    let broken = cohort.sampling == Sampling::Poisson && cohort.over_selection > 0.0;
    broken.then(|| Conflict {
        key: "cohort.over_selection",
        because: "cohort.sampling",
        expected: "0.0, as whoever the coins choose is the cohort".into(),
        found: write::number(cohort.over_selection),
        alternatives: vec![
            within("cohort", "over_selection = 0.0"),
            within("cohort", "sampling = \"fixed\""),
        ],
    })
}

fn over_selection_within_participants(facts: &Facts<'_>) -> Option<Conflict> {
    let (cohort, participants) = (&facts.plan.cohort, facts.plan.participants());
    let wanted = cohort.over_selection > 0.0 && cohort.sampling == Sampling::Fixed;
    let fits = (participants as f64 / (1.0 + cohort.over_selection)) as usize;
    (wanted && cohort.size <= participants && cohort.invited() > participants).then(|| Conflict {
        key: "cohort.over_selection",
        because: if everybody(facts) { "cohort.size" } else { "participants" },
        expected: format!("at most {participants} participants to be invited"),
        found: format!("{}, which invites {}", cohort.over_selection, cohort.invited()),
        alternatives: vec![
            within("cohort", "over_selection = 0.0"),
            within("cohort", &format!("size = {}", fits.max(1))),
        ],
    })
}

fn minimum_within_size(facts: &Facts<'_>) -> Option<Conflict> {
    let (minimum, size) = (facts.plan.cohort.minimum, facts.plan.cohort.size);
    (minimum > size).then(|| Conflict {
        key: "cohort.minimum",
        because: "cohort.size",
        expected: format!("at most {size}"),
        found: minimum.to_string(),
        alternatives: vec![within("cohort", &format!("minimum = {size}"))],
    })
}

fn minimum_of_the_aggregator(facts: &Facts<'_>) -> Option<Conflict> {
    let (needs, cohort) = (facts.aggregator.minimum(), &facts.plan.cohort);
    let mut alternatives = vec![within("cohort", &format!("minimum = {needs}"))];
    if needs > cohort.size {
        alternatives = vec![
            within("cohort", &format!("size = {needs} and minimum = {needs}")),
            "an aggregator that needs fewer".into(),
        ];
    }
    (needs > cohort.minimum).then(|| Conflict {
        key: "cohort.minimum",
        because: "aggregator",
        expected: format!("at least {needs} contributions"),
        found: cohort.minimum.to_string(),
        alternatives,
    })
}

/// A plan that expects drop-outs must survive them.
fn minimum_after_dropping(facts: &Facts<'_>) -> Option<Conflict> {
    let (cohort, dropping) = (&facts.plan.cohort, facts.plan.adversary.dropping);
    let left = (cohort.invited() as f64 * (1.0 - dropping)).floor() as usize;
    let broken = dropping > 0.0 && cohort.minimum <= cohort.size && left < cohort.minimum;
    let mut alternatives = vec![within("adversary", "a smaller dropping")];
    if left >= facts.aggregator.minimum() {
        alternatives.push(within("cohort", &format!("minimum = {left}")));
    }
    broken.then(|| Conflict {
        key: "cohort.minimum",
        because: "adversary.dropping",
        expected: format!("at most the {left} of {} that remain", cohort.invited()),
        found: cohort.minimum.to_string(),
        alternatives,
    })
}

const HELD_OUT: &str = "a fraction above 0.0";

fn held_out_of_participants(facts: &Facts<'_>) -> Option<Conflict> {
    let broken = facts.plan.evaluation.on_participants && facts.plan.data.held_out == 0.0;
    broken.then(|| Conflict {
        key: "data.held_out",
        because: "evaluation.on",
        expected: HELD_OUT.into(),
        found: "0.0".into(),
        alternatives: vec![
            within("data", "held_out = 0.2"),
            within("evaluation", "on = [\"coordinator\"]"),
        ],
    })
}

fn test_set_of_the_coordinator(facts: &Facts<'_>) -> Option<Conflict> {
    let (evaluation, data) = (&facts.plan.evaluation, &facts.plan.data);
    let none = data.test_source.is_none() && data.held_out == 0.0;
    (evaluation.on_coordinator && none).then(|| Conflict {
        key: "data.held_out",
        because: "evaluation.on",
        expected: format!("{HELD_OUT}, or a test_source"),
        found: "0.0".into(),
        alternatives: vec![within("data", "held_out = 0.2"), within("evaluation", "on = []")],
    })
}

fn target_that_is_measured(facts: &Facts<'_>) -> Option<Conflict> {
    let evaluation = &facts.plan.evaluation;
    let target = evaluation.target_accuracy?;
    let nobody = !evaluation.on_coordinator && !evaluation.on_participants;
    nobody.then(|| Conflict {
        key: "evaluation.target_accuracy",
        because: "evaluation.on",
        expected: "0.0, as nobody measures it".into(),
        found: write::number(target),
        alternatives: vec![
            within("evaluation", "target_accuracy = 0.0"),
            within("evaluation", "on = [\"coordinator\"]"),
        ],
    })
}

fn column_of_the_partition(facts: &Facts<'_>) -> Option<Conflict> {
    let super::Partition::ByColumn { column } = &facts.plan.data.partition else { return None };
    column.is_empty().then(|| Conflict {
        key: "data.column",
        because: "data.partition",
        expected: "the name of a column".into(),
        found: "\"\"".into(),
        alternatives: vec![within("data", "partition = \"iid\"")],
    })
}
