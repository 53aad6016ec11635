//! The proof that committed values lie in an interval (Chung et al. 2022, figure 3), with any
//! weights of digits instead of powers of two; [`super::interval`] says which.
//!
//! For commitments Vⱼ to vⱼ, j from 0 to m − 1, digits of weights w₀ … wₙ₋₁, and N = n m: the
//! prover commits to all digits and to what they lack of 1 in A = Σ dᵢ Gᵢ + Σ (dᵢ − 1) Hᵢ + α H.
//! With challenges y and z, and the public vector t of tₙⱼ₊ₖ = z²⁽ʲ⁺¹⁾ wₖ,
//!
//! P = A − z Σ Gᵢ + Σ (z + tᵢ yᴺ⁻ⁱ) Hᵢ + yᴺ⁺¹ Σ z²⁽ʲ⁺¹⁾ (Vⱼ − min B)
//!     + ((z − z²) Σ yⁱ⁺¹ − z yᴺ⁺¹ Σ tᵢ) B
//!
//! is opened by the weighted inner product argument only if every dᵢ is 0 or 1 and Σ wₖ dₙⱼ₊ₖ is
//! vⱼ − min: as polynomials in y and z, both sides have these as coefficients.
//!
//! Vectors are as long as the next power of two. At the places behind N the prover has zeros, and
//! P has nothing; what somebody else puts there stands alone at its power of y, without z, and must
//! multiply to zero.

use super::bases::Bases;
use super::equation::Equation;
use super::interval::Span;
use super::parallel;
use super::spoken::{ELEMENT, Nonces, challenge, open, powers, say};
use super::weighted::{Challenges, Opened, Secret, Weighted};
use crate::pedersen::{self, blinding_base, value_base};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use subtle::{Choice, ConditionallySelectable};
use tacit_core::error::{Error, Refusal};
use tacit_core::traits::Entropy;
use tari_merlin::Transcript;
use zeroize::Zeroizing;

/// The proof for one list of commitments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bits {
    a: CompressedRistretto,
    argument: Weighted,
}

/// Digits, what they lack of 1, and the commitment to both without its blinding.
struct Vectors {
    left: Secret,
    right: Secret,
    committed: RistrettoPoint,
}

/// What a verifier keeps of a proof between hearing it and checking it.
pub(crate) struct Heard {
    pub y: Scalar,
    pub z: Scalar,
    pub argument: Challenges,
}

/// Says what is proved, as the library does.
fn open_transcript(
    transcript: &mut Transcript,
    digits: usize,
    commitments: &[CompressedRistretto],
) {
    transcript.append_message(b"dom-sep", b"Bulletproofs+ Range Proof");
    transcript.append_message(b"H", value_base().compress().as_bytes());
    transcript.append_message(b"G", blinding_base().compress().as_bytes());
    transcript.append_u64(b"N", digits as u64);
    transcript.append_u64(b"T", 1);
    transcript.append_u64(b"M", commitments.len() as u64);
    for commitment in commitments {
        transcript.append_message(b"Ci", commitment.as_bytes());
    }
    for _ in commitments {
        transcript.append_u64(b"vi - minimum_value", 0);
    }
}

/// Of a list of commitments: powers of challenges that both sides need.
struct Shifts {
    /// z²⁽ʲ⁺¹⁾
    lots: Vec<Scalar>,
    /// tᵢ yᴺ⁻ⁱ
    targets: Vec<Scalar>,
    /// yᴺ⁺¹
    top: Scalar,
    /// What B is multiplied with in P.
    value: Scalar,
}

impl Shifts {
    fn new(span: &Span, count: usize, y: Scalar, z: Scalar) -> Self {
        let weights = span.weights();
        let places = weights.len() * count;
        let rising = powers(y, places + 2);
        let lots: Vec<Scalar> = powers(z * z, count + 1).split_off(1);
        let all = lots.iter().flat_map(|lot| weights.iter().map(move |weight| lot * weight));
        let targets = all.zip(rising[1..=places].iter().rev()).map(|(t, y)| t * y).collect();
        let top = rising[places + 1];
        let sums = [&rising[1..=places], &lots].map(|all| all.iter().sum::<Scalar>());
        let width = Scalar::from(span.width);
        let min = pedersen::scalar(span.min);
        let value = (z - z * z) * sums[0] - z * top * sums[1] * width - top * sums[1] * min;
        Self { lots, targets, top, value }
    }
}

impl Bits {
    /// Bytes of a proof for so many commitments.
    pub fn bytes(digits: usize, count: usize) -> usize {
        ELEMENT + Weighted::bytes(digits * count)
    }

