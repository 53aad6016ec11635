//! Top-k: only the values of largest magnitude travel, with their positions (Aji & Heafield 2017;
//! with error feedback Stich, Cordonnier & Jaggi 2018, "Sparsified SGD with memory", def. 2.1 and
//! algorithm 1).
//!
//! Of every chunk of d values the k largest in magnitude are kept; of equal ones, those of lower
//! index. This is a contraction: ‖x − top_k(x)‖² ≤ (1 − k/d)·‖x‖² (ibid., lemma A.1). It is biased:
//! the sender must add what was dropped to its next update, else coordinates that are never the
//! largest never move.

use super::kept::{FRACTION, K, Kept, gather, scatter};
use tacit_core::compress::{Form, Place, Signal, check_positions};
use tacit_core::error::{Error, Refusal};
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::traits::Compressor;

pub(super) const ENTRY: Entry = Entry {
    name: "top-k",
    help: "only the values of largest magnitude travel (Stich et al. 2018)",
    parameters: &[
        FRACTION,
        K,
        Parameter {
            name: "error_feedback",
            help: "Whether what is dropped is added to the participant's next update.",
            kind: Kind::Flag,
            default: Default::Flag(true),
        },
    ],
    make: Make::Compressor(make),
};

struct TopK {
    kept: Kept,
    feedback: bool,
}

fn make(arguments: &Arguments) -> Result<Box<dyn Compressor>, Error> {
    let feedback = arguments.flag("error_feedback")?;
    Ok(Box::new(TopK { kept: Kept::new(arguments)?, feedback }))
}

impl Compressor for TopK {
    fn form(&self, form: Form) -> Result<Form, Error> {
        Ok(Form { count: self.kept.of(&form)?, chosen: true, positions: true, ..form })
    }

    fn additive(&self) -> bool {
        false
    }

    fn feedback(&self) -> bool {
        self.feedback
    }

    fn forward(&self, place: &Place, signal: &mut Signal) -> Result<(), Error> {
        let k = self.kept.of(&place.form)?;
        select(&signal.values, k, &mut signal.positions);
        gather(&signal.positions, &mut signal.values);
        Ok(())
    }

    fn backward(&self, place: &Place, signal: &mut Signal) -> Result<(), Refusal> {
        let Signal { values, positions, spare, .. } = signal;
        if positions.len() != values.len() {
            return Err(Refusal::Malformed { what: "positions of an update".into() });
        }
        check_positions(positions, place.form.chunk)?;
        scatter(place.form.chunk, positions, values, spare);
        Ok(())
    }
}

/// Bits of a magnitude below those that the histogram counts: exponent and three of the fraction.
const SHIFT: u32 = 20;

/// Magnitudes of finite values order as the bits of their absolute values.
fn magnitude(x: f32) -> u32 {
    x.to_bits() & 0x7fff_ffff
}

/// Writes the positions of the `k` largest magnitudes, ascending. One pass counts magnitudes by
/// their leading bits; only the class that holds the k-th is searched.
pub(super) fn select(values: &[f32], k: usize, positions: &mut Vec<u16>) {
    let mut classes = [0u32; 1 << (31 - SHIFT)];
    for x in values {
        classes[(magnitude(*x) >> SHIFT) as usize] += 1;
    }
    let (mut above, mut class) = (0, classes.len() - 1);
    while class > 0 && above + (classes[class] as usize) < k {
        above += classes[class] as usize;
        class -= 1;
    }
    let of_class = |key: &u32| (key >> SHIFT) as usize == class;
    let mut keys: Vec<u32> = values.iter().map(|x| magnitude(*x)).filter(of_class).collect();
    // Of the class, the `wanted` largest are kept: those above the last of them, and the first
    // of those that equal it.
    let wanted = k.saturating_sub(above).clamp(1, keys.len().max(1));
    let (threshold, equal, spare) = match keys.len() {
        0 => (0, 0, 0),
        _ => {
            let (larger, threshold, rest) =
                keys.select_nth_unstable_by(wanted - 1, |a, b| b.cmp(a));
            let threshold = *threshold;
            let equal = wanted - larger.iter().filter(|key| **key > threshold).count();
            (threshold, equal, rest.iter().filter(|key| **key == threshold).count())
        }
    };
    positions.clear();
    positions.resize(values.len() + 1, 0);
    let (mut count, mut equal) = (0, if spare == 0 { usize::MAX } else { equal });
    let mut take = |block: &[f32], start: usize| {
        if block.iter().fold(false, |any, x| any | (magnitude(*x) >= threshold)) {
            // Without branches: each position is written, and stays where its value is kept.
            for (place, x) in block.iter().enumerate() {
                let key = magnitude(*x);
                let kept = (key > threshold) | ((key == threshold) & (equal > 0));
                equal -= usize::from(key == threshold && equal > 0);
                positions[count] = (start + place) as u16;
                count += usize::from(kept);
            }
        }
    };
    let (blocks, rest) = values.as_chunks::<16>();
    blocks.iter().enumerate().for_each(|(number, block)| take(block, number * 16));
    take(rest, blocks.len() * 16);
    positions.truncate(count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    #[test]
    fn the_largest_of_any_vector_ties_to_the_lower_index() {
        let mut rng = Seed::root(5).rng();
        for n in [1usize, 2, 7, 100, 1000] {
            for few in [2u64, 5, 1 << 40] {
                let mut draw = || (rng.below(few) as f32 - 1.0) * if few > 5 { 1e-30 } else { 1.0 };
                let values: Vec<f32> = (0..n).map(|_| draw()).collect();
                for k in [1, n.div_ceil(3), n] {
                    let mut order: Vec<u16> = (0..n as u16).collect();
                    order.sort_by_key(|&i| std::cmp::Reverse(magnitude(values[usize::from(i)])));
                    order.truncate(k);
                    order.sort_unstable();
                    let mut found = Vec::new();
                    select(&values, k, &mut found);
                    assert_eq!(found, order, "{k} of {n}");
                }
            }
        }
    }
}
