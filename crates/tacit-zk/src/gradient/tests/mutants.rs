//! Nothing but the truth satisfies the circuits, and no constraint of them is there for nothing.

use super::faults::{Fault, Subject, check_honest};
use super::world::{World, small};
use crate::gradient::spec::{Kind, Spec, Targets};
use crate::gradient::terms::Compiled;
use crate::poseidon::{Hashes, NODE, Poseidon, WIDE};
use crate::r1cs::{Combination, evaluate};
use ark_bn254::{Bn254, Fr};
use ark_ff::{Field, Zero};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// One small circuit of each kind; `TACIT_CIRCUITS=all` has more of them.
fn specs() -> Vec<Spec> {
    let targets = Targets::Numbers { bits: 5 };
    let mut specs = vec![Spec { targets, ..small(Kind::Linear, 1) }, small(Kind::Logistic, 3)];
    if std::env::var_os("TACIT_CIRCUITS").is_some() {
        specs.extend([small(Kind::Linear, 1), small(Kind::Linear, 3), small(Kind::Logistic, 1)]);
    }
    // two bits of a block's number, so that one can make up for the other
    specs.into_iter().map(|spec| Spec { depth: 2, ..spec }).collect()
}

/// Enough lanes for a salt and two elements: what is true of these permutations' constraints is of
/// wider ones, which are made by the same function.
const NARROW: usize = 4;

/// Worlds in which an update is clipped, is not, and errors saturate.
fn subjects(spec: &Spec, width: usize) -> Vec<Subject> {
    let worlds = [(0.9, 1.0), (0.3, 1.0), (100.0, 1.0), (0.7, 20.0)].map(|(part, stretch)| {
        let mut world = World::new::<Bn254>(spec.clone(), 11);
        // no salt is zero
        world.terms.hidden_weights = true;
        world.stretch(stretch);
        world.settle::<Bn254>();
        let norm = world.update.iter().map(|u| f64::from(u * u)).sum::<f64>().sqrt();
        world.terms.clip_norm = (part * norm).min(15.0);
        world.settle::<Bn254>();
        world
    });
    worlds.iter().map(|world| Subject::new(world, width)).collect()
}

fn changes() -> Vec<Fr> {
    let powers =
        [0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 26, 32, 38, 44].map(|bits| Fr::from(1_u64 << bits));
    powers.into_iter().flat_map(|x| [x, -x]).chain([Fr::from(0x5bd1_e995_u64).square()]).collect()
}

/// A cell that is changed alone breaks a constraint.
#[test]
fn no_cell_can_be_changed() {
    for spec in specs() {
        for subject in subjects(&spec, WIDE) {
            check_honest(&subject);
            let (wires, ..) = subject.run(&Fault::default());
            let mut named = vec![Vec::new(); wires.len()];
            for (number, row) in subject.rows().iter().enumerate() {
                let terms = row.iter().flatten();
                terms.for_each(|(wire, _)| named[*wire as usize].push(number));
            }
            let private = subject.compiled.r1cs.public() + 1..wires.len();
            private.into_par_iter().for_each(|wire| {
                let mut wires = wires.clone();
                let honest = wires[wire];
                for change in changes().into_iter().chain([Fr::ONE - honest - honest]) {
                    wires[wire] = honest + change;
                    let breaks = |row: &usize| {
                        let row = &subject.rows()[*row];
                        let [a, b, c] = [0, 1, 2].map(|side| evaluate(&row[side], &wires));
                        a * b != c
                    };
                    assert!(named[wire].iter().any(breaks), "wire {wire} of {spec:?}");
                }
            });
        }
    }
}

/// Searches for constraints without which something false could be proved.
struct Hunt<'a> {
    subject: &'a Subject,
    /// Rows of which a wire is the last.
    own: Vec<Vec<usize>>,
    needed: &'a Mutex<BTreeSet<usize>>,
}

