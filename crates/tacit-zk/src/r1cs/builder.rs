//! What circuits are written against. One function describes a circuit; run with
//! [`Shape`](super::Shape) it gives the constraints, run with [`Trace`](super::Trace) the wires of
//! one witness. Neither the number of wires nor any constraint can depend on a witness, as values
//! are only seen inside closures that [`Shape`](super::Shape) never calls.
//!
//! Integers are told apart from field elements: of every integer wire it is known within which
//! bounds it lies in *every* satisfying assignment, and a circuit in which one could exceed ±2¹²⁶
//! is refused. As both fields are larger than 2²⁵³, no sum of integers wraps, and what holds for
//! field elements holds for the integers.

use ark_ff::{BigInteger, PrimeField};

/// Inclusive bounds of an integer wire.
pub type Bounds = (i128, i128);

/// Bits of a field element that packing may fill: fewer than either field has.
pub const PACKED_BITS: usize = 248;

/// Builds a circuit, or runs it.
pub trait Builder<F: PrimeField> {
    /// A linear combination of wires.
    type Wire: Clone;
    /// A constant integer.
    fn integer(&mut self, value: i128) -> Self::Wire;
    /// Σ factor · wire + constant over integers, whose bounds follow.
    fn sum(&mut self, terms: &[(i128, &Self::Wire)], constant: i128) -> Self::Wire;
    /// Σ factor · wire + constant over the field: no integer any more.
    fn mix(&mut self, terms: &[(F, &Self::Wire)], constant: F) -> Self::Wire;
    /// A public wire; all of them come before any other. Whoever verifies keeps to the bounds.
    fn public(&mut self, bounds: Option<Bounds>, value: impl FnOnce() -> F) -> Self::Wire;
    /// A wire that nothing constrains yet; the bounds are a promise of the caller, who must
    /// enforce them.
    fn wire(&mut self, bounds: Option<Bounds>, value: impl FnOnce() -> F) -> Self::Wire;
    /// a · b = c.
    fn enforce(&mut self, a: &Self::Wire, b: &Self::Wire, c: &Self::Wire);
    /// The bounds of a product, both or either of which may be field elements.
    fn product_bounds(&mut self, a: &Self::Wire, b: &Self::Wire) -> Option<Bounds>;
    /// The value of a wire; zero where there is none.
    fn value(&self, wire: &Self::Wire) -> F;
    /// Values of the bits of an integer, lowest first.
    fn digits(&mut self, value: F, width: u32) -> Vec<F> {
        let bits = value.into_bigint();
        (0..width as usize).map(|bit| F::from(bits.get_bit(bit))).collect()
    }
    /// The same wire with tighter bounds, which the caller has reasons for.
    fn promise(&mut self, wire: &Self::Wire, bounds: Bounds) -> Self::Wire;
    /// Refuses the circuit.
    fn refuse(&mut self, why: &'static str);
}

/// The integer that a field element stands for, the nearest to zero; what exceeds 126 bits is cut.
pub fn signed<F: PrimeField>(value: F) -> i128 {
    let low = |value: F| {
        let limbs = value.into_bigint();
        let limbs = limbs.as_ref();
        let limb = |i: usize| limbs.get(i).copied().map_or(0, u128::from);
        ((limb(0) | limb(1) << 64) & ((1 << 126) - 1)) as i128
    };
    if value.into_bigint() > F::MODULUS_MINUS_ONE_DIV_TWO { -low(-value) } else { low(value) }
}

/// The field element of an integer.
pub fn element<F: PrimeField>(value: i128) -> F {
    F::from(value)
}
