//! Fields of fixed width: how a signal is written where no stage codes it otherwise.
//!
//! Scales as little-endian f32; positions as a bitmap of the chunk or as numbers, whichever its
//! form makes shorter; values as little-endian f32 or levels of so many bits. Bits fill bytes from
//! the lowest; the last byte of a field is filled with zeros, and nothing else is accepted.

use super::{Form, Signal};
use crate::error::Refusal;
use crate::params;
use crate::traits::Coder;

/// The coder of chains that name none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields;

fn malformed(what: &str) -> Refusal {
    Refusal::Malformed { what: what.into() }
}

/// Bits of one position in a chunk of `chunk` values.
fn position_bits(chunk: usize) -> u32 {
    chunk.max(1).next_power_of_two().trailing_zeros()
}

/// Whether positions are shorter as a bitmap.
fn as_bitmap(form: &Form) -> bool {
    form.count * position_bits(form.chunk) as usize > form.chunk
}

fn position_bytes(form: &Form) -> usize {
    match form.positions {
        false => 0,
        true if as_bitmap(form) => form.chunk.div_ceil(8),
        true => (form.count * position_bits(form.chunk) as usize).div_ceil(8),
    }
}

fn value_bytes(form: &Form) -> usize {
    form.bits.map_or(form.count * 4, |bits| (form.count * bits as usize).div_ceil(8))
}

/// Refuses positions that do not ascend or lie outside a chunk.
pub fn check_positions(positions: &[u16], chunk: usize) -> Result<(), Refusal> {
    let ascend = positions.windows(2).all(|pair| pair[0] < pair[1]);
    let within = positions.last().is_none_or(|&last| usize::from(last) < chunk);
    if ascend && within { Ok(()) } else { Err(malformed("positions of an update")) }
}

impl Coder for Fields {
    fn max_bytes(&self, form: &Form) -> usize {
        form.scales * 4 + position_bytes(form) + value_bytes(form)
    }

    fn write(&self, form: &Form, signal: &Signal, out: &mut Vec<u8>) {
        out.reserve(self.max_bytes(form));
        out.extend(signal.scales.iter().flat_map(|x| x.to_le_bytes()));
        if form.positions && as_bitmap(form) {
            let start = out.len();
            out.resize(start + position_bytes(form), 0);
            for &position in &signal.positions {
                out[start + usize::from(position / 8)] |= 1 << (position % 8);
            }
        } else if form.positions {
            pack(&signal.positions, position_bits(form.chunk), out);
        }
        match form.bits {
            Some(bits) => pack(&signal.levels, bits, out),
            None => out.extend(signal.values.iter().flat_map(|x| x.to_le_bytes())),
        }
    }

    fn read(&self, form: &Form, bytes: &[u8], signal: &mut Signal) -> Result<(), Refusal> {
        if bytes.len() != self.max_bytes(form) {
            let (expected, found) = (self.max_bytes(form) as u64, bytes.len() as u64);
            return Err(Refusal::Truncated { expected, found });
        }
        let (scales, rest) = bytes.split_at(form.scales * 4);
        let (positions, values) = rest.split_at(position_bytes(form));
        signal.scales.clear();
        signal.scales.extend(params::values_of(scales));
        signal.positions.clear();
        if form.positions && as_bitmap(form) {
            let marked = |place: &usize| positions[place / 8] >> (place % 8) & 1 == 1;
            signal.positions.extend((0..positions.len() * 8).filter(marked).map(|p| p as u16));
            if signal.positions.len() != form.count {
                return Err(malformed("positions of an update"));
            }
        } else if form.positions {
            unpack(positions, position_bits(form.chunk), form.count, &mut signal.positions)?;
        }
        check_positions(&signal.positions, form.chunk)?;
        match form.bits {
            Some(bits) => unpack(values, bits, form.count, &mut signal.levels),
            None => {
                signal.values.clear();
                signal.values.extend(params::values_of(values));
                Ok(())
            }
        }
    }
}

/// Appends the lowest `bits` (at most 16) of every number.
fn pack(numbers: &[u16], bits: u32, out: &mut Vec<u8>) {
    match bits {
        0 => {}
        1 => pack_few::<1>(numbers, out),
        2 => pack_few::<2>(numbers, out),
        3 => pack_few::<3>(numbers, out),
        4 => pack_few::<4>(numbers, out),
        5 => pack_few::<5>(numbers, out),
        6 => pack_few::<6>(numbers, out),
        7 => pack_few::<7>(numbers, out),
        8 => out.extend(numbers.iter().map(|&number| number as u8)),
        16 => out.extend(numbers.iter().flat_map(|number| number.to_le_bytes())),
        bits => {
            for group in numbers.chunks(8) {
                let word = group.iter().rev().fold(0u128, |word, &n| word << bits | u128::from(n));
                let bytes = (group.len() * bits as usize).div_ceil(8);
                out.extend_from_slice(&word.to_le_bytes()[..bytes]);
            }
        }
    }
}

