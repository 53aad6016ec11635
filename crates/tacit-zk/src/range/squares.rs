//! The proof that a commitment is to the sum of the squares of committed values: an inner product
//! of the values with themselves (Bünz et al. 2018, section 3, with the argument of
//! [`super::weighted`]).
//!
//! For commitments Cⱼ to vⱼ with blindings rⱼ, and S to s: the prover commits to the values once
//! more, twice, in A = Σ vⱼ Gⱼ + Σ vⱼ Hⱼ + α H. With challenges y and z,
//!
//! P = A + z Σ yʲ⁺¹ Gⱼ + z² Σ yʲ⁺¹ Hⱼ + S + (z + z²) Σ yʲ⁺¹ Cⱼ + z³ Σ y²⁽ʲ⁺¹⁾ B
//!
//! is opened by the inner product argument only if ⟨u + z λ, w + z² λ⟩ = s + (z + z²) ⟨λ, v⟩ +
//! z³ ⟨λ, λ⟩, where λⱼ = yʲ⁺¹, and A is to u and w. As polynomials in y and z: coefficients of z
//! say that w is v, those of z² that u is v, and the rest that ⟨u, w⟩ is s. Places behind the last
//! value, up to a power of two, count as values 0 to which everybody knows the commitment.
//!
//! This holds modulo the group's order. That the values lie in an interval, which is proved beside
//! it, makes it hold for integers, as long as no such sum reaches the order.

use super::bases::Bases;
use super::equation::Equation;
use super::parallel;
use super::spoken::{ELEMENT, Nonces, challenge, malformed, open, powers, say};
use super::weighted::{Challenges, Opened, Secret, Weighted};
use crate::pedersen::{blinding_base, commit, scalar};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use tacit_core::error::{Error, Refusal};
use tacit_core::traits::Entropy;
use tari_merlin::Transcript;

/// The proof for one list of commitments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Squares {
    /// The commitment to the sum of squares.
    pub sum: CompressedRistretto,
    a: CompressedRistretto,
    argument: Weighted,
}

/// What opens [`Squares::sum`].
pub(crate) struct Sum {
    pub value: i128,
    pub blinding: Scalar,
}

/// What a verifier keeps of a proof between hearing it and checking it.
pub(crate) struct Heard {
    y: Scalar,
    z: Scalar,
    pub argument: Challenges,
}

/// λ, as long as the vectors.
fn lambda(y: Scalar, count: usize) -> Vec<Scalar> {
    powers(y, count.next_power_of_two() + 1).split_off(1)
}

impl Squares {
    /// Bytes of a proof for so many commitments.
    pub fn bytes(count: usize) -> usize {
        2 * ELEMENT + Weighted::bytes(count)
    }

    /// Proves the sum of squares of `values`, of which commitments with `blindings` are known.
    pub fn prove(
        transcript: &mut Transcript,
        bases: &Bases,
        (values, blindings): (&[i64], &[Scalar]),
        entropy: &mut dyn Entropy,
    ) -> Result<(Self, Sum), Error> {
        let places = values.len().next_power_of_two();
        let mut v = Secret::new(values.iter().map(|value| scalar((*value).into())).collect());
        v.resize(places, Scalar::ZERO);
        if values.is_empty() || blindings.len() != values.len() || bases.g.len() < places {
            return Err(Error::Bug("values and blindings of different numbers"));
        }
        let square = |value: &i64| i128::from(*value).pow(2);
        let sum = values.iter().map(square).sum();
        Self::argue(transcript, bases, (v.clone(), v), (sum, blindings), entropy)
    }

