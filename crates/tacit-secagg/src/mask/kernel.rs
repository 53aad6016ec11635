//! AES-128 in counter mode, fused with the addition, on 512-bit vectors of four blocks (VAES with
//! AVX-512: Ice Lake, Zen 4 and later), or on [narrower](super::narrow) ones. Where a processor has
//! no AES, all is left to the crates.
//!
//! Eight vectors are in flight, which hides the latency of a round. Their 32 counters differ in
//! the last byte alone, so counters cost one XOR per vector: with a constant, after the others'
//! and the first round key are added up once.

use super::{Sign, narrow, portable};
use crate::ring::Word;
use std::arch::x86_64::*;
use zeroize::Zeroize;

/// Vectors in flight.
const VECTORS: usize = 8;

/// Bytes of keystream of one pass: 32 blocks.
pub(super) const STRIDE: usize = VECTORS * 64;

/// What is XORed to the last byte of each block's counter.
pub(super) const LAST_BYTES: [[u8; 64]; VECTORS] = {
    let (mut bytes, mut block) = ([[0; 64]; VECTORS], 0);
    while block < STRIDE / 16 {
        bytes[block / 4][block % 4 * 16 + 15] = block as u8;
        block += 1;
    }
    bytes
};

/// Blocks of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Four,
    Two,
    One,
}

impl Width {
    /// Those that the processor has instructions for, the fastest first.
    fn all() -> impl Iterator<Item = Self> {
        let vaes = is_x86_feature_detected!("vaes");
        let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        let has = [
            (Self::Four, vaes && wide),
            (Self::Two, vaes && is_x86_feature_detected!("avx2")),
            (Self::One, true),
        ];
        let has = has.map(|(width, has)| has.then_some(width));
        has.into_iter().flatten().filter(|_| is_x86_feature_detected!("aes"))
    }
}

/// The expanded key. That there is one proves that the processor has the instructions.
pub(super) struct Kernel {
    keys: Box<[[u8; 16]; 11]>,
    width: Width,
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

impl Kernel {
    /// Expands a key, where the processor has the instructions.
    pub(super) fn new(key: &[u8; 16]) -> Option<Self> {
        Width::all().next().map(|width| Self::of(key, width))
    }

    /// A kernel of each width that the processor has instructions for, with its bits.
    pub(super) fn every(key: &[u8; 16]) -> Vec<(u32, Self)> {
        let bits = |width| match width {
            Width::Four => 512,
            Width::Two => 256,
            Width::One => 128,
        };
        Width::all().map(|width| (bits(width), Self::of(key, width))).collect()
    }

    /// Of a width from [`Width::all`].
    fn of(key: &[u8; 16], width: Width) -> Self {
        let mut keys = Box::new([*key; 11]);
        // SAFETY: every width has AES-NI.
        unsafe { expand(&mut keys) };
        Self { keys, width }
    }

    /// Adds the words of the keystream from `offset` on.
    pub(super) fn fold<W: Word>(&self, words: &mut [W], offset: u64, sign: Sign) {
        let per_stride = STRIDE / size_of::<W>();
        let past_edge = (offset % per_stride as u64) as usize;
        let to_edge = words.len().min((per_stride - past_edge) % per_stride);
        let (head, rest) = words.split_at_mut(to_edge);
        let (body, tail) = rest.split_at_mut(rest.len() / per_stride * per_stride);
        self.ragged(head, offset, sign);
        let offset = offset + to_edge as u64;
        self.strides(body, offset / per_stride as u64, sign);
        self.ragged(tail, offset.wrapping_add(body.len() as u64), sign);
    }

    /// Part of one stride.
    fn ragged<W: Word>(&self, words: &mut [W], offset: u64, sign: Sign) {
        if words.is_empty() {
            return;
        }
        let per_stride = STRIDE / size_of::<W>();
        let mut stream = [0u64; STRIDE / 8];
        let whole: &mut [W] = bytemuck::cast_slice_mut(&mut stream);
        self.strides(whole, offset / per_stride as u64, Sign::Plus);
        let from = (offset % per_stride as u64) as usize;
        portable::add(words, &whole[from..][..words.len()], sign);
        stream.zeroize();
    }