/// Eight numbers of so many bits fill so many bytes, within one word.
fn pack_few<const BITS: usize>(numbers: &[u16], out: &mut Vec<u8>) {
    let word = |group: &[u16]| group.iter().rev().fold(0u64, |w, &n| w << BITS | u64::from(n));
    let (groups, rest) = numbers.as_chunks::<8>();
    let start = out.len();
    out.resize(start + groups.len() * BITS, 0);
    for (group, bytes) in groups.iter().zip(out[start..].as_chunks_mut::<BITS>().0) {
        let word = word(group).to_le_bytes();
        *bytes = std::array::from_fn(|i| word[i]);
    }
    let bytes = (rest.len() * BITS).div_ceil(8);
    out.extend_from_slice(&word(rest).to_le_bytes()[..bytes]);
}

/// Reads `count` numbers of `bits` from exactly the bytes that hold them.
fn unpack(bytes: &[u8], bits: u32, count: usize, out: &mut Vec<u16>) -> Result<(), Refusal> {
    out.clear();
    out.reserve(count);
    let filling = match bits {
        0 => {
            out.resize(count, 0);
            0
        }
        1 => unpack_few::<1>(bytes, count, out),
        2 => unpack_few::<2>(bytes, count, out),
        3 => unpack_few::<3>(bytes, count, out),
        4 => unpack_few::<4>(bytes, count, out),
        5 => unpack_few::<5>(bytes, count, out),
        6 => unpack_few::<6>(bytes, count, out),
        7 => unpack_few::<7>(bytes, count, out),
        8 => {
            out.extend(bytes.iter().map(|&byte| u16::from(byte)));
            0
        }
        16 => {
            out.extend(bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)));
            0
        }
        bits => unpack_many(bytes, bits, count, out),
    };
    if filling != 0 {
        return Err(malformed("filling of an update"));
    }
    if out.len() == count { Ok(()) } else { Err(malformed("fields of an update")) }
}

/// The way back of [`pack_few`]; returns the bits that fill the last byte.
fn unpack_few<const BITS: usize>(bytes: &[u8], count: usize, out: &mut Vec<u16>) -> u64 {
    let mask = (1u64 << BITS) - 1;
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |w, &b| w << 8 | u64::from(b));
    let (groups, rest) = bytes.as_chunks::<BITS>();
    let whole = groups.len().min(count / 8);
    for group in &groups[..whole] {
        let word = word(group);
        let numbers: [u16; 8] = std::array::from_fn(|i| (word >> (i * BITS) & mask) as u16);
        out.extend_from_slice(&numbers);
    }
    // The last group may be whole and yet hold fewer numbers than it has bits for.
    let left = count - out.len();
    let mut word = word(groups.get(whole).map_or(rest, |group| &group[..]));
    for _ in 0..left.min(8) {
        out.push((word & mask) as u16);
        word >>= BITS;
    }
    word
}

/// Numbers of 9 to 15 bits.
fn unpack_many(bytes: &[u8], bits: u32, count: usize, out: &mut Vec<u16>) -> u64 {
    let mask = (1u128 << bits) - 1;
    let mut filling = 0;
    for group in bytes.chunks(bits as usize) {
        let mut word = [0; 16];
        word[..group.len()].copy_from_slice(group);
        let mut word = u128::from_le_bytes(word);
        for _ in 0..(count - out.len()).min(8) {
            out.push((word & mask) as u16);
            word >>= bits;
        }
        filling |= word as u64;
    }
    filling
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_width() {
        for bits in 0..=16u32 {
            for count in [0, 1, 7, 8, 9, 33] {
                let mask = ((1u32 << bits) - 1) as u16;
                let numbers: Vec<u16> =
                    (0..count as u16).map(|i| i.wrapping_mul(40_503) & mask).collect();
                let (mut bytes, mut back) = (Vec::new(), Vec::new());
                pack(&numbers, bits, &mut bytes);
                assert_eq!(bytes.len(), (count * bits as usize).div_ceil(8));
                unpack(&bytes, bits, count, &mut back).unwrap();
                assert_eq!(back, numbers, "{bits} bits");
            }
        }
        assert!(unpack(&[0b1000_0000], 3, 2, &mut Vec::new()).is_err());
    }

    #[test]
    fn positions_are_a_bitmap_or_numbers() {
        for positions in [vec![0u16, 3, 99], (0..50).map(|i| i * 2).collect()] {
            let mut form = Form::new(100, 0);
            (form.positions, form.count) = (true, positions.len());
            let values = vec![1.5; positions.len()];
            let signal = Signal { values, positions, ..Signal::default() };
            let mut bytes = Vec::new();
            Fields.write(&form, &signal, &mut bytes);
            assert_eq!(bytes.len(), Fields.max_bytes(&form));
            let mut back = Signal::default();
            Fields.read(&form, &bytes, &mut back).unwrap();
            assert_eq!((&back.positions, &back.values), (&signal.positions, &signal.values));
            assert!(Fields.read(&form, &bytes[1..], &mut back).is_err());
        }
        assert!(check_positions(&[3, 3], 5).is_err());
        assert!(check_positions(&[3, 5], 5).is_err());
    }
}