impl Hunt<'_> {
    /// Whether nothing is left to be found by a wire's rows; never for wires without.
    fn is_done(&self, wire: usize) -> bool {
        let needed = self.needed.lock().unwrap();
        !self.own[wire].is_empty() && self.own[wire].iter().all(|row| needed.contains(row))
    }

    /// Every lie about a cell with all that follows from it; then turned digits that another one
    /// makes up for.
    fn run(&self) {
        let (wires, _, decompositions) = self.subject.run(&Fault::default());
        let first = self.subject.compiled.r1cs.public() + 1;
        (first..wires.len()).into_par_iter().for_each(|wire| {
            let turned = Fr::ONE - wires[wire] - wires[wire];
            for change in [turned].into_iter().chain(changes()) {
                if self.is_done(wire) {
                    return;
                }
                self.judge(&Fault { add: vec![(wire, change)], ..Fault::default() });
            }
        });
        decompositions.par_iter().enumerate().for_each(|(number, (first, width))| {
            let width = *width;
            let pairs = (0..width).flat_map(|digit| {
                let below = digit.checked_sub(1).unwrap_or(width);
                [digit + 1, width - 1, digit + 2, below, 0, digit].map(|flip| (digit, flip))
            });
            for (digit, flip) in pairs {
                let (absorb, zero) = (Some((number, digit)), digit == flip);
                let flip = Some(flip).filter(|flip| !zero && *flip < width);
                if !self.is_done(first + digit) && (zero || flip.is_some()) {
                    self.judge(&Fault { absorb, flip, zero, add: Vec::new() });
                }
            }
        });
    }

    /// Lies about a number that is given and then checked, hidden in one digit of each check.
    fn run_hidden(&self) {
        let (wires, of, decompositions) = self.subject.run(&Fault::default());
        let first = self.subject.compiled.r1cs.public() + 1;
        let given = |wire: &usize| self.own[*wire].is_empty() && !of.free.contains(&wires[*wire]);
        let given: Vec<usize> = (first..wires.len()).filter(given).collect();
        let shifts = (0..24).map(|bits| Fr::from(1_u64 << bits)).flat_map(|x| [x, -x]);
        let shifts: Vec<Fr> = shifts.chain([Fr::from(3), Fr::from(5), Fr::from(77)]).collect();
        // a product with it that stays as it was
        for (number, row) in self.subject.rows().iter().enumerate() {
            let product = |wires: &[Fr]| evaluate(&row[0], wires) * evaluate(&row[1], wires);
            let [(kept, _)] = row[2][..] else { continue };
            let names = |wire: &usize| row.iter().flatten().any(|(x, _)| *x as usize == *wire);
            for wire in given.iter().filter(|wire| names(wire) && **wire != kept as usize) {
                for shift in &shifts {
                    if self.needed.lock().unwrap().contains(&number) {
                        break;
                    }
                    let mut moved = wires.clone();
                    moved[*wire] += shift;
                    let back = product(&wires) - product(&moved);
                    let add = vec![(*wire, *shift), (kept as usize, back)];
                    self.judge(&Fault { add, ..Fault::default() });
                }
            }
        }
        decompositions.par_iter().enumerate().for_each(|(number, (first, width))| {
            for digit in (0..*width).filter(|digit| !self.is_done(first + digit)) {
                for (wire, shift) in given.iter().flat_map(|w| shifts.iter().map(move |s| (w, s))) {
                    if self.is_done(first + digit) {
                        break;
                    }
                    let (add, absorb) = (vec![(*wire, *shift)], Some((number, digit)));
                    self.judge(&Fault { add, absorb, ..Fault::default() });
                }
            }
        });
    }

    /// Rows of two classes, and less than none of a third.
    fn run_classes(&self) {
        let (wires, ..) = self.subject.run(&Fault::default());
        let spec = &self.subject.compiled.spec;
        if spec.outputs == 1 {
            return;
        }
        let first = self.subject.compiled.r1cs.public() + 1;
        for row in 1..=spec.batch {
            let targets = first + row * spec.row_width() - spec.outputs;
            for less in 0..spec.outputs {
                let value = |k: usize| match k == less {
                    true => Fr::from(2) - Fr::from(spec.outputs as u64),
                    false => Fr::ONE,
                };
                let add = (0..spec.outputs).map(|k| (targets + k, value(k) - wires[targets + k]));
                self.judge(&Fault { add: add.collect(), ..Fault::default() });
            }
        }
    }

    /// Notes the constraint that alone stands against a fault. Panics if none does.
    fn judge(&self, fault: &Fault) {
        let outcome = self.subject.outcome(fault);
        if outcome.broken.is_empty() {
            assert!(outcome.truth, "{fault:?} proves something false");
            // true of other public inputs; with an honest one it is the comparison that tells
            for row in &outcome.unequal {
                if self.subject.is_lie_with_honest(*row, &outcome) {
                    self.needed.lock().unwrap().insert(*row);
                }
            }
            return;
        }
        let ([row], false) = (&outcome.broken[..], outcome.truth) else { return };
        self.needed.lock().unwrap().insert(*row);
    }
}

