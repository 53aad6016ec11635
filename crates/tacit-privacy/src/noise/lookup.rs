//! Samples from a table by the alias method (Walker 1977; Vose 1991), many at a time, in constant
//! time.
//!
//! A table of 2ᵇ bins; each bin holds its own number up to a boundary and another, its alias, from
//! there on. 64 random bits make a sample: a sign, a bin, and 63 − b bits that are compared with
//! the bin's boundary. Which bin it is, is secret: so the reference reads *all* bins for every
//! sample and keeps one by a mask. On AVX-512 sixteen lanes pick theirs out of all bins by
//! permutations within registers, so neither an address nor a branch depends on a sample. Both give
//! the same numbers.

use pulp::{Arch, Simd, WithSimd};

/// Samples made together.
pub(super) const LANES: usize = 16;

/// log₂ of the fewest bins.
const MIN_BITS: u32 = 4;

/// Sixteen entries, aligned to a line of the cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; LANES]);

/// The boundaries' first 63 − b bits, and the aliases.
pub(super) struct Bins {
    bits: u32,
    /// For each bin 31 − b bits of the boundary, then b bits of the alias.
    first: Vec<Line>,
    /// The boundary's next 32 bits.
    second: Vec<Line>,
}

/// Where samples go: `out = factor · out + sample`.
pub(super) struct Target<'a> {
    pub(super) signed: bool,
    pub(super) factor: i64,
    pub(super) out: &'a mut [i64],
}

/// One sample's bits: the word that chooses and the word that refines.
#[derive(Clone, Copy)]
pub(super) struct Draw {
    pub(super) first: u32,
    pub(super) second: u32,
}

/// log₂ of the number of bins for `count` numbers.
pub(super) fn bits_for(count: usize) -> u32 {
    count.next_power_of_two().ilog2().max(MIN_BITS)
}

/// Random words for `count` samples.
pub(super) fn words_for(count: usize) -> usize {
    count.next_multiple_of(LANES)
}

/// The bits of sample `place`: sixteen first words, sixteen second words, and so on.
pub(super) fn draw(words: &[u64], place: usize) -> Draw {
    let half = |at: usize| (words[at / 2] >> (32 * (at % 2))) as u32;
    let start = place / LANES * 2 * LANES + place % LANES;
    Draw { first: half(start), second: half(start + LANES) }
}

fn lines(entries: &[u32]) -> Vec<Line> {
    let (lines, _) = entries.as_chunks::<LANES>();
    lines.iter().map(|line| Line(*line)).collect()
}

impl Bins {
    /// Bins with boundaries of 127 − b bits.
    pub(super) fn new(boundaries: &[u128], aliases: &[u32]) -> Self {
        let bits = bits_for(boundaries.len());
        let pairs = boundaries.iter().zip(aliases);
        let first: Vec<u32> = pairs.map(|(b, alias)| ((b >> 96) as u32) << bits | alias).collect();
        let second: Vec<u32> = boundaries.iter().map(|b| (b >> 64) as u32).collect();
        Self { bits, first: lines(&first), second: lines(&second) }
    }

    /// The bin of a sample.
    pub(super) fn bin(&self, draw: Draw) -> usize {
        (draw.first << 1 >> (32 - self.bits)) as usize
    }

    /// The first 63 − b bits that are compared with a boundary's.
    pub(super) fn fraction(&self, draw: Draw) -> u64 {
        let first = draw.first & (u32::MAX >> (self.bits + 1));
        u64::from(first) << 32 | u64::from(draw.second)
    }

    /// Adds a sample to every value; whether any sample's bits equal those of its boundary: then
    /// the alias was taken.
    pub(super) fn add(&self, words: &[u64], target: Target<'_>) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V4::try_new() {
            return simd.vectorize(wide::Permuted { simd, bins: self, words, target });
        }
        self.add_by_scan(words, target)
    }

    /// The reference.
    fn add_by_scan(&self, words: &[u64], target: Target<'_>) -> bool {
        Arch::new().dispatch(Scan { bins: self, words, target })
    }
}

struct Scan<'a> {
    bins: &'a Bins,
    words: &'a [u64],
    target: Target<'a>,
}

