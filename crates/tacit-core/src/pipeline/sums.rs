//! How an update travels where only sums are opened: as integers modulo a power of two.
//!
//! What the compression leaves of a chunk becomes levels of one grid that the whole cohort shares,
//! so that the sum of levels is the level of the sum; or integers that the mechanism has made
//! already. The modulus is so large that no sum of a cohort wraps. Before the chunks comes a frame
//! of figures (weights, losses, counts), each cut into digits that have room for the cohort too.

use crate::compress::Grid;
use crate::error::{Error, Refusal};
use crate::exchange::Tally;

/// Bits of a figure of one member.
const FIGURE_BITS: u32 = 52;

/// Units of 1 in a loss.
const LOSS_UNIT: f64 = 65_536.0;

/// Largest magnitude of a loss that counts.
const LOSS: f64 = 4_096.0;

/// How integers stand for values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// What integers mean; `None` where they are the mechanism's, in units of `unit`.
    pub grid: Option<Grid>,
    /// Of the mechanism's integers.
    pub unit: f64,
    /// Integers are modulo 2 to this power.
    pub bits: u32,
    /// Most members of a sum.
    pub largest: usize,
    /// What the heaviest contribution weighs; 1 where all weigh the same.
    pub heaviest: u64,
    /// Whether figures travel beside the update.
    pub figures: bool,
}

/// The figures of one contribution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Its weight.
    pub weight: u64,
    /// Training loss.
    pub loss: f64,
    /// Examples that the model was measured on.
    pub examples: u64,
    /// Of these, correctly classified.
    pub correct: u64,
    /// Mean loss of these.
    pub measured_loss: f64,
    /// Whether the update was within the clipping norm.
    pub within: bool,
}

/// Bits that the sum of so many needs beyond those of one.
fn room(members: usize) -> u32 {
    usize::BITS - members.max(1).saturating_sub(1).leading_zeros()
}

impl Sums {
    /// The smallest modulus for sums of `largest` levels of a grid.
    pub fn of_grid(grid: Grid, largest: usize, heaviest: u64) -> Result<Self, Error> {
        let span = (i128::from(grid.most) - i128::from(grid.least)) * largest as i128;
        let bits = (i128::BITS - span.leading_zeros()).max(8);
        if bits > 64 {
            let found = format!("{bits} bits");
            return Err(Error::caller("sums of the cohort", "at most 64 bits", found));
        }
        Self { grid: Some(grid), unit: 0.0, bits, largest, heaviest, figures: true }.checked()
    }

    /// The mechanism's own integers.
    pub fn of_shares(bits: u32, unit: f64, largest: usize) -> Result<Self, Error> {
        Self { grid: None, unit, bits, largest, heaviest: 1, figures: false }.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        if self.bits < 8 || (self.figures && room(self.largest) >= self.bits) {
            let expected = format!("at least {}", room(self.largest).max(7) + 1);
            return Err(Error::caller("bits of a sum", expected, self.bits.to_string()));
        }
        Ok(self)
    }

