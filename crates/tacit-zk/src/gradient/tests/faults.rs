//! A prover that lies about one wire, and computes all that follows from it honestly.

use super::world::World;
use crate::gradient::circuit::{Private, Public, Wires, describe};
use crate::gradient::commit::{Dataset, LEAF, UPDATE, WEIGHTS, commit};
use crate::gradient::prove::Witnesses;
use crate::gradient::spec::{Rows, Spec, Targets, UPDATE_BITS};
use crate::gradient::terms::Compiled;
use crate::poseidon::{Hashes, NODE, Poseidon};
use crate::r1cs::builder::signed;
use crate::r1cs::trace::{Tamper, Trace};
use crate::r1cs::{Combination, evaluate};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, Zero};
use tacit_core::digest::Digest;
use tacit_core::proof::Claim;

/// One lie, or two.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    /// Values of wires are changed by these.
    pub add: Vec<(usize, Fr)>,
    /// In a decomposition, by number: one digit takes what makes the sum right.
    pub absorb: Option<(usize, usize)>,
    /// And another digit is turned over.
    pub flip: Option<usize>,
    /// And all the others are zero.
    pub zero: bool,
}

/// Commits a [`Fault`], and notes where decompositions are.
#[derive(Default)]
pub struct Meddler {
    fault: Fault,
    /// First wire and width of each decomposition.
    pub decompositions: Vec<(usize, usize)>,
}

impl Tamper<Fr> for Meddler {
    fn wire(&mut self, number: usize, honest: Fr) -> Fr {
        let of_it = self.fault.add.iter().filter(|(wire, _)| *wire == number);
        of_it.fold(honest, |value, (_, change)| value + change)
    }

    fn digits(&mut self, first: usize, value: Fr, mut digits: Vec<Fr>) -> Vec<Fr> {
        let number = self.decompositions.len();
        self.decompositions.push((first, digits.len()));
        if let Some((_, digit)) = self.fault.absorb.filter(|(which, _)| *which == number) {
            if self.fault.zero {
                digits.fill(Fr::ZERO);
            }
            if let Some(flip) = self.fault.flip {
                digits[flip] = Fr::ONE - digits[flip];
            }
            let two = Fr::from(2);
            let weight = |i: usize| two.pow([i as u64]);
            let others = digits.iter().enumerate().filter(|(i, _)| *i != digit);
            let sum: Fr = others.map(|(i, x)| weight(i) * x).sum();
            digits[digit] = (value - sum) / weight(digit);
        }
        digits
    }
}

/// What a lie came to.
pub struct Outcome {
    /// The public inputs that suit it best.
    pub public: Public<Fr>,
    /// Constraints that it breaks although they suit it.
    pub broken: Vec<usize>,
    /// Constraints that compare a commitment with a public input, and that honest ones break.
    pub unequal: Vec<usize>,
    /// Whether public inputs that suit it are the truth of these wires; true if more than one
    /// constraint tells otherwise.
    pub truth: bool,
    pub wires: Wires<Fr>,
}

/// A circuit with an honest witness.
pub struct Subject {
    pub compiled: Compiled<Fr>,
    pub public: Public<Fr>,
    pub private: Private<Fr>,
}

impl Subject {
    /// With hashes of the width that they have, or of one that is sooner computed.
    pub fn new(world: &World, width: usize) -> Self {
        let spec = &world.terms.spec;
        let hashes = Hashes { wide: Poseidon::new(width), node: Poseidon::new(NODE) };
        let dataset = Dataset::new(spec, &hashes, *world.secret.bytes(), &world.shard);
        let dataset = dataset.unwrap().commitment().to_bytes();
        let compile = || Compiled::with(spec, hashes.clone()).unwrap();
        let mut witnesses = Witnesses::over(world.terms.clone(), compile(), Digest([4; 32]));
        let claim = Claim { dataset: &dataset, ..world.claim() };
        let (public, private, _) = witnesses.witness(&claim, &world.work()).unwrap();
        Self { compiled: compile(), public, private }
    }

    pub fn rows(&self) -> &[[Combination<Fr>; 3]] {
        self.compiled.r1cs.constraints()
    }

    /// All wires of a prover that commits a fault.
    pub fn run(&self, fault: &Fault) -> (Vec<Fr>, Wires<Fr>, Vec<(usize, usize)>) {
        let meddler = Meddler { fault: fault.clone(), ..Meddler::default() };
        let mut trace = Trace::tampered(meddler);
        let Compiled { spec, hashes, .. } = &self.compiled;
        let wires = describe(&mut trace, spec, hashes, &self.public, &self.private);
        (trace.wires().to_vec(), wires, trace.tamper().decompositions.clone())
    }

    /// Constraints that wires break.
    pub fn broken(&self, wires: &[Fr]) -> Vec<usize> {
        let holds = |row: &[Combination<Fr>; 3]| {
            let [a, b, c] = [0, 1, 2].map(|side| evaluate(&row[side], wires));
            a * b == c
        };
        let rows = self.rows().iter().enumerate();
        rows.filter(|(_, row)| !holds(row)).map(|(number, _)| number).collect()
    }

