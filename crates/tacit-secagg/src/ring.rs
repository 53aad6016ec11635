//! Integers modulo 2^b: what updates, masks and sums are made of, and how they travel.
//!
//! Sums wrap, so a vector can be kept in words wider than the ring and is reduced when it is
//! packed: value `i` occupies bits `i·b` to `i·b + b − 1` of the packed bytes, the lowest bit of
//! every byte first.

use tacit_core::error::{Error, Refusal};

mod sealed {
    pub trait Sealed {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
}

/// A machine word that holds a ring element: `u32` up to 32 bits, `u64` above.
pub trait Word: sealed::Sealed + bytemuck::Pod + Send + Sync + Eq + std::fmt::Debug {
    /// Width in bits.
    const BITS: u32;
    /// Sum modulo 2^BITS.
    fn plus(self, other: Self) -> Self;
    /// Difference modulo 2^BITS.
    fn minus(self, other: Self) -> Self;
    /// The number that was read as if the machine were little-endian.
    fn to_native(self) -> Self;
    /// The same number in 64 bits.
    fn widen(self) -> u64;
    /// The lowest bits of a number.
    fn narrow(value: u64) -> Self;
}

macro_rules! word {
    ($type:ty) => {
        impl Word for $type {
            const BITS: u32 = <$type>::BITS;
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            fn to_native(self) -> Self {
                <$type>::from_le(self)
            }
            fn widen(self) -> u64 {
                self.into()
            }
            fn narrow(value: u64) -> Self {
                value as $type
            }
        }
    };
}

word!(u32);
word!(u64);

/// Integers modulo 2^bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    bits: u32,
}

impl Ring {
    /// The smallest ring: fewer bits do not hold the sum of two useful values.
    pub const MIN_BITS: u32 = 8;
    /// The largest ring: one machine word.
    pub const MAX_BITS: u32 = 64;

    /// The ring of 2^bits elements.
    pub fn new(bits: u32) -> Result<Self, Error> {
        if (Self::MIN_BITS..=Self::MAX_BITS).contains(&bits) {
            return Ok(Self { bits });
        }
        let expected = format!("{} to {}", Self::MIN_BITS, Self::MAX_BITS);
        Err(Error::caller("bits of the ring", expected, bits.to_string()))
    }

    /// Bits of one element.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The largest element.
    pub fn mask(&self) -> u64 {
        u64::MAX >> (Self::MAX_BITS - self.bits)
    }

    /// Bytes of so many packed values.
    pub fn packed_len(&self, values: usize) -> usize {
        let bits = values as u128 * u128::from(self.bits);
        usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX)
    }

    /// Appends the values, reduced, to `out`; unused bits of the last byte are zero.
    pub fn pack<W: Word>(&self, values: &[W], out: &mut Vec<u8>) {
        if cfg!(target_endian = "little") && self.bits == W::BITS {
            return out.extend_from_slice(bytemuck::cast_slice(values));
        }
        let start = out.len();
        out.resize(start + self.packed_len(values.len()), 0);
        let (out, values) = (&mut out[start..], values.iter().map(|value| value.widen()));
        match self.bits {
            8 => out.iter_mut().zip(values).for_each(|(out, value)| *out = value as u8),
            16 => {
                let pairs = out.as_chunks_mut::<2>().0.iter_mut();
                pairs.zip(values).for_each(|(out, value)| *out = (value as u16).to_le_bytes());
            }
            _ => self.pack_bits(values, out),
        }
    }

    fn pack_bits(&self, values: impl Iterator<Item = u64>, out: &mut [u8]) {
        let (mask, mut waiting, mut filled) = (self.mask(), 0u64, 0);
        let (words, last) = out.as_chunks_mut::<8>();
        let mut words = words.iter_mut();
        for value in values {
            let value = value & mask;
            waiting |= value << filled;
            filled += self.bits;
            if filled >= u64::BITS {
                if let Some(word) = words.next() {
                    *word = waiting.to_le_bytes();
                }
                filled -= u64::BITS;
                waiting = value.checked_shr(self.bits - filled).unwrap_or(0);
            }
        }
        match words.next() {
            Some(word) => *word = waiting.to_le_bytes(),
            None => last.copy_from_slice(&waiting.to_le_bytes()[..last.len()]),
        }
    }

    /// Reads as many values as `out` holds; refuses another length and unused bits that are set.
    ///
    /// `W` must be at least as wide as the ring: else everything is refused.
    pub fn unpack<W: Word>(&self, bytes: &[u8], out: &mut [W]) -> Result<(), Refusal> {
        let expected = self.packed_len(out.len());
        if bytes.len() != expected {
            let (expected, found) = (expected as u64, bytes.len() as u64);
            return Err(Refusal::Truncated { expected, found });
        }
        let used = (out.len() as u128 * u128::from(self.bits) % 8) as u32;
        let stray = used > 0 && bytes.last().is_some_and(|last| last >> used != 0);
        if stray || self.bits > W::BITS {
            return Err(Refusal::Malformed { what: "packed vector".into() });
        }
        let words = out.iter_mut();
        match self.bits {
            8 => words.zip(bytes).for_each(|(word, byte)| *word = W::narrow((*byte).into())),
            16 => {
                let read = |pair: &[u8; 2]| W::narrow(u16::from_le_bytes(*pair).into());
                words.zip(bytes.as_chunks().0).for_each(|(word, pair)| *word = read(pair));
            }
            bits if bits == W::BITS => {
                bytemuck::cast_slice_mut(out).copy_from_slice(bytes);
                out.iter_mut().for_each(|word| *word = word.to_native());
            }
            _ => self.unpack_bits(bytes, out),
        }
        Ok(())
    }

    /// Reads each value from the eight bytes in which it begins, and a ninth where it ends in it:
    /// no value waits for the one before.
    fn unpack_bits<W: Word>(&self, bytes: &[u8], out: &mut [W]) {
        let (mask, bits) = (self.mask(), self.bits as usize);
        for (group, values) in out.chunks_mut(8).enumerate() {
            let bytes = &bytes[group * bits..];
            for (i, value) in values.iter_mut().enumerate() {
                let (at, shift) = (i * bits / 8, i * bits % 8);
                let low = match bytes[at..].first_chunk() {
                    Some(word) => u64::from_le_bytes(*word),
                    None => ending(&bytes[at..]),
                };
                let ninth = match bits + shift > 64 {
                    true => bytes.get(at + 8).map_or(0, |byte| u64::from(*byte) << (64 - shift)),
                    false => 0,
                };
                *value = W::narrow((low >> shift | ninth) & mask);
            }
        }
    }
}

