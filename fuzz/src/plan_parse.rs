//! Plans: what is accepted is coherent, and its canonical text is the same plan.

use crate::compress::layout;
use crate::rules::registry;
use tacit_core::limits;
use tacit_core::plan::Plan;

/// Reads bytes as a plan.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let plan = match Plan::parse(text, registry()) {
        Ok(plan) => plan,
        Err(errors) => {
            let count = errors.errors().len();
            assert!((1..=limits::PLAN_ERRORS).contains(&count), "{count} errors");
            assert!(!errors.to_string().is_empty());
            return;
        }
    };
    let canonical = plan.to_toml();
    let again = Plan::parse(&canonical, registry()).expect("canonical text parses");
    assert_eq!(again, plan);
    assert_eq!(again.to_toml(), canonical);
    // What a plan promises can be made. No trainer: it may be a program of the plan's choice.
    plan.channel(&layout(9)).expect("a channel");
    plan.strategy().expect("a strategy");
    let aggregator = plan.aggregator().expect("an aggregator");
    plan.mechanism().expect("a mechanism");
    assert!(aggregator.needs() <= plan.protection().expect("a protection").reveals());
    assert!(plan.cohort().minimum >= aggregator.minimum());
}