    /// Whole strides from number `first` on.
    fn strides<W: Word>(&self, words: &mut [W], first: u64, sign: Sign) {
        let (strides, _) = bytemuck::cast_slice_mut::<W, u8>(words).as_chunks_mut::<STRIDE>();
        match (W::BITS, sign) {
            (32, Sign::Plus) => self.whole::<32, false>(first, strides),
            (32, Sign::Minus) => self.whole::<32, true>(first, strides),
            (_, Sign::Plus) => self.whole::<64, false>(first, strides),
            (_, Sign::Minus) => self.whole::<64, true>(first, strides),
        }
    }

    fn whole<const BITS: u32, const MINUS: bool>(&self, first: u64, strides: &mut [[u8; STRIDE]]) {
        // SAFETY: that `self` has a width proves that the processor has its instructions.
        unsafe {
            match self.width {
                Width::Four => fold::<BITS, MINUS>(&self.keys, first, strides),
                Width::Two => narrow::by_two::<BITS, MINUS>(&self.keys, first, strides),
                Width::One => narrow::by_one::<BITS, MINUS>(&self.keys, first, strides),
            }
        }
    }
}

/// The key schedule of FIPS 197, section 5.2, after the first round key.
#[target_feature(enable = "sse2,aes")]
fn expand(keys: &mut [[u8; 16]; 11]) {
    // SAFETY: 16 bytes are read.
    let mut last = unsafe { _mm_loadu_si128(keys[0].as_ptr().cast()) };
    macro_rules! round {
        ($($number:literal: $constant:literal),*) => {$(
            let word = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<$constant>(last));
            last = _mm_xor_si128(last, _mm_slli_si128::<4>(last));
            last = _mm_xor_si128(last, _mm_slli_si128::<8>(last));
            last = _mm_xor_si128(last, word);
            // SAFETY: 16 bytes are written.
            unsafe { _mm_storeu_si128(keys[$number].as_mut_ptr().cast(), last) };
        )*};
    }
    round!(1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 6: 32, 7: 64, 8: 128, 9: 27, 10: 54);
}

/// Adds whole strides of the keystream to words of so many bits, or subtracts them.
#[target_feature(enable = "avx512f,avx512bw,vaes")]
fn fold<const BITS: u32, const MINUS: bool>(
    keys: &[[u8; 16]; 11],
    first: u64,
    strides: &mut [[u8; STRIDE]],
) {
    // SAFETY: 16 bytes are read.
    let load = |key: &[u8; 16]| unsafe { _mm_loadu_si128(key.as_ptr().cast()) };
    let keys = keys.each_ref().map(|key| _mm512_broadcast_i32x4(load(key)));
    // SAFETY: 64 bytes are read.
    let load = |bytes: &[u8; 64]| unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
    let last_bytes = LAST_BYTES.each_ref().map(load);
    for (number, stride) in strides.iter_mut().enumerate() {
        // The counter of the stride's first block: its lowest five bits are zero.
        let counter = (first + number as u64) * (STRIDE / 16) as u64;
        let counter = _mm_set_epi64x(counter.swap_bytes() as i64, 0);
        let counter = _mm512_xor_si512(_mm512_broadcast_i32x4(counter), keys[0]);
        let mut states = last_bytes.map(|last| _mm512_xor_si512(counter, last));
        for key in &keys[1..10] {
            states = states.map(|state| _mm512_aesenc_epi128(state, *key));
        }
        let states = states.map(|state| _mm512_aesenclast_epi128(state, keys[10]));
        for (bytes, state) in stride.as_chunks_mut::<64>().0.iter_mut().zip(states) {
            let word = load(bytes);
            let sum = match (BITS, MINUS) {
                (32, false) => _mm512_add_epi32(word, state),
                (32, true) => _mm512_sub_epi32(word, state),
                (_, false) => _mm512_add_epi64(word, state),
                (_, true) => _mm512_sub_epi64(word, state),
            };
            // SAFETY: 64 bytes are written.
            unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), sum) };
        }
    }
}
