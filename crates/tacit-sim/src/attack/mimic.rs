//! Mimic (Karimireddy, He, Jaggi 2022, section 3.2 and appendix B): all send a copy of one honest
//! update, so that its participant's data counts more than it should. No single update is
//! suspicious; rules that drop the unusual drop those who hold rare data.
//!
//! The participant is the one that says most about how honest updates differ: with z the
//! direction of their largest variance, i* = argmax |⟨z, xᵢ − μ⟩|. The adversary chooses in the
//! first round and copies the same one as long as it takes part.
//!
//! # Discussion
//!
//! The paper finds z over several rounds with Oja's rule. Here it is exact for one round: by the
//! inner products of the centred updates, whose leading eigenvector (power iteration) holds
//! ⟨z, xᵢ − μ⟩ up to a common factor. That takes n² sums and no vector of the model's length.

use super::{Attack, Entry, Honest, Means, Scene};
use tacit_core::ids::ParticipantId;

pub(super) const ENTRY: Entry = Entry {
    name: "mimic",
    help: "a copy of the most particular honest update (Karimireddy et al. 2022)",
    parameters: &[],
    make: |_| Ok(Box::new(Mimic::default())),
};

/// See the module.
#[derive(Debug, Default)]
struct Mimic {
    chosen: Option<ParticipantId>,
    round: u32,
    /// Inner products of all pairs of centred updates, summed over chunks.
    products: Vec<f64>,
}

impl Attack for Mimic {
    fn means(&self) -> Means {
        Means::Honest
    }

    fn surveys(&self) -> bool {
        true
    }

    fn survey(&mut self, scene: &Scene, honest: &Honest<'_>) {
        if self.chosen.as_ref().is_some_and(|chosen| honest.names.contains(chosen)) {
            return;
        }
        let n = honest.rows.len();
        if self.round != scene.round || self.products.len() != n * n {
            (self.round, self.products) = (scene.round, vec![0.0; n * n]);
        }
        let mut centred = vec![0.0; n];
        for column in 0..honest.rows.first().map_or(0, |row| row.len()) {
            let mean = honest.rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / n as f64;
            centred.iter_mut().zip(honest.rows).for_each(|(c, x)| *c = f64::from(x[column]) - mean);
            for (sums, a) in self.products.chunks_exact_mut(n).zip(&centred) {
                sums.iter_mut().zip(&centred).for_each(|(sum, b)| *sum += a * b);
            }
        }
    }

    fn collude(&mut self, _scene: &Scene, honest: &Honest<'_>, out: &mut [f32]) {
        let place = |chosen: &ParticipantId| honest.names.iter().position(|name| name == chosen);
        let row = self.chosen.as_ref().and_then(place).unwrap_or_else(|| {
            let row = most_particular(&self.products, honest.rows.len());
            self.chosen = honest.names.get(row).cloned();
            row
        });
        out.copy_from_slice(honest.rows[row]);
    }
}

/// The place of the largest entry, in magnitude, of the leading eigenvector; of equal ones the
/// first.
fn most_particular(products: &[f64], n: usize) -> usize {
    // Started from the row of the longest update: it is not orthogonal to the eigenvector.
    let length = |i: &usize| products[i * n + i];
    let longest = (0..n).max_by(|a, b| length(a).total_cmp(&length(b)).then(b.cmp(a)));
    let longest = longest.unwrap_or(0);
    let mut vector = products.get(longest * n..(longest + 1) * n).unwrap_or_default().to_vec();
    for _ in 0..100 {
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm == 0.0 {
            break;
        }
        vector.iter_mut().for_each(|x| *x /= norm);
        let dot = |row: &[f64]| row.iter().zip(&vector).map(|(a, b)| a * b).sum();
        vector = products.chunks_exact(n).map(dot).collect();
    }
    let size = |i: &usize| vector[*i].abs();
    (0..vector.len()).max_by(|a, b| size(a).total_cmp(&size(b)).then(b.cmp(a))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: usize) -> Vec<ParticipantId> {
        (0..n).map(|i| ParticipantId::numbered(i, n)).collect()
    }

    #[test]
    fn the_most_particular_is_chosen_and_kept() {
        let mut mimic = Mimic::default();
        let scene = |round| Scene { round, participants: 6, hostile: 2 };
        let names = names(4);
        let first: [&[f32]; 4] = [&[0.0, 1.0], &[0.1, -1.0], &[9.0, 0.0], &[-4.0, 0.5]];
        let mut out = [0.0; 2];
        let honest = Honest { names: &names, rows: &first };
        mimic.survey(&scene(1), &honest);
        mimic.collude(&scene(1), &honest, &mut out);
        assert_eq!(out, [9.0, 0.0]);
        let later: [&[f32]; 4] = [&[50.0, 0.0], &[0.0, 0.0], &[1.0, 2.0], &[0.0, 0.0]];
        let honest = Honest { names: &names, rows: &later };
        mimic.survey(&scene(2), &honest);
        mimic.collude(&scene(2), &honest, &mut out);
        assert_eq!(out, [1.0, 2.0]);
        // When it stays away, another one is chosen.
        let honest = Honest { names: &names[..2], rows: &later[..2] };
        mimic.survey(&scene(3), &honest);
        mimic.collude(&scene(3), &honest, &mut out);
        assert_eq!(out, [50.0, 0.0]);
    }

    #[test]
    fn equal_updates_have_no_direction() {
        assert_eq!(most_particular(&[0.0; 9], 3), 0);
        assert_eq!(most_particular(&[], 0), 0);
    }
}
