//! How many of a table's thresholds are above a uniform word, for many words, in constant time.
//!
//! The reference compares each word with every threshold. On AVX-512 the table is searched by
//! halving, level by level; the pivot of a lane is picked out of *all* pivots of the level by
//! permutations within registers, so that neither an address nor a branch depends on a word. Both
//! give the same numbers.

use pulp::{Arch, Simd, WithSimd};

/// Values of one vector, aligned to a line of the cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// A table ready to be searched.
pub(super) struct Search {
    thresholds: Vec<u64>,
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pivots: Pivots,
}

/// The pivots of a search by halving: level ℓ has 2^ℓ, from the whole table's middle on.
struct Pivots {
    levels: usize,
    lines: Vec<Line>,
}

impl Pivots {
    fn new(thresholds: &[u64]) -> Self {
        let levels = thresholds.len().max(1).ilog2() as usize + 1;
        let mut lines = Vec::new();
        for level in 0..levels {
            let pivot = |path: usize| {
                let rank = ((2 * path + 1) << (levels - 1 - level)) - 1;
                thresholds.get(rank).copied().unwrap_or(0)
            };
            let paths: Vec<u64> = (0..1 << level).map(pivot).collect();
            lines.extend(
                paths
                    .chunks(8)
                    .map(|part| Line(std::array::from_fn(|i| part.get(i).copied().unwrap_or(0)))),
            );
        }
        Self { levels, lines }
    }
}

impl Search {
    /// Prepares descending thresholds.
    pub(super) fn new(thresholds: &[u64]) -> Self {
        Self { thresholds: thresholds.to_vec(), pivots: Pivots::new(thresholds) }
    }

    /// Writes how many thresholds are above each word; whether any word may equal a threshold.
    pub(super) fn ranks(&self, words: &[u64], ranks: &mut [u64]) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V4::try_new() {
            return simd.vectorize(wide::Halving { simd, pivots: &self.pivots, words, ranks });
        }
        self.scan(words, ranks)
    }

    /// The reference: every word against every threshold.
    fn scan(&self, words: &[u64], ranks: &mut [u64]) -> bool {
        Arch::new().dispatch(Scan { thresholds: &self.thresholds, words, ranks })
    }
}

struct Scan<'a> {
    thresholds: &'a [u64],
    words: &'a [u64],
    ranks: &'a mut [u64],
}

impl WithSimd for Scan<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        let mut ties = 0;
        let (words, rest) = self.words.as_chunks::<16>();
        let (ranks, rest_ranks) = self.ranks.as_chunks_mut::<16>();
        for (words, ranks) in words.iter().zip(ranks) {
            ties |= scan(self.thresholds, words, ranks);
        }
        let mut last = [u64::MAX; 16];
        let mut last_ranks = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        ties |= scan(self.thresholds, &last, &mut last_ranks);
        rest_ranks.copy_from_slice(&last_ranks[..rest.len()]);
        ties != 0
    }
}

