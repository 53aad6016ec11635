//! The proof that a commitment is to the sum of the squares of committed values: an inner product
//! of the values with themselves (Bünz et al. 2018, section 3, with the argument of
//! [`super::weighted`]).
//!
//! For commitments Cⱼ to vⱼ with blindings rⱼ, the prover sends S = s B + ρ H and commits to the
//! values once more, twice, in A = Σ vⱼ Gⱼ + Σ vⱼ Hⱼ + α H. With challenges y and z, λⱼ = yʲ⁺¹ and
//!
//! P = z A + z² S + (z⁴ + z⁶) Σ λⱼ Cⱼ + z³ Σ λⱼ Gⱼ + z⁵ Σ λⱼ Hⱼ + z⁸ Σ λⱼ² B,
//!
//! the inner product argument shows that what P has of B is the product of what it has of G and
//! H. A prover may have put anything into both messages: let A be to u, w and a, and S to u', w'
//! and s, of G, H and B each. Then, as a polynomial in z,
//!
//! ⟨z u + z² u' + z³ λ, z w + z² w' + z⁵ λ⟩ = z a + z² s + (z⁴ + z⁶) ⟨λ, v⟩ + z⁸ ⟨λ, λ⟩,
//!
//! and of coefficients the first says a = 0, the second ⟨u, w⟩ = s, the seventh and fifth u' = 0
//! and w' = 0, and with these the fourth w = v and the sixth u = v. That A and S have powers of
//! their own, and λ such that no two of these products meet, is what it rests on. Places behind the
//! last value, up to a power of two, count as values 0 to which everybody knows the commitment.
//!
//! This holds modulo the group's order. That the values lie in an interval, which is proved beside
//! it, makes it hold for integers, as long as no such sum reaches the order.

use super::bases::Bases;
use super::equation::Equation;
use super::parallel;
use super::spoken::{ELEMENT, Nonces, challenge, malformed, open, powers, say};
use super::weighted::{Challenges, Opened, Secret, Weighted};
use crate::pedersen::{commit, scalar};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use tacit_core::error::{Error, Refusal};
use tacit_core::traits::Entropy;
use tari_merlin::Transcript;
use zeroize::Zeroizing;

/// The proof for one list of commitments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Squares {
    /// The commitment to the sum of squares.
    pub sum: CompressedRistretto,
    a: CompressedRistretto,
    argument: Weighted,
}

/// What opens [`Squares::sum`].
#[derive(zeroize::ZeroizeOnDrop)]
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

/// What a message is to, beside its blinding: scalars of G and of H, as many, and one of B.
pub(crate) struct Message {
    pub left: Secret,
    pub right: Secret,
    pub value: Scalar,
}

impl Message {
    fn commit(&self, bases: &Bases, blinding: &Scalar) -> CompressedRistretto {
        let mut point = commit(&self.value, blinding);
        if !self.left.is_empty() {
            point += parallel::sum(&self.left, &bases.g[..self.left.len()]);
            point += parallel::sum(&self.right, &bases.h[..self.right.len()]);
        }
        point.compress()
    }
}

/// What an honest prover says, A and S.
fn messages(values: Secret, sum: i128) -> [Message; 2] {
    let none = Secret::default();
    let twice = Message { left: values.clone(), right: values, value: Scalar::ZERO };
    [twice, Message { left: none.clone(), right: none, value: scalar(sum) }]
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
        let value = values.iter().map(square).sum();
        let said = messages(v, value);
        let (proof, blinding) = Self::argue(transcript, bases, said, blindings, entropy)?;
        Ok((proof, Sum { value, blinding }))
    }

    /// The protocol, which is the same for other messages. Gives the blinding of S as well.
    pub fn argue(
        transcript: &mut Transcript,
        bases: &Bases,
        [a, s]: [Message; 2],
        blindings: &[Scalar],
        entropy: &mut dyn Entropy,
    ) -> Result<(Self, Scalar), Error> {
        let count = blindings.len();
        transcript.append_message(b"dom-sep", b"tacit sum of squares");
        transcript.append_u64(b"count", count as u64);
        let mut nonces = Nonces::new(transcript, a.left.iter().chain(blindings), entropy)?;
        let (of_sum, alpha) = (nonces.next(), Zeroizing::new(nonces.next()));
        let (sum, first) = (s.commit(bases, &of_sum), a.commit(bases, &alpha));
        say(transcript, b"S", &sum)?;
        say(transcript, b"A", &first)?;
        let (y, z) = (challenge(transcript, b"y")?, challenge(transcript, b"z")?);
        let (z, lambda) = (powers(z, 9), lambda(y, count));
        let both = |a: &Secret, s: &Secret, of_lambda: Scalar| -> Secret {
            let mut all = Secret::new(lambda.iter().map(|lambda| of_lambda * lambda).collect());
            for (of, factor) in [(a, z[1]), (s, z[2])] {
                all.iter_mut().zip(of.iter()).for_each(|(sum, scalar)| *sum += factor * scalar);
            }
            all
        };
        let lots = lambda.iter().zip(blindings).map(|(lambda, r)| lambda * r);
        let lots = Zeroizing::new(lots.sum::<Scalar>());
        let opened = Opened {
            a: both(&a.left, &s.left, z[3]),
            b: both(&a.right, &s.right, z[5]),
            alpha: z[1] * *alpha + z[2] * of_sum + (z[4] + z[6]) * *lots,
        };
        let argument = Weighted::prove(transcript, &mut nonces, bases, Scalar::ONE, opened)?;
        Ok((Self { sum, a: first, argument }, of_sum))
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
        let (z, lambda) = (powers(*z, 9), lambda(*y, commitments.len()));
        equation.point(factor * z[1], open(&self.a)?);
        equation.point(factor * z[2], open(&self.sum)?);
        for (i, lambda) in lambda.iter().enumerate() {
            equation.g[i] += factor * z[3] * lambda;
            equation.h[i] += factor * z[5] * lambda;
        }
        let both = factor * (z[4] + z[6]);
        for (commitment, lambda) in commitments.iter().zip(&lambda) {
            equation.point(both * lambda, *commitment);
        }
        let square = lambda.iter().map(|lambda| lambda * lambda).sum::<Scalar>();
        equation.value += factor * z[8] * square;
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
