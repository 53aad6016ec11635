//! BLAKE2b-512 (RFC 7693) whose state can be had before it is finished: files of powers of tau
//! hold that of the hash over each response, so that whoever reads the key that follows can finish
//! it without the points. It erases what it saw, as secrets are hashed with it too.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a state: block, chain value, counted bytes, bytes in the block.
pub(crate) const STATE: usize = 216;

const IV: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// A hash under way.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Blake2b {
    chain: [u64; 8],
    block: [u8; 128],
    filled: usize,
    compressed: u64,
}

impl Blake2b {
    pub fn new() -> Self {
        let mut chain = IV;
        // no key, 64 bytes of digest, one leaf
        chain[0] ^= 0x0101_0040;
        Self { chain, block: [0; 128], filled: 0, compressed: 0 }
    }

    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // the last block waits, since it is compressed with a flag
            if self.filled == 128 {
                self.compressed = self.compressed.wrapping_add(128);
                self.compress(false);
                self.filled = 0;
            }
            let (head, rest) = bytes.split_at(bytes.len().min(128 - self.filled));
            self.block[self.filled..self.filled + head.len()].copy_from_slice(head);
            self.filled += head.len();
            bytes = rest;
        }
    }

    pub fn finish(mut self) -> [u8; 64] {
        let mut out = [0; 64];
        self.finish_into(&mut out);
        out
    }

    /// The digest where it is to stay; nothing can be added afterwards.
    pub fn finish_into(&mut self, out: &mut [u8; 64]) {
        self.compressed = self.compressed.wrapping_add(self.filled as u64);
        self.block[self.filled..].fill(0);
        self.compress(true);
        for (bytes, word) in out.as_chunks_mut::<8>().0.iter_mut().zip(self.chain) {
            *bytes = word.to_le_bytes();
        }
    }

    /// The digest of one piece.
    #[cfg(test)]
    pub fn of(bytes: &[u8]) -> [u8; 64] {
        let mut hash = Self::new();
        hash.update(bytes);
        hash.finish()
    }

    pub fn state(&self) -> [u8; STATE] {
        let mut state = [0; STATE];
        state[..128].copy_from_slice(&self.block);
        let words = self.chain.iter().chain([&self.compressed]);
        let (bytes, _) = state[128..].as_chunks_mut::<8>();
        for (bytes, word) in bytes.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        state[200..208].copy_from_slice(&(self.filled as u64).to_le_bytes());
        state
    }

    /// `None` where the block would hold more than it can.
    pub fn resume(state: &[u8; STATE]) -> Option<Self> {
        let mut hash = Self::new();
        hash.block.copy_from_slice(&state[..128]);
        let mut words = state[128..].as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b));
        for word in &mut hash.chain {
            *word = words.next()?;
        }
        hash.compressed = words.next()?;
        hash.filled = usize::try_from(words.next()?).ok().filter(|filled| *filled <= 128)?;
        Some(hash)
    }

    fn compress(&mut self, last: bool) {
        let mut message = [0_u64; 16];
        for (word, bytes) in message.iter_mut().zip(self.block.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let mut v = [0_u64; 16];
        v[..8].copy_from_slice(&self.chain);
        v[8..].copy_from_slice(&IV);
        v[12] ^= self.compressed;
        if last {
            v[14] = !v[14];
        }
        for round in 0..12 {
            let s = &SIGMA[round % 10];
            for i in 0..4 {
                mix(&mut v, [i, i + 4, i + 8, i + 12], message[s[2 * i]], message[s[2 * i + 1]]);
            }
            for i in 0..4 {
                let lanes = [i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4];
                mix(&mut v, lanes, message[s[8 + 2 * i]], message[s[9 + 2 * i]]);
            }
        }
        for (index, word) in self.chain.iter_mut().enumerate() {
            *word ^= v[index] ^ v[index + 8];
        }
        message.zeroize();
        v.zeroize();
    }
}

fn mix(v: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 7693, appendix A, and Python's `hashlib.blake2b` of bytes(i % 251 for i in range(1000)).
    #[test]
    fn known_answers() {
        assert!(hex(&Blake2b::of(b"abc")).starts_with("ba80a53f981c4d0d6a2797b69f12f6e9"));
        let long: Vec<u8> = (0..1000_u32).map(|i| (i % 251) as u8).collect();
        assert!(hex(&Blake2b::of(&long)).starts_with("c11e1c0340bd7e5a1b275f1230c962fa"));
    }

    #[test]
    fn resumes_anywhere() {
        let long: Vec<u8> = (0..400_u32).map(|i| i as u8).collect();
        for cut in 0..long.len() {
            let mut hash = Blake2b::new();
            hash.update(&long[..cut]);
            let mut resumed = Blake2b::resume(&hash.state()).unwrap();
            resumed.update(&long[cut..]);
            assert_eq!(resumed.finish(), Blake2b::of(&long), "{cut}");
        }
        let mut state = Blake2b::new().state();
        state[200] = 129;
        assert!(Blake2b::resume(&state).is_none());
    }
}
