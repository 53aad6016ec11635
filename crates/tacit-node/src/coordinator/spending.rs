//! The ledger that a plan shares with all others on the same data.

use std::path::Path;
use tacit_audit::{OsEntropy, SpendLedger, draws_commitment};
use tacit_core::account::Account;
use tacit_core::error::Error;
use tacit_core::plan::Plan;
use tacit_core::run::Course;

/// Parts in a thousand by which a plan may state less than the ledger's ε: it is written by hand.
const ROUNDING: f64 = 1e-3;

/// Opens the plan's ledger and adds what other runs spent to the course's account.
///
/// # Errors
/// A plan that states less than was spent, and one whose first round would pass its budget.
pub(super) fn open(plan: &Plan, course: &mut Course) -> Result<Option<SpendLedger>, Error> {
    let (Some(folder), Some(account)) = (&plan.privacy().ledger, &mut course.account) else {
        return Ok(None);
    };
    let run = draws_commitment(course.seed);
    let ledger = SpendLedger::open(Path::new(folder), run, plan.digest(), &mut OsEntropy)?;
    account.carry(&ledger.earlier()?);
    let found = account.epsilon()?.map_or(f64::INFINITY, |epsilon| epsilon.upper);
    let stated = plan.privacy().spent;
    if found > stated * (1.0 + ROUNDING) + ROUNDING {
        let expected = format!("{found:.3} or more, which the ledger {folder} says was spent");
        return Err(Error::caller("privacy.spent", expected, stated.to_string()));
    }
    let (rules, roster) = (plan.cohort(), plan.participants());
    let first = |account: &mut Account| account.allows_next(rules, roster);
    if !first(account)? {
        let expected = format!("a budget above the {found:.3} that was spent before");
        let limit = plan.budget().epsilon.unwrap_or(f64::INFINITY).to_string();
        return Err(Error::caller("privacy.epsilon", expected, limit));
    }
    Ok(Some(ledger))
}
