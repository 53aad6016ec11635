//! What every rule checks of the rows that it is given.

use tacit_core::error::Error;
use tacit_core::limits;
use tacit_core::registry::{Arguments, Default, Kind, Parameter};

/// `num_byzantine`, as every rule that is told it declares it.
pub(crate) const NUM_BYZANTINE: Parameter = Parameter {
    name: "num_byzantine",
    help: "number of hostile participants that the rule must withstand",
    kind: Kind::Integer { min: 0, max: limits::COHORT as i64 },
    default: Default::Integer(1),
};

/// A declared whole number that is not negative.
pub(crate) fn count(arguments: &Arguments, name: &str) -> Result<usize, Error> {
    usize::try_from(arguments.integer(name)?)
        .map_err(|_| Error::Bug("a count was declared that may be negative"))
}

/// Refuses a cohort smaller than `minimum`; `why` says where the number comes from.
pub(super) fn check_size(
    rule: &'static str,
    minimum: usize,
    why: &str,
    found: usize,
) -> Result<(), Error> {
    if found < minimum {
        return Err(Error::caller(
            rule,
            format!("at least {minimum} updates{why}"),
            format!("{found} updates"),
        ));
    }
    Ok(())
}

/// Number of values in each row of a chunk.
pub(super) fn width(rows: &[&[f32]]) -> Result<usize, Error> {
    let width = rows.first().map_or(0, |row| row.len());
    if rows.iter().any(|row| row.len() != width) {
        return Err(Error::Bug("rows of one chunk differ in length"));
    }
    Ok(width)
}
