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

/// The pivots of a search by halving: level ℓ has 2^ℓ, from the whole table's middle on. Each level
/// is ordered by the path to a pivot, a bit per level *from the lowest*: so the four lowest bits
/// stay what they are, and every further bit chooses between two halves of the level.
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
                let reversed = (0..level).fold(0, |sum, bit| sum << 1 | path >> bit & 1);
                let rank = ((2 * reversed + 1) << (levels - 1 - level)) - 1;
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
                _ => self.search::<LARGE>(),
            }
        }
    }

    /// More than nine levels.
    const LARGE: usize = 0;

    impl Halving<'_> {
        /// Ranks of every vector of words; whether any met an equal pivot.
        #[inline(always)]
        fn search<const LEVELS: usize>(self) -> bool {
            let levels = if LEVELS == LARGE { self.pivots.levels } else { LEVELS };
            let (simd, lines) = (self.simd, &self.pivots.lines[..lines_before(levels)]);
            let (words, rest) = self.words.as_chunks::<8>();
            let (ranks, rest_ranks) = self.ranks.as_chunks_mut::<8>();
            let mut distinct = 0xff;
            for (words, ranks) in words.iter().zip(ranks) {
                let mut walk = Walk::new(simd, lines, cast(*words));
                *ranks = cast(walk.rank::<LEVELS>(levels));
                distinct &= walk.distinct;
            }
            let mut last = [u64::MAX; 8];
            last[..rest.len()].copy_from_slice(rest);
            let mut walk = Walk::new(simd, lines, cast(last));
            let found: [u64; 8] = cast(walk.rank::<LEVELS>(levels));
            rest_ranks.copy_from_slice(&found[..rest.len()]);
            distinct & walk.distinct != 0xff
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

    /// One vector of words on its way down.
    struct Walk<'a> {
        simd: V4,
        lines: &'a [Line],
        words: __m512i,
        /// The first four steps to the right, a bit each from the lowest.
        path: __m512i,
        /// Lanes that met no equal pivot.
        distinct: u8,
    }

    /// The ranks of one vector of words in a table of at most nine levels, and the steps after the
    /// fourth. Written out level by level: masks must stay in registers.
    #[inline(always)]
    fn search<const LEVELS: usize>(walk: &mut Walk<'_>) -> (__m512i, [u8; 5]) {
        walk.early::<0, LEVELS>();
        walk.early::<1, LEVELS>();
        walk.early::<2, LEVELS>();
        walk.early::<3, LEVELS>();
        let (low, high) = (cast(weights::<LEVELS>(0)), cast(weights::<LEVELS>(8)));
        let mut rank = walk.simd.avx512f._mm512_permutex2var_epi64(low, walk.path, high);
        let mut m = [0; 5];
        if LEVELS > 4 {
            m[0] = walk.late::<4, LEVELS>(walk.pick16(4), &mut rank);
        }
        if LEVELS > 5 {
            m[1] = walk.late::<5, LEVELS>(walk.pick32(6, [m[0]]), &mut rank);
        }
        if LEVELS > 6 {
            m[2] = walk.late::<6, LEVELS>(walk.pick64(10, [m[0], m[1]]), &mut rank);
        }
        if LEVELS > 7 {
            let pivot = walk.pick128(18, [m[0], m[1], m[2]]);
            m[3] = walk.late::<7, LEVELS>(pivot, &mut rank);
        }
        if LEVELS > 8 {
            let pivot = walk.pick256(34, [m[0], m[1], m[2], m[3]]);
            m[4] = walk.late::<8, LEVELS>(pivot, &mut rank);
        }
        (rank, m)
    }

    /// The ranks in a larger table: nine levels as above; of each further level all groups of 256
    /// pivots are searched, and the one that the steps after the eighth name is kept.
    #[inline(always)]
    fn search_on(walk: &mut Walk<'_>, levels: usize) -> __m512i {
        let f = walk.simd.avx512f;
        let one = f._mm512_set1_epi64(1);
        let (mut rank, m) = search::<9>(walk);
        let mut own = f._mm512_maskz_set1_epi64(m[4], 1);
        for level in 9..levels {
            let mut pivot = f._mm512_setzero_si512();
            for group in 0..1 << (level - 8) {
                let at = lines_before(level) + 32 * group;
                let picked = walk.pick256(at, [m[0], m[1], m[2], m[3]]);
                let here = f._mm512_cmpeq_epi64_mask(own, f._mm512_set1_epi64(group as i64));
                pivot = f._mm512_mask_blend_epi64(here, pivot, picked);
            }
            let right = walk.compare(pivot);
            let twice = f._mm512_add_epi64(rank, rank);
            rank = f._mm512_mask_add_epi64(twice, right, twice, one);
            let bit = f._mm512_set1_epi64(1 << (level - 8));
            own = f._mm512_mask_or_epi64(own, right, own, bit);
        }
        rank
    }

    /// The rank that paths `from` to `from + 7` of the first four levels have reached.
    const fn weights<const LEVELS: usize>(from: u64) -> [u64; 8] {
        let mut weights = [0; 8];
        let mut lane = 0;
        while lane < 8 {
            let mut level = 0;
            while level < 4 && level < LEVELS {
                let right = (from + lane as u64) >> level & 1;
                weights[lane] += right << (LEVELS - 1 - level);
                level += 1;
            }
            lane += 1;
        }
        weights
    }

    impl<'a> Walk<'a> {
        #[inline(always)]
        fn new(simd: V4, lines: &'a [Line], words: __m512i) -> Self {
            Self { simd, lines, words, path: simd.avx512f._mm512_setzero_si512(), distinct: 0xff }
        }

        /// The rank of every lane.
        #[inline(always)]
        fn rank<const LEVELS: usize>(&mut self, levels: usize) -> __m512i {
            if LEVELS == LARGE { search_on(self, levels) } else { search::<LEVELS>(self).0 }
        }

        /// Whether the pivot is above the word: then the way is to the right.
        #[inline(always)]
        fn compare(&mut self, pivot: __m512i) -> u8 {
            let f = self.simd.avx512f;
            self.distinct = f._mm512_mask_cmpneq_epu64_mask(self.distinct, pivot, self.words);
            f._mm512_cmpgt_epu64_mask(pivot, self.words)
        }

        /// One of the first four levels.
        #[inline(always)]
        fn early<const LEVEL: usize, const LEVELS: usize>(&mut self) {
            if LEVEL < LEVELS {
                let f = self.simd.avx512f;
                let right = self.compare(self.pick8(LEVEL));
                let bit = f._mm512_set1_epi64(1 << LEVEL);
                self.path = f._mm512_mask_or_epi64(self.path, right, self.path, bit);
            }
        }

        /// One of the levels after them.
        #[inline(always)]
        fn late<const LEVEL: usize, const LEVELS: usize>(
            &mut self,
            pivot: __m512i,
            rank: &mut __m512i,
        ) -> u8 {
            let f = self.simd.avx512f;
            let right = self.compare(pivot);
            let more = f._mm512_set1_epi64(1 << (LEVELS - 1 - LEVEL));
            *rank = f._mm512_mask_add_epi64(*rank, right, *rank, more);
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
