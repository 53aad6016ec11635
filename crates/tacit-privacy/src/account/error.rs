//! What accounting refuses, and what would work instead.

use super::Neighbours;
use tacit_core::error::Error;

/// Why a release cannot be composed or a question cannot be answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AccountError {
    /// A number outside its range.
    #[error("{what}: expected {expected}, found {found}")]
    Parameter {
        /// The number's name.
        what: &'static str,
        /// Its range.
        expected: &'static str,
        /// What was given.
        found: f64,
    },
    /// A cohort that cannot be drawn.
    #[error("fixed-size sampling: expected 1 ≤ size ≤ of, found {size} of {of}")]
    Cohort {
        /// Size of the cohort.
        size: u64,
        /// From how many it is drawn.
        of: u64,
    },
    /// The accountant has no bound for this release.
    #[error("accountant {accountant} has no bound for {release}; {instead:?} have")]
    Unsupported {
        /// The accountant asked.
        accountant: &'static str,
        /// The release, in words.
        release: &'static str,
        /// Accountants that bound it.
        instead: &'static [&'static str],
    },
    /// Releases that protect against different neighbours do not compose.
    #[error("composed so far for {expected} neighbours, this release is for {found} neighbours")]
    Neighbours {
        /// Relation of the releases before.
        expected: Neighbours,
        /// Relation of this one.
        found: Neighbours,
    },
    /// No noise within reach meets the target.
    #[error("no noise multiplier up to {largest} gives epsilon {epsilon} at delta {delta}")]
    Unreachable {
        /// Asked for.
        epsilon: f64,
        /// Asked for.
        delta: f64,
        /// Largest multiplier that was tried.
        largest: f64,
    },
}

impl From<AccountError> for Error {
    fn from(error: AccountError) -> Self {
        let expected = match &error {
            AccountError::Parameter { expected, .. } => (*expected).to_owned(),
            AccountError::Cohort { .. } => "1 ≤ size ≤ of".to_owned(),
            AccountError::Unsupported { instead, .. } => instead.join(" or "),
            AccountError::Neighbours { expected, .. } => expected.to_string(),
            AccountError::Unreachable { .. } => "a target within reach".to_owned(),
        };
        Error::caller("privacy accounting", expected, error.to_string())
    }
}

pub(crate) fn check(
    what: &'static str,
    expected: &'static str,
    found: f64,
    holds: bool,
) -> Result<(), AccountError> {
    // A comparison with NaN is false: NaN is refused with everything else.
    if holds { Ok(()) } else { Err(AccountError::Parameter { what, expected, found }) }
}

pub(crate) fn positive(what: &'static str, found: f64) -> Result<(), AccountError> {
    check(what, "a finite number above 0", found, found > 0.0 && found.is_finite())
}

pub(crate) fn check_delta(delta: f64) -> Result<(), AccountError> {
    check("delta", "a number between 0 and 1, both excluded", delta, delta > 0.0 && delta < 1.0)
}

pub(crate) fn check_epsilon(epsilon: f64) -> Result<(), AccountError> {
    let holds = epsilon >= 0.0 && epsilon.is_finite();
    check("epsilon", "a finite number, 0 or more", epsilon, holds)
}

pub(crate) fn check_times(times: u64) -> Result<(), AccountError> {
    check("number of releases", "1 to 10⁹", times as f64, (1..=1_000_000_000).contains(&times))
}
