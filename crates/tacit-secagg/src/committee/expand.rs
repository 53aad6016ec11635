//! Field elements from a seed: AES-256 in counter mode, frame by frame.

use crate::field::Fp;
use aes::Aes256;
use ctr::Ctr64BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use zeroize::Zeroizing;

/// Uniform elements of a frame. Every frame has its own counters, so that they can be expanded in
/// any order; words that are no elements are passed over (one of 2³²).
pub(super) fn expand(seed: &[u8; 32], frame: u32, count: usize, out: &mut Vec<Fp>) {
    let mut block = [0; 16];
    block[..4].copy_from_slice(&frame.to_be_bytes());
    let mut cipher = Ctr64BE::<Aes256>::new(seed.into(), &block.into());
    let mut words = Zeroizing::new(vec![0u64; count]);
    out.clear();
    out.resize(count, Fp::ZERO);
    cipher.write_keystream(bytemuck::cast_slice_mut(&mut words));
    if Fp::fill_canonical(out, words.iter().map(|word| u64::from_le(*word))) {
        return;
    }
    out.clear();
    loop {
        let elements = words.iter().filter_map(|word| Fp::from_canonical(u64::from_le(*word)));
        out.extend(elements.take(count - out.len()));
        if out.len() == count {
            return;
        }
        cipher.write_keystream(bytemuck::cast_slice_mut(&mut words));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the zero block under the zero key, as `openssl enc -aes-256-ctr` of zeros.
    #[test]
    fn is_aes_256_in_counter_mode() {
        let mut out = Vec::new();
        expand(&[0; 32], 0, 2, &mut out);
        assert_eq!(
            out[0].to_u64(),
            u64::from_le_bytes([0xdc, 0x95, 0xc0, 0x78, 0xa2, 0x40, 0x89, 0x89])
        );
        assert_eq!(
            out[1].to_u64(),
            u64::from_le_bytes([0xad, 0x48, 0xa2, 0x14, 0x92, 0x84, 0x20, 0x87])
        );
    }

    #[test]
    fn frames_differ_and_shorter_ones_begin_alike() {
        let of = |frame, count| {
            let mut out = Vec::new();
            expand(&[3; 32], frame, count, &mut out);
            out
        };
        assert!(of(0, 100)[..40] == of(0, 40)[..]);
        assert!(of(0, 40) != of(1, 40));
        assert!(of(1, 0).is_empty());
    }
}
