//! A committee of aggregators over HTTPS: the processes themselves, and the way to them.
//!
//! An [`Aggregator`] is one more [`Desk`](crate::desk::Desk) behind a server like the
//! coordinator's: participants deliver shares as they deliver contributions, and the coordinator's
//! orders are messages, whose answers it fetches as mail.

mod aggregator;
mod book;
mod way;

pub use aggregator::{Aggregator, Counter, Setting};
pub(crate) use way::Seated;
pub use way::{Committee, Dealing};

use tacit_core::error::Error;
use tacit_core::plan::Plan;
use tacit_core::registry::Family;
use tacit_secagg::committee::rule;

/// The committee that a plan names, if its protection is one.
pub fn named(plan: &Plan) -> Result<Option<rule::Committee>, Error> {
    let choice = plan.choice(Family::Protection);
    match choice.name() == rule::NAME {
        true => rule::Committee::new(choice.arguments()).map(Some),
        false => Ok(None),
    }
}

/// Refuses to go on without the committee that a plan names.
pub(crate) fn required(plan: &Plan, committee: bool) -> Result<(), Error> {
    match named(plan)? {
        Some(_) if !committee => {
            let expected = "the way to its aggregators";
            Err(Error::caller("protection = \"committee\"", expected, "none"))
        }
        _ => Ok(()),
    }
}
