//! A rank-one constraint system: products of two linear combinations that must equal a third.

use ark_ff::PrimeField;
use tacit_core::error::Error;
use tacit_core::limits;

/// Wires with their coefficients.
pub type Combination<F> = Vec<(u32, F)>;

/// Constraints ⟨a, w⟩ · ⟨b, w⟩ = ⟨c, w⟩ on the wires w. Wire 0 is the constant one, then come the
/// public wires, then the private ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct R1cs<F> {
    public: usize,
    variables: usize,
    constraints: Vec<[Combination<F>; 3]>,
}

impl<F: PrimeField> R1cs<F> {
    /// `public` counts without the constant wire, `variables` with it; every wire that is named
    /// must exist.
    pub fn new(
        public: usize,
        variables: usize,
        constraints: Vec<[Combination<F>; 3]>,
    ) -> Result<Self, Error> {
        let bad =
            |expected: String, found: String| Error::caller("constraint system", expected, found);
        if public >= variables {
            let expected = format!("at least {} wires for {public} public ones", public + 1);
            return Err(bad(expected, variables.to_string()));
        }
        if variables > limits::CIRCUIT_WIRES {
            return Err(bad(
                format!("at most {} wires", limits::CIRCUIT_WIRES),
                variables.to_string(),
            ));
        }
        if constraints.is_empty() || constraints.len() + variables > limits::CIRCUIT_WIRES * 2 {
            let expected = format!("1 to {} constraints", limits::CIRCUIT_WIRES);
            return Err(bad(expected, constraints.len().to_string()));
        }
        let wires = constraints.iter().flatten().flatten().map(|&(wire, _)| wire as usize);
        match wires.max() {
            Some(wire) if wire >= variables => {
                Err(bad(format!("wires below {variables}"), format!("wire {wire}")))
            }
            _ => Ok(Self { public, variables, constraints }),
        }
    }

    /// Public wires, without the constant.
    pub fn public(&self) -> usize {
        self.public
    }

    /// All wires, with the constant.
    pub fn variables(&self) -> usize {
        self.variables
    }

    /// The constraints.
    pub fn constraints(&self) -> &[[Combination<F>; 3]] {
        &self.constraints
    }

    /// Logarithm of the size of the domain that holds one row for each constraint, each public
    /// wire and the constant.
    pub fn log_domain(&self) -> u32 {
        (self.constraints.len() + self.public + 1).next_power_of_two().trailing_zeros()
    }

    /// The first constraint that these wires break, `None` if they satisfy all; the constant must
    /// be one.
    pub fn broken(&self, witness: &[F]) -> Option<usize> {
        if witness.len() != self.variables || witness.first() != Some(&F::ONE) {
            return Some(0);
        }
        let [a, b, c] =
            [0, 1, 2].map(|side| move |row: &[Combination<F>; 3]| evaluate(&row[side], witness));
        self.constraints.iter().position(|row| a(row) * b(row) != c(row))
    }

    /// Whether these wires satisfy every constraint.
    pub fn is_satisfied(&self, witness: &[F]) -> bool {
        self.broken(witness).is_none()
    }
}

/// The value of a combination; its wires must exist.
pub(crate) fn evaluate<F: PrimeField>(combination: &[(u32, F)], witness: &[F]) -> F {
    let mut sum = F::ZERO;
    for (wire, coefficient) in combination {
        let value = witness.get(*wire as usize).copied().unwrap_or_default();
        sum += if coefficient.is_one() { value } else { value * coefficient };
    }
    sum
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ark_bn254::Fr;
    use ark_ff::Field;

    /// x³ + x + 5 = y with y public, wires 1, y, x, x², x³.
    pub fn cubic<F: PrimeField>() -> R1cs<F> {
        let one = F::ONE;
        let rows = vec![
            [vec![(2, one)], vec![(2, one)], vec![(3, one)]],
            [vec![(3, one)], vec![(2, one)], vec![(4, one)]],
            [vec![(4, one), (2, one), (0, F::from(5_u64))], vec![(0, one)], vec![(1, one)]],
        ];
        R1cs::new(1, 5, rows).unwrap()
    }

    /// Its wires for an x.
    pub fn cubic_witness<F: PrimeField>(x: u64) -> Vec<F> {
        let x = F::from(x);
        vec![F::ONE, x.pow([3]) + x + F::from(5_u64), x, x.square(), x.pow([3])]
    }

    #[test]
    fn satisfied_only_by_the_truth() {
        let cubic = cubic::<Fr>();
        let witness = cubic_witness::<Fr>(3);
        assert!(cubic.is_satisfied(&witness));
        for wire in 0..witness.len() {
            let mut wrong = witness.clone();
            wrong[wire] += Fr::ONE;
            assert!(!cubic.is_satisfied(&wrong), "wire {wire}");
        }
        assert!(!cubic.is_satisfied(&witness[..4]));
        assert_eq!(cubic.log_domain(), 3);
    }

    #[test]
    fn only_wires_that_exist() {
        let row = |wire| vec![[vec![(wire, Fr::ONE)], vec![], vec![]]];
        assert!(R1cs::new(1, 2, row(1)).is_ok());
        assert!(R1cs::new(1, 2, row(2)).is_err());
        assert!(R1cs::new(2, 2, row(1)).is_err());
        assert!(R1cs::<Fr>::new(0, 1, vec![]).is_err());
        assert!(R1cs::new(1, usize::MAX, row(1)).is_err());
    }
}
