//! Fewer points for a picture than a long run has.

/// Points of a curve that draw the same picture in `columns` columns: of each the first, smallest,
/// largest and last (M4, Jugel et al. 2014, §4), so that no peak disappears.
pub(super) fn m4(points: &[(f64, f64)], columns: usize) -> Vec<(f64, f64)> {
    if points.len() <= columns.saturating_mul(4) || columns == 0 {
        return points.to_vec();
    }
    let columns = points.chunks(points.len().div_ceil(columns));
    columns.flat_map(corners).collect()
}

fn corners(column: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut chosen = vec![0, column.len().saturating_sub(1)];
    let order = |a: &usize, b: &usize| column[*a].1.total_cmp(&column[*b].1);
    chosen.extend((0..column.len()).min_by(order));
    chosen.extend((0..column.len()).max_by(order));
    chosen.sort_unstable();
    chosen.dedup();
    chosen.into_iter().filter_map(|index| column.get(index).copied()).collect()
}

/// At most `most` items at even distances, the first and the last among them.
pub(super) fn even<T: Clone>(items: &[T], most: usize) -> Vec<T> {
    if items.len() <= most || most < 2 {
        return items.iter().take(most.max(1)).cloned().collect();
    }
    (0..most).map(|i| items[i * (items.len() - 1) / (most - 1)].clone()).collect()
}

/// Items per bar so that at most `most` bars are needed: 1, 2, 5, 10, 20 and so on.
pub(super) fn per_bar(items: usize, most: usize) -> usize {
    let enough = |size: &usize| items.div_ceil(*size) <= most.max(1);
    let sizes = (0..).flat_map(|k| [1, 2, 5].map(|digit: usize| digit * 10usize.pow(k)));
    sizes.take(24).find(enough).unwrap_or(items.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_survives() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|x| (f64::from(x), 0.5)).collect();
        points[5_017].1 = 9.0;
        points[7_001].1 = -9.0;
        let few = m4(&points, 100);
        assert!(few.len() <= 400);
        assert!(few.contains(&(5_017.0, 9.0)) && few.contains(&(7_001.0, -9.0)));
        assert_eq!((few.first(), few.last()), (points.first(), points.last()));
        assert!(few.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(m4(&points[..7], 100), points[..7]);
        assert!(m4(&[], 100).is_empty());
    }

    #[test]
    fn even_choices_keep_both_ends() {
        let all: Vec<u32> = (1..=1_000).collect();
        let few = even(&all, 200);
        assert_eq!((few.len(), few[0], few[199]), (200, 1, 1_000));
        assert_eq!(even(&all[..3], 200), [1, 2, 3]);
        assert!(even::<u32>(&[], 200).is_empty());
    }

    #[test]
    fn sizes_of_bars() {
        assert_eq!([1, 60, 61, 1_000, 1_000_000].map(|n| per_bar(n, 60)), [1, 1, 2, 20, 20_000]);
        assert_eq!(per_bar(0, 60), 1);
    }
}
