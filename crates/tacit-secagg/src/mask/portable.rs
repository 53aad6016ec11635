//! Masks by the ciphers' own crates: a keystream is written to the stack and added from there.

use super::Sign;
use crate::ring::Word;
use ctr::cipher::{StreamCipher, StreamCipherSeek};
use zeroize::Zeroize;

/// Bytes of keystream made at a time: the ciphers work on up to 64 blocks of 16 bytes at once.
const STEP_BYTES: usize = 2048;

/// Adds the words of a keystream from `offset` on.
pub(super) fn fold<C, W>(mut cipher: C, words: &mut [W], offset: u64, sign: Sign)
where
    C: StreamCipher + StreamCipherSeek,
    W: Word,
{
    cipher.seek(u128::from(offset) * size_of::<W>() as u128);
    let mut stream = [0u64; STEP_BYTES / 8];
    for part in words.chunks_mut(STEP_BYTES / size_of::<W>()) {
        let stream: &mut [W] = bytemuck::cast_slice_mut(&mut stream);
        let stream = &mut stream[..part.len()];
        cipher.write_keystream(bytemuck::cast_slice_mut(stream));
        add(part, stream, sign);
    }
    stream.zeroize();
}

/// Adds little-endian words of a keystream, or subtracts them.
pub(super) fn add<W: Word>(words: &mut [W], stream: &[W], sign: Sign) {
    let pairs = words.iter_mut().zip(stream);
    match sign {
        Sign::Plus => pairs.for_each(|(word, mask)| *word = word.plus(mask.to_native())),
        Sign::Minus => pairs.for_each(|(word, mask)| *word = word.minus(mask.to_native())),
    }
}
