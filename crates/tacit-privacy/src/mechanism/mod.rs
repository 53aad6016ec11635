//! The mechanisms that a plan can name, and what they share: sensitivities after every rounding.

mod count;
mod discrete_gaussian;
mod gaussian;
mod in_shares;
mod laplace;
mod local_gaussian;
mod priv_unit;
mod shares;
mod skellam;

use tacit_core::error::Error;
use tacit_core::registry::{Default, Entry, Kind, Parameter};
use tacit_core::traits::Calibration;

/// Every mechanism.
pub(crate) const ENTRIES: &[Entry] = &[
    discrete_gaussian::ENTRY,
    gaussian::ENTRY,
    laplace::ENTRY,
    local_gaussian::ENTRY,
    priv_unit::ENTRY,
    skellam::ENTRY,
];

const fn positive(name: &'static str, default: f64, help: &'static str) -> Parameter {
    let kind = Kind::Number { min: 1e-6, max: 1e6 };
    Parameter { name, help, kind, default: Default::Number(default) }
}

fn unbounded() -> Error {
    Error::caller("training.clip_norm", "a norm above 0, to which noise is calibrated", "0")
}

/// What one participant changes in the aggregate, in a norm that is `of_update` for an update and
/// `of_ones` for a vector of ones: its update over the divisor of the mean; what rounding the
/// exact sum to f32 can differ by, half a unit in the last place of each side, where the sum is at
/// most `largest` updates; and the mean's own rounding, 2⁻³⁷ of each side (see `mean`).
fn sensitivity(of: &Calibration, of_update: f64, of_ones: f64) -> f64 {
    let size = of.size as f64;
    let single = f64::from(f32::EPSILON) * of_update * of.largest as f64 / size;
    of_update / size + single + of_ones * 2f64.powi(-36)
}

/// A noise multiplier rounded down to 21 bits, and a distance rounded up to a power of two: what is
/// claimed then does not change with every digit of the clipping norm, and equal releases are
/// composed as one.
fn coarse(noise_multiplier: f64, total_variation: f64) -> (f64, f64) {
    let short = f64::from_bits(noise_multiplier.to_bits() & !0xffff_ffff);
    let above = total_variation.log2().ceil().exp2();
    (short, if above.is_finite() { above.max(total_variation) } else { total_variation })
}

#[cfg(test)]
mod tests {
    #[test]
    fn coarse_claims_are_weaker() {
        for (noise, distance) in [(1.0, 0.0), (0.999_995_2, 3e-19), (1e-6, 0.5), (7.3, 1e-300)] {
            let (short, above) = super::coarse(noise, distance);
            assert!(short <= noise && short > noise * (1.0 - 1e-6), "{noise}");
            assert!(above >= distance && above <= 2.0 * distance, "{distance}");
        }
    }
}