#[inline(always)]
fn scan(thresholds: &[u64], words: &[u64; 16], ranks: &mut [u64; 16]) -> u64 {
    let mut ties = [0; 16];
    let mut above = [0; 16];
    for &threshold in thresholds {
        for i in 0..16 {
            above[i] += u64::from(threshold > words[i]);
            ties[i] |= u64::from(threshold == words[i]);
        }
    }
    *ranks = above;
    ties.iter().fold(0, |all, tie| all | tie)
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{Line, Pivots};
    use core::arch::x86_64::__m512i;
    use pulp::x86::V4;
    use pulp::{NullaryFnOnce, cast};

    pub(super) struct Halving<'a> {
        pub(super) simd: V4,
        pub(super) pivots: &'a Pivots,
        pub(super) words: &'a [u64],
        pub(super) ranks: &'a mut [u64],
    }

    impl NullaryFnOnce for Halving<'_> {
        type Output = bool;

        #[inline(always)]
        fn call(self) -> bool {
            match self.pivots.levels {
                1 => self.search::<1>(),
                2 => self.search::<2>(),
                3 => self.search::<3>(),
                4 => self.search::<4>(),
                5 => self.search::<5>(),
                6 => self.search::<6>(),
                7 => self.search::<7>(),
                8 => self.search::<8>(),
                9 => self.search::<9>(),
                10 => self.search::<10>(),
                11 => self.search::<11>(),
                _ => self.search::<12>(),
            }
        }
    }

    impl Halving<'_> {
        #[inline(always)]
        fn search<const LEVELS: usize>(self) -> bool {
            let (words, rest) = self.words.as_chunks::<8>();
            let (ranks, rest_ranks) = self.ranks.as_chunks_mut::<8>();
            let lines = &self.pivots.lines[..lines_before(LEVELS)];
            let mut ties = 0;
            for (words, ranks) in words.iter().zip(ranks) {
                let (found, tie) = search::<LEVELS>(self.simd, lines, cast(*words));
                *ranks = cast(found);
                ties |= tie;
            }
            let mut last = [u64::MAX; 8];
            last[..rest.len()].copy_from_slice(rest);
            let (found, tie) = search::<LEVELS>(self.simd, lines, cast(last));
            rest_ranks.copy_from_slice(&cast::<_, [u64; 8]>(found)[..rest.len()]);
            ties | tie != 0
        }
    }

    /// Lines of the levels before `level`.
    const fn lines_before(level: usize) -> usize {
        if level <= 3 { level } else { 2 + (1 << (level - 3)) }
    }

    #[inline(always)]
    fn load(line: &Line) -> __m512i {
        cast(line.0)
    }

    /// One vector of words on its way down. The path of a lane is its rank so far: one more bit
    /// per level.
    struct Walk<'a> {
        simd: V4,
        lines: &'a [Line],
        words: __m512i,
        path: __m512i,
        ties: u8,
    }

    /// The ranks of one vector of words, and a mask of lanes that met an equal pivot. Written out
    /// level by level: the compiler does not unroll it, and masks must stay in registers.
    #[inline(always)]
    fn search<const LEVELS: usize>(simd: V4, lines: &[Line], words: __m512i) -> (__m512i, u8) {
        let zero = simd.avx512f._mm512_setzero_si512();
        let mut walk = Walk { simd, lines, words, path: zero, ties: 0 };
        let mut right = [0; 12];
        right[0] = walk.step(walk.pick8(0));
        if LEVELS > 1 {
            right[1] = walk.step(walk.pick8(1));
        }
        if LEVELS > 2 {
            right[2] = walk.step(walk.pick8(2));
        }
        if LEVELS > 3 {
            right[3] = walk.step(walk.pick8(3));
        }
        if LEVELS > 4 {
            right[4] = walk.step(walk.pick16(4));
        }
        if LEVELS > 5 {
            right[5] = walk.step(walk.pick32(6, [right[0]]));
        }
        if LEVELS > 6 {
            right[6] = walk.step(walk.pick64(10, [right[1], right[0]]));
        }
        if LEVELS > 7 {
            right[7] = walk.step(walk.pick128(18, [right[2], right[1], right[0]]));
        }
        if LEVELS > 8 {
            let masks = [right[3], right[2], right[1], right[0]];
            right[8] = walk.step(walk.pick256(34, masks));
        }
        if LEVELS > 9 {
            let masks = [right[4], right[3], right[2], right[1]];
            right[9] = walk.step(walk.pick_of_groups::<2>(66, masks));
        }
        if LEVELS > 10 {
            let masks = [right[5], right[4], right[3], right[2]];
            right[10] = walk.step(walk.pick_of_groups::<4>(130, masks));
        }
        if LEVELS > 11 {
            let masks = [right[6], right[5], right[4], right[3]];
            walk.step(walk.pick_of_groups::<8>(258, masks));
        }
        (walk.path, walk.ties)
    }

    impl Walk<'_> {
        /// Goes to the right where the pivot is above the word.
        #[inline(always)]
        fn step(&mut self, pivot: __m512i) -> u8 {
            let f = self.simd.avx512f;
            let right = f._mm512_cmpgt_epu64_mask(pivot, self.words);
            self.ties |= f._mm512_cmpeq_epu64_mask(pivot, self.words);
            let twice = f._mm512_add_epi64(self.path, self.path);
            self.path = f._mm512_mask_add_epi64(twice, right, twice, f._mm512_set1_epi64(1));
            right
        }

        /// The pivot at each lane's path, of 8 from line `at` on.
        #[inline(always)]
        fn pick8(&self, at: usize) -> __m512i {
            self.simd.avx512f._mm512_permutexvar_epi64(self.path, load(&self.lines[at]))
        }

        /// Of 16. From here on every further bit of the path chooses between two results; masks
        /// hold those bits, from the fifth.
        #[inline(always)]
        fn pick16(&self, at: usize) -> __m512i {
            let (low, high) = (load(&self.lines[at]), load(&self.lines[at + 1]));
            self.simd.avx512f._mm512_permutex2var_epi64(low, self.path, high)
        }

        #[inline(always)]
        fn pick32(&self, at: usize, [a]: [u8; 1]) -> __m512i {
            let (low, high) = (self.pick16(at), self.pick16(at + 2));
            self.simd.avx512f._mm512_mask_blend_epi64(a, low, high)
        }

        #[inline(always)]
        fn pick64(&self, at: usize, [a, b]: [u8; 2]) -> __m512i {
            let (low, high) = (self.pick32(at, [a]), self.pick32(at + 4, [a]));
            self.simd.avx512f._mm512_mask_blend_epi64(b, low, high)
        }

        #[inline(always)]
        fn pick128(&self, at: usize, [a, b, c]: [u8; 3]) -> __m512i {
            let (low, high) = (self.pick64(at, [a, b]), self.pick64(at + 8, [a, b]));
            self.simd.avx512f._mm512_mask_blend_epi64(c, low, high)
        }

        #[inline(always)]
        fn pick256(&self, at: usize, [a, b, c, d]: [u8; 4]) -> __m512i {
            let (low, high) = (self.pick128(at, [a, b, c]), self.pick128(at + 16, [a, b, c]));
            self.simd.avx512f._mm512_mask_blend_epi64(d, low, high)
        }

        /// Of several groups of 256: all are searched, the one that the path names is kept.
        #[inline(always)]
        fn pick_of_groups<const GROUPS: usize>(&self, at: usize, masks: [u8; 4]) -> __m512i {
            let f = self.simd.avx512f;
            let own = f._mm512_srli_epi64::<8>(self.path);
            let mut pivot = f._mm512_setzero_si512();
            for group in 0..GROUPS {
                let picked = self.pick256(at + 32 * group, masks);
                let here = f._mm512_cmpeq_epi64_mask(own, f._mm512_set1_epi64(group as i64));
                pivot = f._mm512_mask_blend_epi64(here, pivot, picked);
            }
            pivot
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Stream;

    /// Every size of table, every word next to a threshold: both ways give the same.
    #[test]
    fn searching_is_scanning() {
        let mut stream = Stream::for_test(2);
        for count in
            [0, 1, 2, 3, 7, 8, 15, 16, 31, 40, 63, 127, 200, 255, 256, 511, 700, 1_023, 4_095]
        {
            let mut thresholds = vec![0; count];
            stream.fill(&mut thresholds);
            thresholds.sort_unstable_by(|a, b| b.cmp(a));
            let search = Search::new(&thresholds);
            let mut words = vec![0; 1_003];
            stream.fill(&mut words);
            let (mut found, mut expected) = (vec![1; words.len()], vec![2; words.len()]);
            assert!(!search.ranks(&words, &mut found), "{count}");
            assert!(!search.scan(&words, &mut expected), "{count}");
            assert_eq!(found, expected, "{count}");
            let near = thresholds.iter().flat_map(|t| [t.wrapping_sub(1), t.wrapping_add(1)]);
            let words: Vec<u64> = near.chain([0, u64::MAX]).collect();
            let (mut found, mut expected) = (vec![1; words.len()], vec![2; words.len()]);
            search.ranks(&words, &mut found);
            search.scan(&words, &mut expected);
            assert_eq!(found, expected, "{count}");
        }
    }

    #[test]
    fn every_tie_is_seen() {
        let thresholds: Vec<u64> = (1..=300).rev().map(|i| i << 50).collect();
        let search = Search::new(&thresholds);
        for threshold in &thresholds {
            let words = [5, *threshold, 9];
            assert!(search.ranks(&words, &mut [0; 3]) && search.scan(&words, &mut [0; 3]));
        }
    }
}
