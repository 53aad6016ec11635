//! What follows from bytes: scalars and points from a stream of ChaCha20, the point that a
//! contributor's knowledge is proved with (Bowe, Gabizon and Miers 2017, section 2.3, as circom's
//! tools fix it), and the secrets of a beacon.

use super::blake::Blake2b;
use super::points::{montgomery_inverse, uncompressed};
use super::share::Beacon;
use crate::curve::{Engine, Point, draw};
use crate::sections::width;
use ark_ec::CurveGroup;
use ark_ff::{Field, PrimeField};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::limits;
use tacit_core::traits::Entropy;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// ChaCha20 with a counter of 128 bits, read as words. Its key may be secret: what moves is a
/// pointer to it.
pub(crate) struct Stream {
    state: Box<[u32; 16]>,
    block: Box<[u32; 16]>,
    used: usize,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.state.zeroize();
        self.block.zeroize();
    }
}

impl ZeroizeOnDrop for Stream {}

impl Stream {
    /// The first 32 bytes of `seed` are eight big-endian words of the key.
    pub fn new(seed: &[u8]) -> Self {
        let mut state = Box::new([0; 16]);
        state[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
        for (word, bytes) in state[4..12].iter_mut().zip(seed.as_chunks::<4>().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        Self { state, block: Box::new([0; 16]), used: 16 }
    }

    /// Where the key is.
    #[cfg(test)]
    pub fn place(&self) -> *const u32 {
        self.state.as_ptr()
    }

    pub fn word(&mut self) -> u32 {
        if self.used == 16 {
            self.refill();
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    fn refill(&mut self) {
        const COLUMNS: [[usize; 4]; 8] = [
            [0, 4, 8, 12],
            [1, 5, 9, 13],
            [2, 6, 10, 14],
            [3, 7, 11, 15],
            [0, 5, 10, 15],
            [1, 6, 11, 12],
            [2, 7, 8, 13],
            [3, 4, 9, 14],
        ];
        *self.block = *self.state;
        for _ in 0..10 {
            COLUMNS.iter().for_each(|lanes| quarter_round(&mut self.block, *lanes));
        }
        for (word, begin) in self.block.iter_mut().zip(self.state.iter()) {
            *word = word.wrapping_add(*begin);
        }
        for counter in &mut self.state[12..] {
            *counter = counter.wrapping_add(1);
            if *counter != 0 {
                break;
            }
        }
        self.used = 0;
    }

    /// The high word comes first.
    fn long(&mut self) -> u64 {
        u64::from(self.word()) << 32 | u64::from(self.word())
    }

    /// Uniform below the modulus. The bits are taken as a Montgomery residue.
    pub fn field<F: PrimeField>(&mut self) -> F {
        let spare = 8 * width::<F>() as u32 - F::MODULUS_BIT_SIZE;
        loop {
            let mut integer = F::BigInt::default();
            let limbs = integer.as_mut();
            limbs.iter_mut().for_each(|limb| *limb = self.long());
            if let Some(last) = limbs.last_mut() {
                *last &= u64::MAX >> spare;
            }
            if let Some(residue) = F::from_bigint(integer) {
                return residue * montgomery_inverse::<F>();
            }
        }
    }

    /// A point whose logarithm nobody knows.
    pub fn point<P: Point>(&mut self) -> P {
        loop {
            let degree = P::BaseField::extension_degree();
            let parts: Vec<_> = (0..degree).map(|_| self.field()).collect();
            let greatest = self.word() & 1 == 1;
            let x = P::BaseField::from_base_prime_field_elems(parts);
            if let Some(point) = x.and_then(|x| P::lift(x, greatest)) {
                return point.mul_by_cofactor();
            }
        }
    }
}

fn quarter_round(s: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    s[a] = s[a].wrapping_add(s[b]);
    s[d] = (s[d] ^ s[a]).rotate_left(16);
    s[c] = s[c].wrapping_add(s[d]);
    s[b] = (s[b] ^ s[c]).rotate_left(12);
    s[a] = s[a].wrapping_add(s[b]);
    s[d] = (s[d] ^ s[a]).rotate_left(8);
    s[c] = s[c].wrapping_add(s[d]);
    s[b] = (s[b] ^ s[c]).rotate_left(7);
}

/// The key of one secret x: s, xs in the first group, x times a challenge point in the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shown<E: Engine> {
    pub s: E::G1Affine,
    pub sx: E::G1Affine,
    pub spx: E::G2Affine,
}

/// The challenge point for the secret number `index` of a first phase.
pub(crate) fn challenge_point<E: Engine>(
    index: u8,
    challenge: &[u8; 64],
    s: E::G1Affine,
    sx: E::G1Affine,
) -> E::G2Affine {
    let mut hash = Blake2b::new();
    hash.update(&[index]);
    hash.update(challenge);
    hash.update(&uncompressed(&[s, sx]));
    Stream::new(&hash.finish()).point()
}

/// s and xs, for a point s out of the stream.
pub(crate) fn base<E: Engine>(
    stream: &mut Stream,
    secret: &E::ScalarField,
) -> (E::G1Affine, E::G1Affine) {
    let s: E::G1Affine = stream.point();
    (s, (s * secret).into_affine())
}

/// A contributor's secrets, toxic until they are gone, and the stream that the bases of their keys
/// come from. The secrets stay where they were drawn: what moves is a pointer.
pub(crate) struct Draw<F: PrimeField> {
    pub secrets: Zeroizing<Vec<F>>,
    pub stream: Stream,
}

impl<F: PrimeField> Draw<F> {
    /// As many secrets as a phase has.
    pub fn random(count: usize, entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let mut secrets = Zeroizing::new(vec![F::ZERO; count]);
        for secret in secrets.iter_mut() {
            draw(secret, entropy)?;
        }
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut seed[..])?;
        Ok(Self { secrets, stream: Stream::new(&seed[..]) })
    }

    /// Secrets of somebody's choice.
    #[cfg(test)]
    pub fn chosen(secrets: &[F]) -> Self {
        Self { secrets: secrets.to_vec().into(), stream: Stream::new(&[9; 32]) }
    }

    /// Those that everybody can compute.
    pub fn beacon(count: usize, of: &Beacon) -> Result<Self, Error> {
        let mut stream = beacon(&of.source, of.exponent)?;
        let secrets = (0..count).map(|_| stream.field()).collect::<Vec<F>>().into();
        Ok(Self { secrets, stream })
    }
}

/// The stream of a beacon: SHA-256, 2^`exponent` times.
fn beacon(source: &[u8], exponent: u8) -> Result<Stream, Error> {
    if exponent > limits::BEACON_EXPONENT {
        let expected = format!("at most 2^{} hashes", limits::BEACON_EXPONENT);
        return Err(Error::caller("beacon", expected, format!("2^{exponent}")));
    }
    let mut hash = Digest::of_bytes(source).0;
    for _ in 1..1_u64 << exponent {
        hash = Digest::of_bytes(&hash).0;
    }
    Ok(Stream::new(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8439, section 2.3.2's cipher at counter 0 and nonce 0 with the zero key (appendix A.1).
    #[test]
    fn chacha20() {
        let mut stream = Stream::new(&[0; 32]);
        let first: Vec<u32> = (0..4).map(|_| stream.word()).collect();
        assert_eq!(first, [0xade0_b876, 0x903d_f1a0, 0xe56a_5d40, 0x28bd_8653]);
        let second: Vec<u32> = (4..17).map(|_| stream.word()).collect();
        assert_eq!(second[12], 0xbee7_079f);
    }

    #[test]
    fn points_are_of_the_subgroup() {
        let mut stream = Stream::new(&[1; 32]);
        for _ in 0..4 {
            assert!(stream.point::<ark_bn254::G2Affine>().is_sound());
            assert!(stream.point::<ark_bls12_381::G1Affine>().is_sound());
            assert!(stream.point::<ark_bls12_381::G2Affine>().is_sound());
        }
    }

    #[test]
    fn a_beacon_is_bounded() {
        assert!(beacon(b"x", 255).is_err());
        assert_eq!(
            beacon(b"x", 1).unwrap().word(),
            beacon(&Digest::of_bytes(b"x").0, 0).unwrap().word()
        );
    }
}
