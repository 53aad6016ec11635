//! How many values of a chunk are kept: a fraction of it, or its share of a number.

use tacit_core::compress::Form;
use tacit_core::error::Error;
use tacit_core::limits;
use tacit_core::registry::{Arguments, Default, Kind, Parameter};

pub(super) const FRACTION: Parameter = Parameter {
    name: "fraction",
    help: "Fraction of each chunk's values that travel, rounded up; 0.01 without `k`.",
    kind: Kind::Number { min: 0.0, max: 1.0 },
    default: Default::Absent,
};

pub(super) const K: Parameter = Parameter {
    name: "k",
    help: "Values that travel instead, shared out to chunks of 16,384 by length; one at least.",
    kind: Kind::Integer { min: 1, max: limits::MODEL_VALUES as i64 },
    default: Default::Absent,
};

/// How many values are kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    Fraction(f64),
    Count(usize),
}

impl Kept {
    /// Reads [`FRACTION`] and [`K`], of which a plan names at most one.
    pub(super) fn new(arguments: &Arguments) -> Result<Self, Error> {
        match (arguments.has(FRACTION.name), arguments.has(K.name)) {
            (true, true) => Err(Error::caller("k", "either a fraction or k", "both")),
            (false, true) => Ok(Self::Count(arguments.integer(K.name)? as usize)),
            (false, false) => Ok(Self::Fraction(0.01)),
            (true, false) => match arguments.number(FRACTION.name)? {
                0.0 => Err(Error::caller("fraction", "a number above 0.0", "0.0")),
                fraction => Ok(Self::Fraction(fraction)),
            },
        }
    }

    /// Values kept of a chunk. Only raw values can be chosen from.
    pub(super) fn of(&self, form: &Form) -> Result<usize, Error> {
        if !form.is_whole() || form.rotated {
            return Err(Error::caller("rule", "raw values to choose from", form.describe()));
        }
        let count = match *self {
            Self::Fraction(fraction) => (form.chunk as f64 * fraction).ceil() as usize,
            Self::Count(k) if k > form.total => {
                let expected = format!("at most the {} values of an update", form.total);
                return Err(Error::caller("k", expected, k.to_string()));
            }
            Self::Count(k) => {
                let upto = |end: usize| k as u128 * end as u128 / form.total.max(1) as u128;
                (upto(form.start + form.chunk) - upto(form.start)) as usize
            }
        };
        Ok(count.clamp(1, form.chunk.max(1)))
    }
}

/// Puts the values of a signal where its positions say, and zeros elsewhere.
pub(super) fn scatter(
    chunk: usize,
    positions: &[u16],
    values: &mut Vec<f32>,
    spare: &mut Vec<f32>,
) {
    spare.clear();
    spare.resize(chunk, 0.0);
    for (&position, &value) in positions.iter().zip(&*values) {
        spare[usize::from(position)] = value;
    }
    std::mem::swap(values, spare);
}

/// Keeps the values at ascending positions.
pub(super) fn gather(positions: &[u16], values: &mut Vec<f32>) {
    for (to, &from) in positions.iter().enumerate() {
        values[to] = values[usize::from(from)];
    }
    values.truncate(positions.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_k_add_up() {
        let total = 3 * limits::CHUNK_VALUES + 5_000;
        for k in [4, 100, 12_345, total] {
            let forms = (0..total).step_by(limits::CHUNK_VALUES).map(|at| Form::new(total, at));
            let shares: Vec<usize> = forms.map(|form| Kept::Count(k).of(&form).unwrap()).collect();
            assert_eq!(shares.iter().sum::<usize>(), k.max(shares.len()), "{shares:?}");
            assert!(shares.iter().all(|&share| share > 0));
        }
        assert!(Kept::Count(101).of(&Form::new(100, 0)).is_err());
        assert_eq!(Kept::Fraction(0.011).of(&Form::new(100, 0)).unwrap(), 2);
        assert_eq!(Kept::Fraction(1e-9).of(&Form::new(1, 0)).unwrap(), 1);
        let positions = Form { positions: true, ..Form::new(100, 0) };
        assert!(Kept::Fraction(0.5).of(&positions).is_err());
    }
}
