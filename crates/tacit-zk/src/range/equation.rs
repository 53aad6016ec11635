//! What verifiers check: that one sum of points is neutral. Every proof of a batch adds its own
//! terms to it, times a weight that follows from
//! all of them, with what they are opened to, so that a batch costs little more than the
//! largest of its proofs (Bünz et al. 2018, section 6.2).

use super::bases::Bases;
use super::parallel;
use crate::pedersen::{blinding_base, value_base};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;

/// Σ gᵢ Gᵢ + Σ hᵢ Hᵢ + value · B + blinding · H + further points.
#[derive(Default)]
pub(crate) struct Equation {
    pub g: Vec<Scalar>,
    pub h: Vec<Scalar>,
    pub value: Scalar,
    pub blinding: Scalar,
    scalars: Vec<Scalar>,
    points: Vec<RistrettoPoint>,
}

impl Equation {
    /// Has terms of at least so many bases.
    pub fn reach(&mut self, places: usize) {
        let places = places.max(self.g.len());
        self.g.resize(places, Scalar::ZERO);
        self.h.resize(places, Scalar::ZERO);
    }

    /// One more term.
    pub fn point(&mut self, scalar: Scalar, point: RistrettoPoint) {
        self.scalars.push(scalar);
        self.points.push(point);
    }

    /// Both at once.
    pub fn add(&mut self, other: Self) {
        self.reach(other.g.len());
        for (sums, terms) in [(&mut self.g, &other.g), (&mut self.h, &other.h)] {
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        }
        self.value += other.value;
        self.blinding += other.blinding;
        self.scalars.extend(other.scalars);
        self.points.extend(other.points);
    }

    /// Whether it holds. Everything in it is public: not in constant time.
    pub fn holds(&self, bases: &Bases) -> bool {
        if self.g.len() > bases.g.len() {
            return false;
        }
        let (own, of) = ([self.value, self.blinding], [value_base(), blinding_base()]);
        let places = self.g.len();
        let scalars = [&self.g[..], &self.h, &own, &self.scalars].concat();
        let points = [&bases.g[..places], &bases.h[..places], &of, &self.points].concat();
        parallel::sum(&scalars, &points).is_identity()
    }
}
