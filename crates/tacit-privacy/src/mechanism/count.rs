//! The count of updates that were within the clipping norm, as a part of what travels in shares
//! (Andrew et al. 2021, section 3.1): one or more integers behind the update's, each with the same
//! share of the noise as these, so that update and count are one vector with one noise.
//!
//! A participant adds K to each of m integers if its update was within the norm, and takes K from
//! each if not. Their sum over 2·m·K is the count from one half of the paper. Its noise is
//! s/(2·√m·K), where s is that of one integer: m and K are such that this is hardly more than the
//! plan's `count_noise`, and that no integer wraps.

use super::shares::OVERFLOW;

/// How many integers, and what is added to each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Count {
    /// m; 0 where nothing is counted.
    pub places: usize,
    /// K.
    pub each: i64,
}

/// What an update's integers leave to the count.
pub(super) struct Room {
    /// Values of the encoded update.
    pub len: usize,
    /// Contributions that are planned.
    pub size: usize,
    /// Standard deviation of the noise of all of these in one integer.
    pub all: f64,
    /// The same, of the fewest that are honest.
    pub fewest: f64,
    /// Bits of an integer.
    pub bits: u32,
}

impl Count {
    /// The integers for noise of `count_noise` on the count from one half; `None` where they would
    /// wrap, or be more than a sixteenth of the update's.
    pub fn within(room: &Room, count_noise: f64) -> Option<Self> {
        let most = (room.len / 16).max(64) as f64;
        let tail = (2.0 * (2.0 * most / OVERFLOW).ln()).sqrt() * room.all;
        let largest = ((2f64.powi(room.bits as i32 - 1) - tail) / room.size as f64).floor();
        if largest < 1.0 {
            return None;
        }
        // √m·K at most; one unit where the noise is too narrow for less, which costs more.
        let wanted = (room.fewest / (2.0 * count_noise)).max(1.0);
        let fewer = ((wanted / largest).powi(2).floor()).max(1.0);
        let more = (wanted / largest).powi(2).ceil().max(1.0);
        let of = |places: f64| (places, (wanted / places.sqrt()).floor().min(largest));
        let better = |(m, k): (f64, f64), (n, l): (f64, f64)| {
            if m * k * k >= n * l * l { (m, k) } else { (n, l) }
        };
        let (places, each) = better(of(fewer), of(more));
        let found = Self { places: places as usize, each: each as i64 };
        (places <= most).then_some(found)
    }

    /// What one participant changes, squared in L2 norm.
    pub fn squared(&self) -> f64 {
        self.sum() * self.each as f64
    }

    /// The same, in L1 norm.
    pub fn sum(&self) -> f64 {
        self.places as f64 * self.each as f64
    }

    /// What each integer is before its noise.
    pub fn of(&self, within: bool) -> i64 {
        if within { self.each } else { -self.each }
    }

    /// The count from one half, from the sums of its integers.
    pub fn read(&self, sums: impl Iterator<Item = f64>) -> f64 {
        sums.sum::<f64>() / (2.0 * self.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(fewest: f64, bits: u32, size: usize) -> Room {
        Room { len: 1_024, size, all: fewest * std::f64::consts::SQRT_2, fewest, bits }
    }

    /// 600/(2·10) = 30 in one integer, where a hundred of them fit.
    #[test]
    fn one_integer_where_it_has_room() {
        let count = Count::within(&room(600.0, 16, 100), 10.0).unwrap();
        assert_eq!(count, Count { places: 1, each: 30 });
        assert_eq!((count.squared(), count.sum()), (900.0, 30.0));
        assert_eq!(count.read([30.0 * 80.0 - 30.0 * 20.0].into_iter()), 30.0);
    }

    /// The noise is never narrower than asked for, and at most by half wider.
    #[test]
    fn more_integers_where_it_has_none() {
        for size in [3, 10, 100, 300, 1_000, 3_000] {
            for asked in [0.5, 3.0, 10.0, 30.0] {
                for fewest in [40.0, 200.0, 1_000.0, 2_500.0] {
                    let Some(count) = Count::within(&room(fewest, 16, size), asked) else {
                        continue;
                    };
                    let noise = fewest / (2.0 * count.squared().sqrt());
                    let narrow = fewest < 2.0 * asked;
                    assert!(narrow || noise >= asked * (1.0 - 1e-12), "{size} {asked} {count:?}");
                    assert!(noise <= asked * 2.0, "{size} {asked} {fewest} {count:?}");
                    assert!(count.places <= 64 && count.each >= 1);
                }
            }
        }
        assert!(Count::within(&room(1_000.0, 16, 1_000), 10.0).unwrap().places > 1);
    }

    #[test]
    fn none_where_it_would_wrap() {
        assert_eq!(Count::within(&room(1.0, 8, 200), 10.0), None);
        assert_eq!(Count::within(&room(4_000.0, 16, 1_000), 1e-3), None);
    }
}