    fn mask(&self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    /// Bits of a digit: of what is cut into digits no sum wraps.
    pub fn digit_bits(&self) -> u32 {
        (self.bits - room(self.largest)).min(32)
    }

    /// Bits of a digit, and digits of a figure.
    fn digits(&self) -> (u32, usize) {
        let width = self.digit_bits();
        (width, FIGURE_BITS.div_ceil(width) as usize)
    }

    /// Integers of the frame of figures; 0 where none travel.
    pub fn figure_count(&self) -> usize {
        if self.figures { 6 * self.digits().1 } else { 0 }
    }

    /// A figure's digits, the lowest first.
    pub fn write(&self, figures: &Figures, out: &mut Vec<u64>) {
        let (width, digits) = self.digits();
        let signed = |loss: f64| ((loss.clamp(-LOSS, LOSS) + LOSS) * LOSS_UNIT).round() as u64;
        let most = (1 << FIGURE_BITS) - 1;
        let whole = |value: u64| value.min(most);
        let values = [
            whole(figures.weight),
            whole(signed(figures.loss).saturating_mul(figures.weight)),
            whole(figures.examples),
            whole(figures.correct),
            whole(signed(figures.measured_loss).saturating_mul(figures.examples)),
            u64::from(figures.within),
        ];
        for value in values {
            out.extend((0..digits as u32).map(|d| (value >> (d * width)) & ((1 << width) - 1)));
        }
    }

    /// The sums of figures.
    pub fn read(&self, sums: &[u64]) -> Result<Tally, Error> {
        let (width, digits) = self.digits();
        if sums.len() != self.figure_count() || digits == 0 {
            return Err(Error::Bug("the sum of figures has another length"));
        }
        let value = |digits: &[u64]| {
            let shifted = digits.iter().zip(0u32..).map(|(x, d)| u128::from(*x) << (d * width));
            u64::try_from(shifted.sum::<u128>()).unwrap_or(u64::MAX)
        };
        let values: Vec<u64> = sums.chunks(digits).map(value).collect();
        let [weight, loss, examples, correct, measured, within] = values[..] else {
            return Err(Error::Bug("the sum of figures has another length"));
        };
        let mean = |sum: u64, weight: u64| match weight {
            0 => 0.0,
            weight => sum as f64 / weight as f64 / LOSS_UNIT - LOSS,
        };
        let (loss, measured_loss) = (mean(loss, weight), mean(measured, examples));
        Ok(Tally { weight, loss, examples, correct, measured_loss, within })
    }

    /// The integers of values that the mechanism has made.
    pub fn take(&self, values: &[f32], out: &mut Vec<u64>) {
        let (unit, mask) = (1.0 / self.unit, self.mask());
        out.clear();
        out.extend(values.iter().map(|x| (f64::from(*x) * unit).round() as i64 as u64 & mask));
    }

    /// The integers of levels.
    pub fn level(&self, levels: &[i64], out: &mut Vec<u64>) {
        out.clear();
        out.extend(levels.iter().map(|&level| level as u64 & self.mask()));
    }

    /// The sums of levels of a grid, from the sums of the integers of so many members.
    pub fn levels(&self, sums: &[u64], members: usize, out: &mut Vec<i64>) -> Result<(), Error> {
        let grid = self.grid.ok_or(Error::Bug("integers without a grid were taken for levels"))?;
        let least = i128::from(grid.least) * members as i128;
        for &sum in sums {
            let above = sum.wrapping_sub(least as u64) & self.mask();
            let level = i64::try_from(i128::from(above) + least);
            out.push(level.map_err(|_| Error::caller("sum", "63 bits and a sign", "more"))?);
        }
        Ok(())
    }

    /// The sum of values, from the sum of the integers of so many members.
    pub fn value(&self, sums: &[u64], members: usize, out: &mut Vec<f32>) -> Result<(), Refusal> {
        if members > self.largest {
            let (limit, found) = (self.largest as u64, members as u64);
            return Err(Refusal::TooLarge { what: "cohort of a sum".into(), limit, found });
        }
        out.clear();
        let unused = 64 - self.bits;
        match self.grid {
            None => {
                let centred = |&sum: &u64| ((sum << unused) as i64 >> unused) as f64;
                out.extend(sums.iter().map(|sum| (centred(sum) * self.unit) as f32));
            }
            Some(grid) => {
                // Sums lie from `least` on, in a range no wider than the modulus.
                let least = grid.least.wrapping_mul(members as i64);
                let offset = grid.origin * members as f64;
                let value = |&sum: &u64| {
                    let above = sum.wrapping_sub(least as u64) & self.mask();
                    let level = i128::from(above) + i128::from(least);
                    (offset + level as f64 * grid.step) as f32
                };
                out.extend(sums.iter().map(value));
            }
        }
        Ok(())
    }
}
