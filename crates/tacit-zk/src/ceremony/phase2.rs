//! The second phase: δ of one circuit's key (Bowe, Gabizon and Miers 2017, section 6; the hashes
//! and keys are those of circom's tools). Whoever contributes multiplies δ with a secret of its
//! own, divides by it what is over δ, and shows that it knows it.

use super::blake::Blake2b;
use super::derive::{Draw, Shown, Stream, base};
use super::points::{generators, uncompressed};
use super::prepare::basis;
use super::ptau::Ptau;
use super::ratio::{Claims, Coins};
use super::share::{Share, is_contributed};
use super::zkey::{Delta, WHAT, Zkey, coefficients};
use crate::curve::Engine;
use crate::r1cs::R1cs;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{Field, PrimeField};
use rayon::prelude::*;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use zeroize::Zeroizing;

/// δ.
pub(crate) const SECRETS: usize = 1;

/// Terms from which one multi-scalar multiplication is cheaper than many multiplications.
const MANY: usize = 48;

/// Rows of one side's column of a wire, with their coefficients.
type Column<F> = Vec<(u32, F)>;

/// The key of a circuit before anybody contributed: δ = 1. Refuses powers whose secrets everybody
/// can compute.
pub(crate) fn begin<E: Engine>(
    r1cs: &R1cs<E::ScalarField>,
    powers: &Ptau<E>,
    entropy: &mut dyn Entropy,
) -> Result<Zkey<E>, Error> {
    if !is_contributed(powers.contributions.iter().map(|made| &made.share)) {
        let found = "nobody's, or a beacon's alone";
        return Err(Error::caller("powers of tau", "a contributor's", found));
    }
    let log = r1cs.log_domain();
    let basis = basis::<E>(powers, log, &mut Coins::new(entropy)?)?;
    let [u, v, w] = columns(r1cs);
    let query = |column: &[Column<_>], basis: &[E::G1Affine]| many::<E::G1>(column, basis);
    let parts: Vec<E::G1> = (u.par_iter().zip(&v).zip(&w))
        .map(|((u, v), w)| {
            let [u, v] = [(u, &basis.beta_g1), (v, &basis.alpha_g1)]
                .map(|(column, basis)| combine::<E::G1>(column, basis));
            u + v + combine::<E::G1>(w, &basis.tau_g1)
        })
        .collect();
    let mut ic = E::G1::normalize_batch(&parts);
    let l = ic.split_off(r1cs.public() + 1);
    let (one, two) = generators::<E>();
    let mut key = Zkey {
        public: r1cs.public(),
        alpha_g1: powers.alpha_g1[0],
        beta_g1: powers.beta_g1[0],
        beta_g2: powers.beta_g2,
        gamma_g2: two,
        delta_g1: one,
        delta_g2: two,
        ic,
        coefficients: coefficients(r1cs),
        a: query(&u, &basis.tau_g1),
        b1: query(&v, &basis.tau_g1),
        b2: many::<E::G2>(&v, &basis.tau_g2),
        l,
        h: basis.odd_g1,
        circuit: [0; 64],
        contributions: Vec::new(),
    };
    key.circuit = circuit_hash(&key, powers, log);
    Ok(key)
}

/// The three sides by wire instead of by row.
fn columns<F: PrimeField>(r1cs: &R1cs<F>) -> [Vec<Column<F>>; 3] {
    let mut columns = [0; 3].map(|_| vec![Vec::new(); r1cs.variables()]);
    for (row, sides) in r1cs.constraints().iter().enumerate() {
        for (columns, combination) in columns.iter_mut().zip(sides) {
            for (wire, coefficient) in combination {
                columns[*wire as usize].push((row as u32, *coefficient));
            }
        }
    }
    for (wire, column) in columns[0].iter_mut().enumerate().take(r1cs.public() + 1) {
        column.push(((r1cs.constraints().len() + wire) as u32, F::ONE));
    }
    columns
}

fn many<G>(columns: &[Column<G::ScalarField>], basis: &[G::Affine]) -> Vec<G::Affine>
where
    G: CurveGroup + VariableBaseMSM<MulBase = G::Affine>,
{
    let sums: Vec<G> = columns.par_iter().map(|column| combine::<G>(column, basis)).collect();
    G::normalize_batch(&sums)
}

