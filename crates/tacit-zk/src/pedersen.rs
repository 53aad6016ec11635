//! Pedersen commitments to integers in ristretto255: `value · B + blinding · H`, where B is the
//! base point and nobody knows the logarithm of H to B, which is hashed from a name. Both are those
//! of `tari_bulletproofs_plus`, so that it can check what is proved here.
//!
//! They hide perfectly, bind as far as discrete logarithms are hard, and add up: the sum of
//! commitments opens to the sum of values and the sum of blindings, each modulo the group's order
//! 2²⁵² + 27742…, which no sum of bounded integers reaches (Pedersen 1991).

use crate::range::parallel;
use curve25519_dalek::constants::{RISTRETTO_BASEPOINT_POINT, RISTRETTO_BASEPOINT_TABLE};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sha3::{Digest as _, Sha3_512};
use std::sync::LazyLock;
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;
use zeroize::{Zeroize, Zeroizing};

/// What H is hashed from.
const BLINDING_NAME: &[u8] = b"RISTRETTO_MASKING_BASEPOINT_1";

static BLINDING: LazyLock<(RistrettoPoint, RistrettoBasepointTable)> = LazyLock::new(|| {
    let point = RistrettoPoint::from_uniform_bytes(&Sha3_512::digest(BLINDING_NAME).into());
    (point, RistrettoBasepointTable::create(&point))
});

/// What values are multiplied with.
pub(crate) fn value_base() -> RistrettoPoint {
    RISTRETTO_BASEPOINT_POINT
}

/// What blindings are multiplied with.
pub(crate) fn blinding_base() -> RistrettoPoint {
    BLINDING.0
}

/// The scalar of a signed integer, in constant time: 2¹²⁸ less where its two's complement has that
/// too much.
pub(crate) fn scalar(value: i128) -> Scalar {
    let half = Scalar::from(1_u128 << 127);
    Scalar::from(value as u128) - (half + half) * Scalar::from((value as u128) >> 127)
}

/// In constant time.
pub(crate) fn commit(value: &Scalar, blinding: &Scalar) -> RistrettoPoint {
    RISTRETTO_BASEPOINT_TABLE * value + &BLINDING.1 * blinding
}

/// The same of many, encoded.
pub(crate) fn commit_all(values: &[i64], blindings: &[Scalar]) -> Vec<CompressedRistretto> {
    let half = Scalar::from(2u8).invert();
    let places: Vec<usize> = (0..values.len().min(blindings.len())).collect();
    let parts = parallel::share(&places, |places| {
        let halved = |place: &usize| {
            let value = scalar(values[*place].into()) * half;
            commit(&value, &(blindings[*place] * half))
        };
        let halves: Vec<RistrettoPoint> = places.iter().map(halved).collect();
        // Encoding many doubled points shares an inversion.
        RistrettoPoint::double_and_compress_batch(&halves)
    });
    parts.concat()
}

/// A commitment as it travels; refuses what encodes no point, or one that already has an encoding.
pub(crate) fn decode(bytes: &[u8; 32]) -> Result<RistrettoPoint, Refusal> {
    CompressedRistretto(*bytes)
        .decompress()
        .ok_or_else(|| Refusal::Malformed { what: "commitment".into() })
}

/// What commitments are blinded with. Gone from memory when dropped.
pub struct Blindings(pub(crate) Zeroizing<Vec<Scalar>>);

impl Blindings {
    /// The blindings of `count` commitments, from 32 secret bytes that are used for nothing else.
    pub fn derive(seed: &[u8; 32], count: usize) -> Self {
        let mut key = Digest::of_parts("tacit/v1/range/blindings", &[seed]).0;
        let mut stream = ChaCha20Rng::from_seed(key);
        key.zeroize();
        Self(Zeroizing::new((0..count).map(|_| Scalar::random(&mut stream)).collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tari_bulletproofs_plus::generators::pedersen_gens::ExtensionDegree;
    use tari_bulletproofs_plus::ristretto::create_pedersen_gens_with_extension_degree;

    #[test]
    fn bases_are_those_of_the_library() {
        let gens = create_pedersen_gens_with_extension_degree(ExtensionDegree::DefaultPedersen);
        assert_eq!(*gens.h_base(), value_base());
        assert_eq!(gens.g_base_vec, [blinding_base()]);
    }

    #[test]
    fn sums_open_to_sums() {
        let (ours, theirs) = (Blindings::derive(&[1; 32], 3), Blindings::derive(&[2; 32], 3));
        let [one, two] = [([5, -7, i64::MAX], &ours), ([-5, -7, 1], &theirs)]
            .map(|(values, blindings)| commit_all(&values, &blindings.0));
        for (place, sum) in [0, -14, i128::from(i64::MAX) + 1].into_iter().enumerate() {
            let product = decode(&one[place].0).unwrap() + decode(&two[place].0).unwrap();
            let blinding = ours.0[place] + theirs.0[place];
            assert_eq!(product, commit(&scalar(sum), &blinding));
            assert_ne!(product, commit(&scalar(sum + 1), &blinding));
            assert_ne!(product, commit(&scalar(sum), &(blinding + Scalar::ONE)));
        }
    }

    #[test]
    fn what_is_no_point_is_refused() {
        // Beyond the field's order, negative, not on the curve (RFC 9496, appendix A.2).
        let mut order = [255; 32];
        (order[0], order[31]) = (0xed, 0x7f);
        for bytes in [[255; 32], order, [1; 32]] {
            assert!(decode(&bytes).is_err(), "{bytes:?}");
        }
    }
}