/// Without any one of the constraints something false could be proved.
fn none_can_be_spared(spec: &Spec) {
    let needed = Mutex::new(BTreeSet::new());
    let mut rows = 0;
    for subject in &subjects(spec, NARROW) {
        rows = subject.rows().len();
        let mut own = vec![Vec::new(); subject.compiled.r1cs.variables()];
        for (number, row) in subject.rows().iter().enumerate() {
            let last = row.iter().flatten().map(|(wire, _)| *wire as usize).max();
            own[last.unwrap_or_default()].push(number);
        }
        let hunt = Hunt { subject, own, needed: &needed };
        hunt.run();
        hunt.run_classes();
        hunt.run_hidden();
    }
    let needed = needed.into_inner().unwrap();
    let spared: Vec<usize> = (0..rows).filter(|row| !needed.contains(row)).collect();
    let hashes = Hashes { wide: Poseidon::new(NARROW), node: Poseidon::new(NODE) };
    let compiled = Compiled::<Fr>::with(spec, hashes).unwrap();
    let show = |row: &usize| {
        let row = &compiled.r1cs.constraints()[*row];
        row.each_ref().map(|side| side.iter().map(|(wire, _)| *wire).collect::<Vec<_>>())
    };
    let shown: Vec<_> = spared.iter().take(8).map(show).collect();
    let count = spared.len();
    assert!(count == 0, "{count} of {rows} spared in {spec:?}: {spared:?}, {shown:?}");
}

#[test]
fn no_constraint_of_linear_regression_can_be_spared() {
    specs().iter().filter(|spec| spec.kind == Kind::Linear).for_each(none_can_be_spared);
}

#[test]
fn no_constraint_of_logistic_regression_can_be_spared() {
    specs().iter().filter(|spec| spec.kind == Kind::Logistic).for_each(none_can_be_spared);
}

/// Given public inputs, salts and siblings, no cell can move: the Jacobian has full column rank.
#[test]
fn no_cell_is_free() {
    for spec in specs() {
        for subject in subjects(&spec, WIDE) {
            let (wires, ..) = subject.run(&Fault::default());
            let free = free_wires(&subject, &wires);
            let first = subject.compiled.r1cs.public() + 1;
            let bound = |wire: usize| wire >= first && !free.contains(&wire);
            let mut pivots: BTreeMap<usize, BTreeMap<usize, Fr>> = BTreeMap::new();
            for row in subject.rows() {
                let row = derivative(row, &wires);
                reduce(&mut pivots, row.into_iter().filter(|(wire, _)| bound(*wire)).collect());
            }
            let loose: Vec<usize> =
                (first..wires.len()).filter(|w| bound(*w) && !pivots.contains_key(w)).collect();
            assert!(loose.is_empty(), "{loose:?} of {spec:?}");
        }
    }
}

/// Wires of salts and siblings, by their values, which are like no others.
fn free_wires(subject: &Subject, wires: &[Fr]) -> BTreeSet<usize> {
    let (_, of, _) = subject.run(&Fault::default());
    let first = subject.compiled.r1cs.public() + 1;
    let place = |value: &Fr| wires[first..].iter().position(|wire| wire == value);
    of.free.iter().filter_map(place).map(|place| place + first).collect()
}

fn derivative(row: &[Combination<Fr>; 3], wires: &[Fr]) -> BTreeMap<usize, Fr> {
    let [a, b] = [0, 1].map(|side| evaluate(&row[side], wires));
    let mut sums = BTreeMap::new();
    for (side, factor) in [(0, b), (1, a), (2, -Fr::ONE)] {
        for (wire, coefficient) in &row[side] {
            *sums.entry(*wire as usize).or_insert(Fr::from(0)) += *coefficient * factor;
        }
    }
    sums.retain(|_, x| !x.is_zero());
    sums
}

/// Subtracts rows with known last columns, and keeps what is left.
fn reduce(pivots: &mut BTreeMap<usize, BTreeMap<usize, Fr>>, mut row: BTreeMap<usize, Fr>) {
    while let Some((&last, &head)) = row.last_key_value() {
        let Some(pivot) = pivots.get(&last) else {
            pivots.insert(last, row);
            return;
        };
        let factor = head / pivot[&last];
        for (wire, x) in pivot {
            *row.entry(*wire).or_insert(Fr::from(0)) -= factor * x;
        }
        row.retain(|_, x| !x.is_zero());
    }
}
