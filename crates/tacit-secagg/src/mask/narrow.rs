//! The kernel on narrower vectors: two blocks in each of 256 bits (VAES with AVX2: Zen 3, Alder
//! Lake), or one in each of 128 (AES-NI: every x86-64 since 2011 or so). Eight vectors are in
//! flight here too, so that a stride of the keystream takes two passes or four.

use super::kernel::{LAST_BYTES, STRIDE};
use std::arch::x86_64::*;

macro_rules! fold {
    (
        $(#[$doc:meta])* $name:ident, $features:literal, $bytes:literal,
        $spread:expr, $load:ident, $store:ident, $xor:ident, $round:ident, $last:ident,
        $add32:ident, $sub32:ident, $add64:ident, $sub64:ident
    ) => {
        $(#[$doc])*
        #[target_feature(enable = $features)]
        pub(super) fn $name<const BITS: u32, const MINUS: bool>(
            keys: &[[u8; 16]; 11],
            first: u64,
            strides: &mut [[u8; STRIDE]],
        ) {
            // SAFETY: 16 bytes are read.
            let load = |key: &[u8; 16]| unsafe { _mm_loadu_si128(key.as_ptr().cast()) };
            let keys = keys.each_ref().map(|key| $spread(load(key)));
            // SAFETY: so many bytes are read.
            let load = |bytes: &[u8; $bytes]| unsafe { $load(bytes.as_ptr().cast()) };
            let (last_bytes, _) = LAST_BYTES.as_flattened().as_chunks::<$bytes>();
            let (last_bytes, _) = last_bytes.as_chunks::<8>();
            for (number, stride) in strides.iter_mut().enumerate() {
                // The counter of the stride's first block: its lowest five bits are zero.
                let counter = (first + number as u64) * (STRIDE / 16) as u64;
                let counter = _mm_set_epi64x(counter.swap_bytes() as i64, 0);
                let counter = $xor($spread(counter), keys[0]);
                let (passes, _) = stride.as_chunks_mut::<$bytes>().0.as_chunks_mut::<8>();
                for (vectors, last_bytes) in passes.iter_mut().zip(last_bytes) {
                    let mut states = last_bytes.each_ref().map(|last| $xor(counter, load(last)));
                    for key in &keys[1..10] {
                        states = states.map(|state| $round(state, *key));
                    }
                    let states = states.map(|state| $last(state, keys[10]));
                    for (bytes, state) in vectors.iter_mut().zip(states) {
                        let word = load(bytes);
                        let sum = match (BITS, MINUS) {
                            (32, false) => $add32(word, state),
                            (32, true) => $sub32(word, state),
                            (_, false) => $add64(word, state),
                            (_, true) => $sub64(word, state),
                        };
                        // SAFETY: so many bytes are written.
                        unsafe { $store(bytes.as_mut_ptr().cast(), sum) };
                    }
                }
            }
        }
    };
}

fold!(
    /// Adds whole strides of the keystream to words of so many bits, or subtracts them.
    by_two, "avx2,vaes", 32, |block| _mm256_broadcastsi128_si256(block), _mm256_loadu_si256,
    _mm256_storeu_si256, _mm256_xor_si256, _mm256_aesenc_epi128, _mm256_aesenclast_epi128,
    _mm256_add_epi32, _mm256_sub_epi32, _mm256_add_epi64, _mm256_sub_epi64
);

fold!(
    /// The same, one block in a vector.
    by_one, "sse2,aes", 16, |block: __m128i| block, _mm_loadu_si128, _mm_storeu_si128,
    _mm_xor_si128, _mm_aesenc_si128, _mm_aesenclast_si128, _mm_add_epi32, _mm_sub_epi32,
    _mm_add_epi64, _mm_sub_epi64
);
