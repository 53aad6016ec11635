//! Mean and spread of the honest updates, coordinate by coordinate.

/// Mean and standard deviation (of the rows, not an estimate: divided by their number) of each
/// coordinate, in f64. Rows are at least one and of one length.
pub(super) fn moments(rows: &[&[f32]], mut visit: impl FnMut(usize, f64, f64)) {
    let count = rows.len() as f64;
    for column in 0..rows.first().map_or(0, |row| row.len()) {
        let values = || rows.iter().map(|row| f64::from(row[column]));
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        visit(column, mean, variance.sqrt());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_hand() {
        let rows: [&[f32]; 4] = [&[1.0, 5.0], &[3.0, 5.0], &[5.0, 5.0], &[7.0, 5.0]];
        let mut found = Vec::new();
        moments(&rows, |column, mean, deviation| found.push((column, mean, deviation)));
        assert_eq!(found, [(0, 4.0, 5f64.sqrt()), (1, 5.0, 0.0)]);
    }
}