    /// Proves that `values` lie in `span`; `commitments` are to them, with `blindings`.
    pub fn prove(
        transcript: &mut Transcript,
        (span, bases): (&Span, &Bases),
        commitments: &[CompressedRistretto],
        (values, blindings): (&[i128], &[Scalar]),
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Error> {
        let (n, count) = (span.digits(), commitments.len());
        let mut digits = Zeroizing::new(Vec::with_capacity(n * count));
        for value in values {
            if !span.cut(*value, &mut digits) {
                let limits = format!("{} and {} above it", span.min, span.width);
                return Err(Error::caller("value to be proved", limits, "another"));
            }
        }
        if values.len() != count || blindings.len() != count || count == 0 {
            return Err(Error::Bug("commitments, values and blindings of different numbers"));
        }
        let places = digits.len().next_power_of_two();
        let padded = |scalars: &mut dyn Iterator<Item = Scalar>| {
            let mut all = Secret::new(Vec::with_capacity(places));
            all.extend(scalars);
            all.resize(places, Scalar::ZERO);
            all
        };
        let left = padded(&mut digits.iter().map(|digit| Scalar::from(*digit)));
        let right = padded(&mut digits.iter().map(|digit| Scalar::from(*digit) - Scalar::ONE));
        if bases.g.len() < digits.len() {
            return Err(Error::Bug("fewer bases than digits"));
        }
        let vectors = Vectors { committed: commit_digits(&digits, bases), left, right };
        Self::argue(transcript, (span, bases), (commitments, blindings), vectors, entropy)
    }

    /// The protocol, which is the same for digits that are none.
    fn argue(
        transcript: &mut Transcript,
        (span, bases): (&Span, &Bases),
        (commitments, blindings): (&[CompressedRistretto], &[Scalar]),
        Vectors { mut left, mut right, committed }: Vectors,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Error> {
        open_transcript(transcript, span.digits(), commitments);
        let mut nonces = Nonces::new(transcript, left.iter().chain(blindings), entropy)?;
        let mut alpha = nonces.next();
        let a = (committed + blinding_base() * alpha).compress();
        say(transcript, b"A", &a)?;
        let (y, z) = (challenge(transcript, b"y")?, challenge(transcript, b"z")?);
        let shifts = Shifts::new(span, commitments.len(), y, z);
        for ((left, right), target) in left.iter_mut().zip(right.iter_mut()).zip(&shifts.targets) {
            *left -= z;
            *right += z + target;
        }
        let lots = shifts.lots.iter().zip(blindings);
        alpha += shifts.top * lots.map(|(lot, blinding)| lot * blinding).sum::<Scalar>();
        let opened = Opened { a: left, b: right, alpha };
        let argument = Weighted::prove(transcript, &mut nonces, bases, y, opened)?;
        Ok(Self { a, argument })
    }

    /// What somebody gets who argues for vectors of any scalars.
    #[cfg(test)]
    pub fn forge(
        transcript: &mut Transcript,
        (span, bases): (&Span, &Bases),
        (commitments, blindings): (&[CompressedRistretto], &[Scalar]),
        (left, right): (Vec<Scalar>, Vec<Scalar>),
        entropy: &mut dyn Entropy,
    ) -> Self {
        let committed = parallel::sum(&left, &bases.g[..left.len()])
            + parallel::sum(&right, &bases.h[..right.len()]);
        let vectors = Vectors { committed, left: Secret::new(left), right: Secret::new(right) };
        let of = (commitments, blindings);
        Self::argue(transcript, (span, bases), of, vectors, entropy).unwrap()
    }

    /// Takes the proof's part in the transcript.
    pub fn hear(
        &self,
        transcript: &mut Transcript,
        span: &Span,
        commitments: &[CompressedRistretto],
    ) -> Result<Heard, Refusal> {
        open_transcript(transcript, span.digits(), commitments);
        say(transcript, b"A", &self.a)?;
        let (y, z) = (challenge(transcript, b"y")?, challenge(transcript, b"z")?);
        let places = span.digits() * commitments.len();
        Ok(Heard { y, z, argument: self.argument.challenges(transcript, places)? })
    }

    /// Adds the proof to an equation, times `weight`.
    pub fn check(
        &self,
        heard: &Heard,
        span: &Span,
        commitments: &[RistrettoPoint],
        weight: Scalar,
        equation: &mut Equation,
    ) -> Result<(), Refusal> {
        let Heard { y, z, argument } = heard;
        let shifts = Shifts::new(span, commitments.len(), *y, *z);
        let factor = self.argument.check(argument, (weight, *y), equation)?;
        equation.point(factor, open(&self.a)?);
        let shift = factor * z;
        for (i, target) in shifts.targets.iter().enumerate() {
            equation.g[i] -= shift;
            equation.h[i] += shift + factor * target;
        }
        for (commitment, lot) in commitments.iter().zip(&shifts.lots) {
            equation.point(factor * shifts.top * lot, *commitment);
        }
        equation.value += factor * shifts.value;
        Ok(())
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.argument.write(&self.a, out);
    }

    /// The way back, for so many commitments.
    pub fn read(bytes: &[u8], digits: usize, count: usize) -> Result<Self, Refusal> {
        let (a, argument) = Weighted::read(bytes, digits * count)?;
        Ok(Self { a, argument })
    }
}

/// Σ dᵢ Gᵢ + Σ (dᵢ − 1) Hᵢ, by additions without a branch on a digit.
fn commit_digits(digits: &[u8], bases: &Bases) -> RistrettoPoint {
    let places: Vec<usize> = (0..digits.len()).collect();
    let parts = parallel::share(&places, |places| {
        let term = |place: &usize| {
            let digit = Choice::from(digits[*place]);
            RistrettoPoint::conditional_select(&-bases.h[*place], &bases.g[*place], digit)
        };
        places.iter().map(term).fold(RistrettoPoint::identity(), |sum, term| sum + term)
    });
    parts.into_iter().fold(RistrettoPoint::identity(), |sum, part| sum + part)
}