fn combine<G>(column: &[(u32, G::ScalarField)], basis: &[G::Affine]) -> G
where
    G: CurveGroup + VariableBaseMSM<MulBase = G::Affine>,
{
    let point = |row: &u32| basis[*row as usize];
    if column.len() >= MANY {
        let points: Vec<G::Affine> = column.iter().map(|(row, _)| point(row)).collect();
        let coefficients: Vec<_> = column.iter().map(|(_, coefficient)| *coefficient).collect();
        return G::msm_unchecked(&points, &coefficients);
    }
    column.iter().fold(G::zero(), |sum, (row, coefficient)| sum + times(point(row), *coefficient))
}

/// Most coefficients are small, or become so when negated.
fn times<P: AffineRepr>(point: P, coefficient: P::ScalarField) -> P::Group {
    let small = |of: P::ScalarField| {
        let integer = of.into_bigint();
        let limbs = integer.as_ref();
        limbs.iter().skip(1).all(|limb| *limb == 0).then(|| limbs[0])
    };
    match (small(coefficient), small(-coefficient)) {
        (Some(factor), _) => point.mul_bigint([factor]),
        (_, Some(factor)) => -point.mul_bigint([factor]),
        _ => point * coefficient,
    }
}

/// The hash over a key that nobody contributed to. For the vanishing polynomial's multiples it has
/// τⁱ⁺ⁿ − τⁱ; of domains above 2¹⁴ circom's tools hash one more than there are, where the powers
/// reach.
fn circuit_hash<E: Engine>(key: &Zkey<E>, powers: &Ptau<E>, log: u32) -> [u8; 64] {
    const PIECE: usize = 1 << 14;
    let mut hash = Blake2b::new();
    hash.update(&uncompressed(&[key.alpha_g1, key.beta_g1]));
    hash.update(&uncompressed(&[key.beta_g2, key.gamma_g2]));
    hash.update(&uncompressed(&[key.delta_g1]));
    hash.update(&uncompressed(&[key.delta_g2]));
    let counted = |hash: &mut Blake2b, points: &[E::G1Affine]| {
        hash.update(&(points.len() as u32).to_be_bytes());
        hash.update(&uncompressed(points));
    };
    counted(&mut hash, &key.ic);
    let size = 1_usize << log;
    let available = powers.tau_g1.len() - size;
    let count = if size > PIECE { size.min(available) } else { size - 1 };
    let high = powers.tau_g1[size..size + count].par_iter();
    let differences: Vec<E::G1> =
        high.zip(&powers.tau_g1).map(|(high, low)| high.into_group() - low).collect();
    hash.update(&(size as u32 - 1).to_be_bytes());
    hash.update(&uncompressed(&E::G1::normalize_batch(&differences)));
    counted(&mut hash, &key.l);
    counted(&mut hash, &key.a);
    counted(&mut hash, &key.b1);
    hash.update(&(key.b2.len() as u32).to_be_bytes());
    hash.update(&uncompressed(&key.b2));
    hash.finish()
}

/// Multiplies δ with a contributor's.
pub(crate) fn contribute<E: Engine>(
    before: &Zkey<E>,
    draw: &mut Draw<E::ScalarField>,
    share: Share,
) -> Result<Zkey<E>, Error> {
    let Draw { secrets, stream } = draw;
    let [delta] = &secrets[..] else { return Err(Error::Bug("one secret")) };
    let mut inverse = Zeroizing::new(*delta);
    inverse.inverse_in_place().ok_or(Error::Bug("a drawn secret is not zero"))?;
    let (s, sx) = base::<E>(stream, delta);
    let transcript = challenge(before, before.contributions.len(), s, sx);
    let sp: E::G2Affine = Stream::new(&transcript).point();
    let key = Shown { s, sx, spx: (sp * delta).into_affine() };
    let mut after = before.clone();
    after.delta_g1 = (before.delta_g1 * delta).into_affine();
    after.delta_g2 = (before.delta_g2 * delta).into_affine();
    for points in [&mut after.l, &mut after.h] {
        points.par_chunks_mut(256).for_each(|piece| {
            let products: Vec<E::G1> = piece.iter().map(|point| *point * *inverse).collect();
            piece.copy_from_slice(&E::G1::normalize_batch(&products));
        });
    }
    after.contributions.push(Delta { after: after.delta_g1, key, transcript, share });
    Ok(after)
}