impl WithSimd for Scan<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        let Target { signed, factor, out } = self.target;
        let mut ties = 0;
        for (out, words) in out.chunks_mut(LANES).zip(self.words.chunks_exact(LANES)) {
            let (samples, tie) = scan(self.bins, words, signed);
            ties |= tie;
            for (out, sample) in out.iter_mut().zip(samples) {
                *out = *out * factor + i64::from(sample);
            }
        }
        ties != 0
    }
}

/// Sixteen samples: each bin is read for all of them.
#[inline(always)]
fn scan(bins: &Bins, words: &[u64], signed: bool) -> ([i32; LANES], u32) {
    let draws: [Draw; LANES] = std::array::from_fn(|i| draw(words, i));
    let own: [u32; LANES] = std::array::from_fn(|i| bins.bin(draws[i]) as u32);
    let (mut first, mut second) = ([0; LANES], [0; LANES]);
    for (number, (a, b)) in bins.first.iter().zip(&bins.second).enumerate() {
        for (place, (a, b)) in a.0.iter().zip(&b.0).enumerate() {
            let bin = (number * LANES + place) as u32;
            for i in 0..LANES {
                let mask = u32::from(own[i] == bin).wrapping_neg();
                first[i] |= a & mask;
                second[i] |= b & mask;
            }
        }
    }
    let mut ties = 0;
    let samples = std::array::from_fn(|i| {
        let boundary = u64::from(first[i] >> bins.bits) << 32 | u64::from(second[i]);
        let fraction = bins.fraction(draws[i]);
        let alias = first[i] & ((1 << bins.bits) - 1);
        let keep = u32::from(fraction < boundary).wrapping_neg();
        ties |= u32::from(fraction == boundary);
        let minus = (u32::from(signed) & draws[i].first >> 31).wrapping_neg();
        let magnitude = own[i] & keep | alias & !keep;
        ((magnitude ^ minus).wrapping_sub(minus)) as i32
    });
    (samples, ties)
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{Bins, LANES, Line, Target};
    use core::arch::x86_64::__m512i;
    use pulp::x86::V4;
    use pulp::{NullaryFnOnce, cast};

    /// log₂ of the bins that one group of permutations chooses from.
    const GROUP_BITS: u32 = 9;

    pub(super) struct Permuted<'a> {
        pub(super) simd: V4,
        pub(super) bins: &'a Bins,
        pub(super) words: &'a [u64],
        pub(super) target: Target<'a>,
    }

    impl NullaryFnOnce for Permuted<'_> {
        type Output = bool;

        #[inline(always)]
        fn call(self) -> bool {
            match self.bins.bits {
                4 => self.add::<4>(),
                5 => self.add::<5>(),
                6 => self.add::<6>(),
                7 => self.add::<7>(),
                8 => self.add::<8>(),
                9 => self.add::<9>(),
                _ => self.add::<10>(),
            }
        }
    }

    impl Permuted<'_> {
        /// `BITS` above [`GROUP_BITS`] stands for any such number.
        #[inline(always)]
        fn add<const BITS: u32>(self) -> bool {
            let Target { signed, factor, out } = self.target;
            let f = self.simd.avx512f;
            let dq = self.simd.avx512dq;
            let bits = if BITS > GROUP_BITS { self.bins.bits } else { BITS };
            let count = 1 << (bits - 4);
            let first = &self.bins.first[..count];
            let second = &self.bins.second[..count];
            let lanes = Lanes { simd: self.simd, bits, signed: if signed { 0xffff } else { 0 } };
            let times = f._mm512_set1_epi64(factor);
            let mut ties = 0;
            let (chunks, rest) = out.as_chunks_mut::<LANES>();
            let (words, last) = self.words.split_at(chunks.len() * LANES);
            for (out, words) in chunks.iter_mut().zip(words.as_chunks::<LANES>().0) {
                let (samples, tie) = lanes.sample::<BITS>(first, second, words);
                ties |= tie;
                let [low, high]: [[i64; 8]; 2] = cast(*out);
                let [more_low, more_high] = lanes.widened(samples);
                let low = f._mm512_add_epi64(dq._mm512_mullo_epi64(cast(low), times), more_low);
                let high = f._mm512_add_epi64(dq._mm512_mullo_epi64(cast(high), times), more_high);
                *out = cast([low, high]);
            }
            if let (false, Some(words)) = (rest.is_empty(), last.first_chunk::<LANES>()) {
                let (samples, tie) = lanes.sample::<BITS>(first, second, words);
                ties |= tie;
                let samples: [i32; LANES] = cast(samples);
                let pairs = rest.iter_mut().zip(samples);
                pairs.for_each(|(out, sample)| *out = *out * factor + i64::from(sample));
            }
            ties != 0
        }
    }

    #[derive(Clone, Copy)]
    struct Lanes {
        simd: V4,
        bits: u32,
        signed: u16,
    }

    impl Lanes {
        /// Sixteen samples, and a mask of those whose bits equal the boundary's.
        #[inline(always)]
        fn sample<const BITS: u32>(
            self,
            first: &[Line],
            second: &[Line],
            words: &[u64; LANES],
        ) -> (__m512i, u16) {
            let f = self.simd.avx512f;
            let [a, b]: [__m512i; 2] = cast(*words);
            let bits = f._mm512_set1_epi32(self.bits as i32);
            let bin_mask = f._mm512_set1_epi32((1 << self.bits) - 1);
            let rest_mask = f._mm512_set1_epi32((u32::MAX >> (self.bits + 1)) as i32);
            let bin = f._mm512_srlv_epi32(a, f._mm512_set1_epi32(31 - self.bits as i32));
            let bin = f._mm512_and_si512(bin, bin_mask);
            let (entry, refined) = (self.pick::<BITS>(first, bin), self.pick::<BITS>(second, bin));
            let fraction = f._mm512_and_si512(a, rest_mask);
            let boundary = f._mm512_srlv_epi32(entry, bits);
            let below = f._mm512_cmplt_epu32_mask(fraction, boundary);
            let equal = f._mm512_cmpeq_epu32_mask(fraction, boundary);
            let refined_below = f._mm512_mask_cmplt_epu32_mask(equal, b, refined);
            let ties = f._mm512_mask_cmpeq_epu32_mask(equal, b, refined);
            let alias = f._mm512_and_si512(entry, bin_mask);
            let magnitude = f._mm512_mask_blend_epi32(below | refined_below, alias, bin);
            let minus = f._mm512_cmplt_epi32_mask(a, f._mm512_setzero_si512()) & self.signed;
            let zero = f._mm512_setzero_si512();
            (f._mm512_mask_sub_epi32(magnitude, minus, zero, magnitude), ties)
        }

        #[inline(always)]
        fn widened(self, samples: __m512i) -> [__m512i; 2] {
            let f = self.simd.avx512f;
            let [low, high] = cast(samples);
            [f._mm512_cvtepi32_epi64(low), f._mm512_cvtepi32_epi64(high)]
        }

        /// The entry of each lane's bin.
        #[inline(always)]
        fn pick<const BITS: u32>(self, lines: &[Line], bin: __m512i) -> __m512i {
            let f = self.simd.avx512f;
            // a further bit of the bin chooses between two results
            let bit = |place: u32| f._mm512_test_epi32_mask(bin, f._mm512_set1_epi32(1 << place));
            match BITS {
                4 => f._mm512_permutexvar_epi32(bin, cast(lines[0].0)),
                5 => self.pick32(lines, 0, bin),
                6 => self.pick64(lines, 0, bin, bit(5)),
                7 => self.pick128(lines, 0, bin, [bit(5), bit(6)]),
                8 => self.pick256(lines, 0, bin, [bit(5), bit(6), bit(7)]),
                9 => self.pick512(lines, bin, [bit(5), bit(6), bit(7), bit(8)]),
                _ => {
                    let masks = [bit(5), bit(6), bit(7), bit(8)];
                    let own = f._mm512_srli_epi32::<GROUP_BITS>(bin);
                    let mut picked = f._mm512_setzero_si512();
                    for (number, group) in lines.chunks_exact(1 << (GROUP_BITS - 4)).enumerate() {
                        let here = f._mm512_set1_epi32(number as i32);
                        let here = f._mm512_cmpeq_epi32_mask(own, here);
                        let entry = self.pick512(group, bin, masks);
                        picked = f._mm512_mask_blend_epi32(here, picked, entry);
                    }
                    picked
                }
            }
        }

        #[inline(always)]
        fn pick32(self, lines: &[Line], at: usize, bin: __m512i) -> __m512i {
            let (low, high) = (cast(lines[at].0), cast(lines[at + 1].0));
            self.simd.avx512f._mm512_permutex2var_epi32(low, bin, high)
        }

        #[inline(always)]
        fn pick64(self, lines: &[Line], at: usize, bin: __m512i, a: u16) -> __m512i {
            let (low, high) = (self.pick32(lines, at, bin), self.pick32(lines, at + 2, bin));
            self.simd.avx512f._mm512_mask_blend_epi32(a, low, high)
        }

        #[inline(always)]
        fn pick128(self, lines: &[Line], at: usize, bin: __m512i, [a, b]: [u16; 2]) -> __m512i {
            let (low, high) = (self.pick64(lines, at, bin, a), self.pick64(lines, at + 4, bin, a));
            self.simd.avx512f._mm512_mask_blend_epi32(b, low, high)
        }

        #[inline(always)]
        fn pick256(self, lines: &[Line], at: usize, bin: __m512i, m: [u16; 3]) -> __m512i {
            let masks = [m[0], m[1]];
            let low = self.pick128(lines, at, bin, masks);
            let high = self.pick128(lines, at + 8, bin, masks);
            self.simd.avx512f._mm512_mask_blend_epi32(m[2], low, high)
        }

        #[inline(always)]
        fn pick512(self, lines: &[Line], bin: __m512i, m: [u16; 4]) -> __m512i {
            let masks = [m[0], m[1], m[2]];
            let low = self.pick256(lines, 0, bin, masks);
            let high = self.pick256(lines, 16, bin, masks);
            self.simd.avx512f._mm512_mask_blend_epi32(m[3], low, high)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Stream;

    fn random_bins(bits: u32, stream: &mut Stream) -> (Bins, Vec<u128>) {
        let mut words = vec![0; 2 << bits];
        stream.fill(&mut words);
        let (low, high) = words.split_at(1 << bits);
        let boundaries: Vec<u128> = high
            .iter()
            .zip(low)
            .map(|(a, b)| (u128::from(*a) << 64 | u128::from(*b)) >> (bits + 1))
            .collect();
        let aliases: Vec<u32> = low.iter().map(|x| *x as u32 & ((1 << bits) - 1)).collect();
        (Bins::new(&boundaries, &aliases), boundaries)
    }

    /// Every size of table, signed or not, whole blocks and rests: both ways give the same.
    #[test]
    fn permuting_is_scanning() {
        let mut stream = Stream::for_test(2);
        for bits in MIN_BITS..=12 {
            let (bins, _) = random_bins(bits, &mut stream);
            for (count, signed) in [(1_003, true), (16, false), (5, true), (640, false)] {
                let mut words = vec![0; words_for(count)];
                stream.fill(&mut words);
                let (mut found, mut expected) = (vec![3; count], vec![3; count]);
                let add = |out| Target { signed, factor: 7, out };
                assert!(!bins.add(&words, add(&mut found)), "{bits}");
                assert!(!bins.add_by_scan(&words, add(&mut expected)), "{bits}");
                assert_eq!(found, expected, "{bits} {count}");
                assert!(found.iter().any(|x| *x != 21));
            }
        }
    }

    /// Words next to a boundary on either side, and on it.
    #[test]
    fn boundaries_are_kept_and_ties_seen() {
        let mut stream = Stream::for_test(3);
        for bits in MIN_BITS..=10 {
            let (bins, boundaries) = random_bins(bits, &mut stream);
            for (bin, boundary) in boundaries.iter().enumerate() {
                for off in [-1, 0, 1] {
                    let fraction = (boundary >> 64) as i64 + off;
                    let first = (bin as u64) << (63 - bits) | fraction as u64;
                    let mut words = [0; LANES];
                    (words[0], words[LANES / 2]) = (first >> 32, first & 0xffff_ffff);
                    let drawn = draw(&words, 0);
                    assert_eq!((bins.bin(drawn), bins.fraction(drawn)), (bin, fraction as u64));
                    let (mut found, mut expected) = ([0], [0]);
                    let add = |out| Target { signed: true, factor: 0, out };
                    let tie = bins.add(&words, add(&mut found));
                    assert_eq!(tie, bins.add_by_scan(&words, add(&mut expected)));
                    assert_eq!(found, expected);
                    assert!(tie || off != 0);
                    assert!(off >= 0 || found[0] == bin as i64);
                }
            }
        }
    }
}
