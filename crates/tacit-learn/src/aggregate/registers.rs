//! Few rows sorted without a store in between: the exchanges of their network are known when this
//! is compiled, so that every value stays in a register.

use super::network::{CLASS, MergeExchange};
use pulp::Simd;

/// Most exchanges that sort [`CLASS`] values, or merge two sorted classes.
const MOST: usize = 65;

/// Exchanges, and how many they are.
type List = ([(usize, usize); MOST], usize);

/// Sorts `rows` rows, of which each class modulo `classes` is sorted.
const fn exchanges(rows: usize, classes: usize) -> List {
    let mut list = ([(0, 0); MOST], 0);
    let mut pairs = MergeExchange::merge(rows, classes);
    while let Some(pair) = pairs.next() {
        list.0[list.1] = pair;
        list.1 += 1;
    }
    list
}

/// The networks of `N` rows.
struct Of<const N: usize>;

impl<const N: usize> Of<N> {
    const LIST: List = match N <= CLASS {
        true => exchanges(N, N.next_power_of_two()),
        false => exchanges(N, 2),
    };
}

/// Straight-line code: a loop over a table would index the values, and so keep them in memory.
macro_rules! straight {
    ($simd:ident, $values:ident, $n:ident: $($k:literal)*) => { $(
        if const { $k < Of::<$n>::LIST.1 } {
            let (low, high) = const { Of::<$n>::LIST.0[$k] };
            let (a, b) = ($values[low], $values[high]);
            $values[low] = $simd.min_f32s(a, b);
            $values[high] = $simd.max_f32s(a, b);
        }
    )* };
}

/// Sorts the first `N` vectors in every lane: any up to [`CLASS`], else those whose even and odd
/// places are sorted.
#[inline(always)]
fn in_place<S: Simd, const N: usize>(simd: S, of: Strided<'_, S>) {
    let mut values = [simd.splat_f32s(0.0); N];
    // Not `array::from_fn`: what its closure returns would go through memory.
    for (i, value) in values.iter_mut().enumerate() {
        *value = of.vectors[i * of.stride];
    }
    straight!(simd, values, N: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25
        26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55
        56 57 58 59 60 61 62 63 64);
    for (i, value) in values.iter().enumerate() {
        of.vectors[i * of.stride] = *value;
    }
}

/// Every `stride`-th vector, from the first on.
pub(super) struct Strided<'a, S: Simd> {
    pub(super) vectors: &'a mut [S::f32s],
    pub(super) stride: usize,
}

impl<S: Simd> Strided<'_, S> {
    fn len(&self) -> usize {
        self.vectors.len().div_ceil(self.stride)
    }
}

/// Sorts at most [`CLASS`] vectors.
#[inline(always)]
pub(super) fn sort_few<S: Simd>(simd: S, of: Strided<'_, S>) {
    const { assert!(CLASS == 16) };
    match of.len() {
        0 | 1 => {}
        2 => in_place::<S, 2>(simd, of),
        3 => in_place::<S, 3>(simd, of),
        4 => in_place::<S, 4>(simd, of),
        5 => in_place::<S, 5>(simd, of),
        6 => in_place::<S, 6>(simd, of),
        7 => in_place::<S, 7>(simd, of),
        8 => in_place::<S, 8>(simd, of),
        9 => in_place::<S, 9>(simd, of),
        10 => in_place::<S, 10>(simd, of),
        11 => in_place::<S, 11>(simd, of),
        12 => in_place::<S, 12>(simd, of),
        13 => in_place::<S, 13>(simd, of),
        14 => in_place::<S, 14>(simd, of),
        15 => in_place::<S, 15>(simd, of),
        _ => in_place::<S, 16>(simd, of),
    }
}

/// Merges what is sorted at the even and at the odd places of at most twice [`CLASS`] vectors.
#[inline(always)]
pub(super) fn merge_few<S: Simd>(simd: S, of: Strided<'_, S>) {
    match of.len() {
        ..=CLASS => sort_few(simd, of),
        17 => in_place::<S, 17>(simd, of),
        18 => in_place::<S, 18>(simd, of),
        19 => in_place::<S, 19>(simd, of),
        20 => in_place::<S, 20>(simd, of),
        21 => in_place::<S, 21>(simd, of),
        22 => in_place::<S, 22>(simd, of),
        23 => in_place::<S, 23>(simd, of),
        24 => in_place::<S, 24>(simd, of),
        25 => in_place::<S, 25>(simd, of),
        26 => in_place::<S, 26>(simd, of),
        27 => in_place::<S, 27>(simd, of),
        28 => in_place::<S, 28>(simd, of),
        29 => in_place::<S, 29>(simd, of),
        30 => in_place::<S, 30>(simd, of),
        31 => in_place::<S, 31>(simd, of),
        _ => in_place::<S, 32>(simd, of),
    }
}