    /// The protocol, which is the same for two vectors that are not the committed values.
    fn argue(
        transcript: &mut Transcript,
        bases: &Bases,
        (mut left, mut right): (Secret, Secret),
        (sum, blindings): (i128, &[Scalar]),
        entropy: &mut dyn Entropy,
    ) -> Result<(Self, Sum), Error> {
        let (places, count) = (left.len(), blindings.len());
        transcript.append_message(b"dom-sep", b"tacit sum of squares");
        transcript.append_u64(b"count", count as u64);
        let mut nonces = Nonces::new(transcript, left.iter().chain(blindings), entropy)?;
        let sum = Sum { value: sum, blinding: nonces.next() };
        let mut alpha = nonces.next();
        let of = parallel::sum(&left, &bases.g[..places]);
        let of = of + parallel::sum(&right, &bases.h[..places]);
        let a = (of + blinding_base() * alpha).compress();
        let committed = commit(&scalar(sum.value), &sum.blinding).compress();
        say(transcript, b"S", &committed)?;
        say(transcript, b"A", &a)?;
        let (y, z) = (challenge(transcript, b"y")?, challenge(transcript, b"z")?);
        let lambda = lambda(y, count);
        for ((left, right), lambda) in left.iter_mut().zip(right.iter_mut()).zip(&lambda) {
            *left += z * lambda;
            *right += z * z * lambda;
        }
        let lots = lambda.iter().zip(blindings).map(|(lambda, r)| lambda * r);
        alpha += sum.blinding + (z + z * z) * lots.sum::<Scalar>();
        let opened = Opened { a: left, b: right, alpha };
        let argument = Weighted::prove(transcript, &mut nonces, bases, Scalar::ONE, opened)?;
        Ok((Self { sum: committed, a, argument }, sum))
    }

    /// What somebody gets who argues for any vectors and any sum.
    #[cfg(test)]
    pub fn forge(
        transcript: &mut Transcript,
        bases: &Bases,
        (left, right): (Vec<Scalar>, Vec<Scalar>),
        (sum, blindings): (i128, &[Scalar]),
        entropy: &mut dyn Entropy,
    ) -> Self {
        let vectors = (Secret::new(left), Secret::new(right));
        Self::argue(transcript, bases, vectors, (sum, blindings), entropy).unwrap().0
    }

    /// Takes the proof's part in the transcript.
    pub fn hear(&self, transcript: &mut Transcript, count: usize) -> Result<Heard, Refusal> {
        transcript.append_message(b"dom-sep", b"tacit sum of squares");
        transcript.append_u64(b"count", count as u64);
        say(transcript, b"S", &self.sum)?;
        say(transcript, b"A", &self.a)?;
        let (y, z) = (challenge(transcript, b"y")?, challenge(transcript, b"z")?);
        Ok(Heard { y, z, argument: self.argument.challenges(transcript, count)? })
    }

    /// Adds the proof to an equation, times `weight`.
    pub fn check(
        &self,
        heard: &Heard,
        commitments: &[RistrettoPoint],
        weight: Scalar,
        equation: &mut Equation,
    ) -> Result<(), Refusal> {
        let Heard { y, z, argument } = heard;
        let factor = self.argument.check(argument, (weight, Scalar::ONE), equation)?;
        equation.point(factor, open(&self.a)?);
        equation.point(factor, open(&self.sum)?);
        let (z2, lambda) = (z * z, lambda(*y, commitments.len()));
        for (i, lambda) in lambda.iter().enumerate() {
            equation.g[i] += factor * z * lambda;
            equation.h[i] += factor * z2 * lambda;
        }
        let both = factor * (z + z2);
        for (commitment, lambda) in commitments.iter().zip(&lambda) {
            equation.point(both * lambda, *commitment);
        }
        let square = lambda.iter().map(|lambda| lambda * lambda).sum::<Scalar>();
        equation.value += factor * z * z2 * square;
        Ok(())
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.sum.as_bytes());
        self.argument.write(&self.a, out);
    }

    /// The way back, for so many commitments.
    pub fn read(bytes: &[u8], count: usize) -> Result<Self, Refusal> {
        let (sum, rest) = bytes.split_first_chunk().ok_or_else(malformed)?;
        let (a, argument) = Weighted::read(rest, count)?;
        Ok(Self { sum: CompressedRistretto(*sum), a, argument })
    }
}

/// The commitment to the sum of all of them.
pub(crate) fn total(blocks: &[Squares]) -> Result<RistrettoPoint, Refusal> {
    let mut total = RistrettoPoint::identity();
    for block in blocks {
        total += open(&block.sum)?;
    }
    Ok(total)
}