/// The number that fewer than eight bytes are.
fn ending(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    /// Bit by bit, as the module's documentation says it.
    fn packed(bits: u32, values: &[u64]) -> Vec<u8> {
        let mut bytes = vec![0u8; (values.len() * bits as usize).div_ceil(8)];
        for (i, value) in values.iter().enumerate() {
            for bit in 0..bits as usize {
                let at = i * bits as usize + bit;
                bytes[at / 8] |= ((value >> bit & 1) as u8) << (at % 8);
            }
        }
        bytes
    }

    fn check<W: Word>(bits: u32) {
        let ring = Ring::new(bits).unwrap();
        let mut rng = Seed::root(u64::from(bits)).rng();
        for len in (0..40).chain([255, 1000]) {
            let values: Vec<W> = (0..len).map(|_| W::narrow(rng.next_u64())).collect();
            let wide: Vec<u64> = values.iter().map(|v| v.widen() & ring.mask()).collect();
            let mut bytes = vec![9];
            ring.pack(&values, &mut bytes);
            assert_eq!(bytes[1..], packed(bits, &wide), "{bits} bits, {len} values");
            assert_eq!(bytes.len() - 1, ring.packed_len(len));
            let mut back = vec![W::narrow(0); len];
            ring.unpack(&bytes[1..], &mut back).unwrap();
            assert!(back.iter().zip(&wide).all(|(a, b)| a.widen() == *b), "{bits} bits, {len}");
        }
    }

    #[test]
    fn packing_is_the_stated_one_at_every_width() {
        (8..=32).for_each(check::<u32>);
        (8..=64).for_each(check::<u64>);
    }

    #[test]
    fn other_rings_are_refused() {
        for bits in [0, 7, 65, u32::MAX] {
            assert!(Ring::new(bits).is_err());
        }
        assert_eq!(Ring::new(64).unwrap().mask(), u64::MAX);
        assert_eq!(Ring::new(64).unwrap().packed_len(usize::MAX), usize::MAX);
    }

    #[test]
    fn other_bytes_are_refused() {
        let ring = Ring::new(9).unwrap();
        let mut out = [0u32; 3];
        assert_eq!(ring.unpack(&[0xff, 0xff, 0xff, 0x07], &mut out), Ok(()));
        assert_eq!(out, [511; 3]);
        let stray = ring.unpack(&[0xff, 0xff, 0xff, 0x08], &mut out);
        assert!(matches!(stray, Err(Refusal::Malformed { .. })));
        for len in [0, 3, 5] {
            let found = ring.unpack(&vec![0; len], &mut out);
            assert_eq!(found, Err(Refusal::Truncated { expected: 4, found: len as u64 }));
        }
        let narrow = Ring::new(33).unwrap().unpack(&[0; 5], &mut [0u32]);
        assert!(matches!(narrow, Err(Refusal::Malformed { .. })));
    }
}