/// What contribution number `index` answers.
fn challenge<E: Engine>(key: &Zkey<E>, index: usize, s: E::G1Affine, sx: E::G1Affine) -> [u8; 64] {
    let mut hash = Blake2b::new();
    hash.update(&key.circuit);
    key.contributions.iter().take(index).for_each(|delta| hash.update(&delta.hashed()));
    hash.update(&uncompressed(&[s, sx]));
    hash.finish()
}

/// Checks a key against the circuit's own before anybody contributed, that is to be derived from
/// the circuit and the powers by whoever verifies.
pub(crate) fn verify<E: Engine>(
    first: &Zkey<E>,
    key: &Zkey<E>,
    entropy: &mut dyn Entropy,
) -> Result<(), Error> {
    let bad = |found: String| Error::caller(WHAT, "the circuit's key with contributed δ", found);
    let mut coins = Coins::new(entropy)?;
    let (one, two) = generators::<E>();
    let mut last = one;
    for (index, delta) in key.contributions.iter().enumerate() {
        let shown = &delta.key;
        if delta.transcript != challenge(key, index, shown.s, shown.sx) {
            return Err(bad(format!("contribution {} to another transcript", index + 1)));
        }
        let sp: E::G2Affine = Stream::new(&delta.transcript).point();
        let mut claims = Claims::<E>::new();
        claims.same(&mut coins, (shown.s, shown.sx), (sp, shown.spx));
        claims.same(&mut coins, (last, delta.after), (sp, shown.spx));
        if !claims.hold() {
            return Err(bad(format!("contribution {} that does not follow", index + 1)));
        }
        if let Some(of) = &delta.share.beacon {
            let Draw { secrets, mut stream } = Draw::<E::ScalarField>::beacon(SECRETS, of)?;
            if base::<E>(&mut stream, &secrets[0]) != (shown.s, shown.sx) {
                return Err(bad(format!("contribution {} not of its beacon", index + 1)));
            }
        }
        last = delta.after;
    }
    if !same_circuit(first, key) {
        return Err(bad("another circuit or other powers".into()));
    }
    let mut claims = Claims::<E>::new();
    claims.same(&mut coins, (one, key.delta_g1), (two, key.delta_g2));
    for (before, after) in [(&first.l, &key.l), (&first.h, &key.h)] {
        over_delta(&mut claims, &mut coins, (before, after), key.delta_g2);
    }
    if last != key.delta_g1 || !claims.hold() {
        return Err(bad("a δ that is not what was contributed".into()));
    }
    Ok(())
}

/// Everything that no contribution changes, and the counts of what they do.
fn same_circuit<E: Engine>(first: &Zkey<E>, key: &Zkey<E>) -> bool {
    first.circuit == key.circuit
        && first.public == key.public
        && (first.alpha_g1, first.beta_g1) == (key.alpha_g1, key.beta_g1)
        && (first.beta_g2, first.gamma_g2) == (key.beta_g2, key.gamma_g2)
        && first.ic == key.ic
        && first.coefficients == key.coefficients
        && first.a == key.a
        && first.b1 == key.b1
        && first.b2 == key.b2
        && (first.l.len(), first.h.len()) == (key.l.len(), key.h.len())
}

/// Claims that every point was divided by δ; points of wires in no constraint stay the identity.
fn over_delta<E: Engine>(
    claims: &mut Claims<E>,
    coins: &mut Coins,
    (before, after): (&[E::G1Affine], &[E::G1Affine]),
    delta: E::G2Affine,
) {
    if before.iter().all(AffineRepr::is_zero) && after.iter().all(AffineRepr::is_zero) {
        return;
    }
    let coins_of: Vec<E::ScalarField> = coins.take(before.len());
    let [before, after] =
        [before, after].map(|points| E::G1::msm_unchecked(points, &coins_of).into_affine());
    claims.same(coins, (after, before), (E::G2Affine::generator(), delta));
}