    /// The public wire that a constraint compares a commitment with, if it does.
    fn compares(&self, row: usize) -> Option<usize> {
        let [_, _, c] = &self.rows()[row];
        let public = |wire: u32| wire >= 1 && wire as usize <= self.compiled.r1cs.public();
        match c[..] {
            [(wire, _)] if public(wire) => Some(wire as usize),
            _ => None,
        }
    }

    /// What a fault comes to, with the public commitments that suit it best.
    pub fn outcome(&self, fault: &Fault) -> Outcome {
        let (wires, of, _) = self.run(fault);
        let (mut broken, mut unequal, mut public) = (Vec::new(), Vec::new(), self.public);
        for row in self.broken(&wires) {
            // no other constraint has these public wires, so all but these stay as they are
            let suits = evaluate(&self.rows()[row][0], &wires);
            match self.compares(row) {
                Some(2) => public.root = suits,
                Some(6) => public.weights = suits,
                Some(7) => public.update = suits,
                _ => {
                    broken.push(row);
                    continue;
                }
            }
            unequal.push(row);
        }
        let truth = broken.len() > 1 || self.is_true(&public, &of);
        Outcome { public, broken, unequal, truth, wires: of }
    }

    /// Whether it is a lie that is told with one of the honest commitments instead.
    pub fn is_lie_with_honest(&self, row: usize, outcome: &Outcome) -> bool {
        let mut public = outcome.public;
        match self.compares(row) {
            Some(2) => public.root = self.public.root,
            Some(6) => public.weights = self.public.weights,
            _ => public.update = self.public.update,
        }
        !self.is_true(&public, &outcome.wires)
    }

    /// Recomputes natively what the public inputs say of rows, weights and update.
    pub fn is_true(&self, public: &Public<Fr>, wires: &Wires<Fr>) -> bool {
        let Compiled { spec, hashes, .. } = &self.compiled;
        let bits = |wires: &[Fr]| -> Option<Vec<bool>> {
            let bit = |x: &Fr| (x.is_zero() || *x == Fr::ONE).then(|| !x.is_zero());
            wires.iter().map(bit).collect()
        };
        let (Some(rows), Some(weights), Some(update)) =
            (bits(&wires.rows), bits(&wires.weights), bits(&wires.update))
        else {
            return false;
        };
        let depth = spec.depth as usize;
        let (path, salts) = wires.free.split_at(depth);
        let mut node = commit(hashes, LEAF, salts[0], &rows);
        for (level, sibling) in path.iter().enumerate() {
            node = match public.block >> level & 1 {
                0 => hashes.parent(node, *sibling),
                _ => hashes.parent(*sibling, node),
            };
        }
        let committed = node == public.root
            && commit(hashes, WEIGHTS, salts[1], &weights) == public.weights
            && commit(hashes, UPDATE, salts[2], &update) == public.update;
        let Some(rows) = decode_rows(spec, &rows) else { return false };
        let weights = decode(&weights, spec.weight_bits);
        let gradient = spec.gradient(&weights, &rows, &mut Vec::new());
        let expected = spec.update(public.step(), &gradient);
        committed && expected == decode(&update, UPDATE_BITS + 1)
    }
}

/// Numbers of `width` bits, shifted to have a sign.
fn decode(bits: &[bool], width: u32) -> Vec<i32> {
    let number = |bits: &[bool]| {
        bits.iter().rev().fold(0_i64, |sum, bit| 2 * sum + i64::from(*bit)) - (1 << (width - 1))
    };
    bits.chunks(width as usize).map(|bits| number(bits) as i32).collect()
}

fn decode_rows(spec: &Spec, bits: &[bool]) -> Option<Rows> {
    let mut rows = Rows::default();
    for row in bits.chunks(spec.row_width()) {
        let (features, targets) = row.split_at(spec.features * spec.feature_bits as usize);
        rows.features.extend(decode(features, spec.feature_bits));
        match spec.targets {
            Targets::Numbers { bits } => rows.targets.extend(decode(targets, bits)),
            Targets::Classes => {
                let ones = targets.iter().filter(|bit| **bit).count();
                if spec.outputs > 1 && ones != 1 {
                    return None;
                }
                rows.targets.extend(targets.iter().map(|bit| i32::from(*bit)));
            }
        }
    }
    Some(rows)
}

/// The honest witness is one.
pub fn check_honest(subject: &Subject) {
    let outcome = subject.outcome(&Fault::default());
    assert!(outcome.broken.is_empty() && outcome.unequal.is_empty() && outcome.truth);
    assert_eq!(outcome.public, subject.public);
    assert_eq!(signed(-Fr::from(5)), -5);
    assert_eq!(signed(Fr::ZERO), 0);
}
