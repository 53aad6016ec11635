//! Random-k: values at positions that the whole cohort draws alike travel, without the positions
//! (Konečný et al. 2016, §3.2 "random mask"; Stich et al. 2018, def. 2.1).
//!
//! Since everybody in a round draws the same positions from the plan's seed, encodings add up: the
//! sum of encodings is the encoding of the sum, and nothing of the values shows in the positions.
//! So this is the sparsity that masked protections can have.

use super::kept::{FRACTION, K, Kept, gather, scatter};
use tacit_core::compress::{Form, Place, Signal};
use tacit_core::error::{Error, Refusal};
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::rng::Random;
use tacit_core::traits::Compressor;

pub(super) const ENTRY: Entry = Entry {
    name: "random-k",
    help: "values at positions drawn alike by all of a cohort travel (Konečný et al. 2016)",
    parameters: &[
        FRACTION,
        K,
        Parameter {
            name: "unbiased",
            help: "Whether values are multiplied by d/k, so that the mean of encodings is right.",
            kind: Kind::Flag,
            default: Default::Flag(true),
        },
        Parameter {
            name: "error_feedback",
            help: "Whether what is dropped is added to the next update; not with unbiased values.",
            kind: Kind::Flag,
            default: Default::Flag(false),
        },
    ],
    make: Make::Compressor(make),
};

struct RandomK {
    kept: Kept,
    unbiased: bool,
    feedback: bool,
}

fn make(arguments: &Arguments) -> Result<Box<dyn Compressor>, Error> {
    let unbiased = arguments.flag("unbiased")?;
    let feedback = arguments.flag("error_feedback")?;
    if feedback && unbiased {
        // Multiplied by d/k the encoding is no contraction, and the memory would grow.
        let expected = "unbiased = false, which error feedback needs";
        return Err(Error::caller("error_feedback", expected, "both"));
    }
    Ok(Box::new(RandomK { kept: Kept::new(arguments)?, unbiased, feedback }))
}

impl Compressor for RandomK {
    fn form(&self, form: Form) -> Result<Form, Error> {
        Ok(Form { count: self.kept.of(&form)?, chosen: true, ..form })
    }

    fn additive(&self) -> bool {
        true
    }

    fn feedback(&self) -> bool {
        self.feedback
    }

    fn forward(&self, place: &Place, signal: &mut Signal) -> Result<(), Error> {
        let (k, chunk) = (self.kept.of(&place.form)?, place.form.chunk);
        draw(chunk, k, &mut place.shared(), &mut signal.positions);
        gather(&signal.positions, &mut signal.values);
        signal.positions.clear();
        if self.unbiased {
            let factor = (chunk as f64 / k as f64) as f32;
            signal.values.iter_mut().for_each(|x| *x *= factor);
        }
        Ok(())
    }

    fn backward(&self, place: &Place, signal: &mut Signal) -> Result<(), Refusal> {
        let chunk = place.form.chunk;
        let Signal { values, positions, spare, .. } = signal;
        draw(chunk, values.len(), &mut place.shared(), positions);
        scatter(chunk, positions, values, spare);
        positions.clear();
        Ok(())
    }
}

/// Draws `k` of `chunk` positions, ascending. Whichever of the chosen and the others are fewer are
/// marked at random, again where one is marked already.
fn draw(chunk: usize, k: usize, rng: &mut Random, positions: &mut Vec<u16>) {
    let fewer = k.min(chunk.saturating_sub(k));
    let mut marked = vec![false; chunk];
    let mut left = fewer;
    while left > 0 {
        let position = rng.below(chunk as u64) as usize;
        left -= usize::from(!marked[position]);
        marked[position] = true;
    }
    let chosen = fewer == k;
    positions.clear();
    positions.extend((0..chunk).filter(|&position| marked[position] == chosen).map(|p| p as u16));
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    #[test]
    fn every_position_is_as_likely() {
        let (mut rng, mut counts, mut positions) = (Seed::root(4).rng(), [0u32; 10], Vec::new());
        for k in [3, 7] {
            for _ in 0..10_000 {
                draw(10, k, &mut rng, &mut positions);
                assert_eq!(positions.len(), k);
                assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
                positions.iter().for_each(|&position| counts[usize::from(position)] += 1);
            }
        }
        // Each is expected 10,000 times with a deviation of 65.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 330), "{counts:?}");
        draw(5, 5, &mut rng, &mut positions);
        assert_eq!(positions, [0, 1, 2, 3, 4]);
    }
}
