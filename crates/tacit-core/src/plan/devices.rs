//! The devices that a simulation plays: how fast they are, and when they can be reached.

use super::sections::text;
use crate::error::Error;
use crate::registry::Arguments;

/// Devices of simulated participants. A plan without them is simulated as if everybody answered
/// at once; a networked run has devices of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Devices {
    /// Drawn by the plan's seed, a device for each participant.
    Generated {
        /// Median speed in examples per second.
        examples_per_s: f64,
        /// Standard deviation of the natural logarithm of the speeds.
        speed_spread: f64,
        /// Median bandwidth each way, in 10⁶ bits per second.
        megabits_per_s: f64,
        /// Standard deviation of the natural logarithm of the bandwidths.
        bandwidth_spread: f64,
        /// Probability that a device answers in a round.
        availability: f64,
    },
    /// Read from a file.
    Trace {
        /// Path of a CSV file.
        path: String,
        /// Milliseconds after which the windows repeat; 0 for windows that do not.
        period_ms: u64,
    },
}

impl Devices {
    pub(super) fn new(of: &Arguments) -> Result<Option<Self>, Error> {
        Ok(match of.text("kind")? {
            "generated" => Some(Self::Generated {
                examples_per_s: of.number("examples_per_s")?,
                speed_spread: of.number("speed_spread")?,
                megabits_per_s: of.number("megabits_per_s")?,
                bandwidth_spread: of.number("bandwidth_spread")?,
                availability: of.number("availability")?,
            }),
            "trace" => Some(Self::Trace {
                path: text(of, "trace")?,
                period_ms: super::sections::milliseconds(of, "period_s")?,
            }),
            _ => None,
        })
    }
}
