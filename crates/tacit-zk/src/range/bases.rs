//! The points that vectors are committed to with: place `i` of the vector of digits has two, Gᵢ
//! and Hᵢ. Hashed from names, so that nobody knows a relation between any of them: digit `k` of
//! value `j` has the k-th point of the chains "G" and "H" of party `j`, as in
//! `tari_bulletproofs_plus` and in the `bulletproofs` crate.

use super::parallel;
use curve25519_dalek::ristretto::RistrettoPoint;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Shake256, Shake256Reader};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Points of places 0 and on.
#[derive(Default)]
pub(crate) struct Bases {
    pub g: Vec<RistrettoPoint>,
    pub h: Vec<RistrettoPoint>,
}

/// Made already, by digits for each value.
static MADE: Mutex<BTreeMap<usize, Arc<Bases>>> = Mutex::new(BTreeMap::new());

impl Bases {
    /// At least `places` of them, for values of so many digits. Making them takes some 8 µs each;
    /// they are made once in a process (160 bytes each, at most 2 · 2¹⁴ for each number of digits).
    pub fn get(digits: usize, places: usize) -> Arc<Self> {
        let made = |lock: &Mutex<BTreeMap<usize, Arc<Self>>>| {
            let table = lock.lock().unwrap_or_else(PoisonError::into_inner);
            table.get(&digits).filter(|bases| bases.g.len() >= places).cloned()
        };
        if let Some(bases) = made(&MADE) {
            return bases;
        }
        let new = Arc::new(Self { g: chain(b'G', digits, places), h: chain(b'H', digits, places) });
        let mut table = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = table.entry(digits).or_default();
        if kept.g.len() < places {
            *kept = new;
        }
        kept.clone()
    }
}

/// The points of one letter.
fn chain(letter: u8, digits: usize, places: usize) -> Vec<RistrettoPoint> {
    let parties: Vec<usize> = (0..places.div_ceil(digits)).collect();
    let mut points = parallel::map(&parties, |&party| points(letter, party, digits)).concat();
    points.truncate(places);
    points
}

fn points(letter: u8, party: usize, digits: usize) -> Vec<RistrettoPoint> {
    let mut shake = Shake256::default();
    shake.update(b"GeneratorsChain");
    shake.update(&[letter]);
    shake.update(&(party as u32).to_le_bytes());
    let mut reader = shake.finalize_xof();
    (0..digits).map(|_| next(&mut reader)).collect()
}

fn next(reader: &mut Shake256Reader) -> RistrettoPoint {
    let mut uniform = [0; 64];
    reader.read(&mut uniform);
    RistrettoPoint::from_uniform_bytes(&uniform)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tari_bulletproofs_plus::generators::pedersen_gens::ExtensionDegree;
    use tari_bulletproofs_plus::range_parameters::RangeParameters;
    use tari_bulletproofs_plus::ristretto::create_pedersen_gens_with_extension_degree;

    #[test]
    fn they_are_those_of_the_library() {
        let pedersen = create_pedersen_gens_with_extension_degree(ExtensionDegree::DefaultPedersen);
        let theirs = RangeParameters::init(8, 4, pedersen).unwrap();
        let ours = Bases::get(8, 20);
        assert_eq!(ours.g[..20], theirs.gi_base_iter().take(20).copied().collect::<Vec<_>>());
        let more = Bases::get(8, 32);
        assert_eq!(more.h, theirs.hi_base_iter().copied().collect::<Vec<_>>());
        assert!(Arc::ptr_eq(&more, &Bases::get(8, 5)));
    }
}
