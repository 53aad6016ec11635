//! The zero-knowledge argument of a weighted inner product (Chung, Han, Ju, Kim and Seo 2022,
//! "Bulletproofs+", figure 1 and section 3): that the prover knows vectors a and b of length N, a
//! power of two, and α with
//!
//! P = Σ aᵢ Gᵢ + Σ bᵢ Hᵢ + (Σ aᵢ bᵢ yⁱ⁺¹) B + α H.
//!
//! Each round halves the vectors with two points; the last step is a Schnorr-like proof. It is
//! perfectly zero-knowledge for an honest verifier, and of it two openings of P can be extracted
//! only by whoever knows a relation between the bases.
//!
//! # Discussion
//!
//! The published protocol makes new bases each round, by a product of two terms for every place:
//! most of a prover's time. Here bases are left alone for [`LATE`] rounds, while the factors that
//! they would have are kept, and are then made in one go: a product of 2³ terms for an eighth of
//! the places. Points and challenges are the same. In these rounds the vector of digits has few
//! different scalars ([`super::classes`]).
//!
//! Products with secrets are not made in constant time, as in the libraries.

use super::bases::Bases;
use super::classes::Classes;
use super::equation::Equation;
use super::parallel;
use super::spoken::{ELEMENT, Nonces, Reader, challenge, malformed, open, powers, say};
use crate::pedersen::{blinding_base, value_base};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use std::borrow::Cow;
use tacit_core::error::{Error, Refusal};
use tari_merlin::Transcript;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// Rounds after which bases are made anew.
const LATE: u32 = 3;

/// Scalars that leave no trace.
pub(crate) type Secret = Zeroizing<Vec<Scalar>>;

/// What is known of P.
pub(crate) struct Opened {
    pub a: Secret,
    pub b: Secret,
    pub alpha: Scalar,
}

/// The argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weighted {
    pub a1: CompressedRistretto,
    pub b: CompressedRistretto,
    pub r1: Scalar,
    pub s1: Scalar,
    pub d1: Scalar,
    pub rounds: Vec<[CompressedRistretto; 2]>,
}

/// The challenges of an argument.
pub(crate) struct Challenges {
    rounds: Vec<Scalar>,
    last: Scalar,
    /// Depends on everything that was said: what weights in a batch come from.
    pub heard: [u8; 32],
}

/// The bases of the current round, which need not have been made: G'ᵢ is the sum of
/// `factor · G[block · n + i]` over the blocks.
struct Folded<'a> {
    points: [Cow<'a, [RistrettoPoint]>; 2],
    factors: [Vec<Scalar>; 2],
}

impl Folded<'_> {
    /// Terms of Σ scalarᵢ · G'ᵢ over a half of the current `2 n` places.
    fn terms(
        &self,
        which: usize,
        (half, n): (usize, usize),
        scalars: &[Scalar],
        out: &mut (Secret, Vec<RistrettoPoint>),
    ) {
        let classes = Classes::new(scalars);
        for (block, factor) in self.factors[which].iter().enumerate() {
            let points = &self.points[which][(2 * block + half) * n..];
            if let Some(classes) = &classes {
                let sums = classes.sums(points).filter(|(scalar, _)| **scalar != Scalar::ZERO);
                sums.for_each(|(scalar, sum)| {
                    out.0.push(scalar * factor);
                    out.1.push(sum);
                });
                continue;
            }
            for (scalar, point) in scalars.iter().zip(points).filter(|(s, _)| **s != Scalar::ZERO) {
                out.0.push(scalar * factor);
                out.1.push(*point);
            }
        }
    }

    /// The bases of the next round: `low` · lower half + `high` · upper half.
    fn fold(&mut self, which: usize, low: Scalar, high: Scalar) {
        let split = |factor: &Scalar| [factor * low, factor * high];
        self.factors[which] = self.factors[which].iter().flat_map(split).collect();
    }

    /// Makes them.
    fn settle(&mut self, n: usize) {
        for which in 0..2 {
            let (points, factors) = (&self.points[which], &self.factors[which]);
            let places: Vec<usize> = (0..n).collect();
            let made = parallel::map(&places, |place| {
                let points = points[*place..].iter().step_by(n);
                RistrettoPoint::vartime_multiscalar_mul(factors, points)
            });
            self.points[which] = Cow::Owned(made);
            self.factors[which] = vec![Scalar::ONE];
        }
    }
}

impl Weighted {
    /// Rounds for vectors of so many places.
    pub fn rounds(places: usize) -> usize {
        places.next_power_of_two().trailing_zeros() as usize
    }

    /// Bytes of an argument.
    pub fn bytes(places: usize) -> usize {
        ELEMENT * (5 + 2 * Self::rounds(places))
    }

    /// Proves what is `opened`; the vectors are as long as there are bases, or half as long and so
    /// on. `y` is not zero.
    pub fn prove(
        transcript: &mut Transcript,
        nonces: &mut Nonces,
        bases: &Bases,
        y: Scalar,
        opened: Opened,
    ) -> Result<Self, Error> {
        let Opened { mut a, mut b, alpha } = opened;
        let mut alpha = Zeroizing::new(alpha);
        let mut n = a.len();
        if !n.is_power_of_two() || b.len() != n || bases.g.len() < n {
            return Err(Error::Bug("an argument about vectors of a strange length"));
        }
        let points = [&bases.g[..n], &bases.h[..n]].map(Cow::Borrowed);
        let mut folded = Folded { points, factors: [vec![Scalar::ONE], vec![Scalar::ONE]] };
        let weights = powers(y, n + 1);
        let mut rounds = Vec::new();
        while n > 1 {
            n /= 2;
            let (up, down) = (weights[n], weights[n].invert());
            let blinds = Zeroizing::new([nonces.next(), nonces.next()]);
            let halves = Halves { a: a.split_at(n), b: b.split_at(n), weights: &weights };
            let pair = halves.points(&folded, &blinds, up, down);
            say(transcript, b"L", &pair[0])?;
            say(transcript, b"R", &pair[1])?;
            rounds.push(pair);
            let e = challenge(transcript, b"e")?;
            let inverse = e.invert();
            let fold = |halves: (&[Scalar], &[Scalar]), low: Scalar, high: Scalar| {
                let pairs = halves.0.iter().zip(halves.1);
                Zeroizing::new(pairs.map(|(l, h)| l * low + h * high).collect())
            };
            (a, b) = (fold(halves.a, e, inverse * up), fold(halves.b, inverse, e));
            folded.fold(0, inverse, e * down);
            folded.fold(1, e, inverse);
            if n == 1 || folded.factors[0].len() == 1 << LATE {
                folded.settle(n);
            }
            *alpha += blinds[0] * e * e + blinds[1] * inverse * inverse;
        }
        folded.settle(1);
        let last = Last { bases: [folded.points[0][0], folded.points[1][0]], y, a: a[0], b: b[0] };
        last.prove(transcript, nonces, &alpha, rounds)
    }

    /// Takes the argument's part in the transcript; refuses one about another number of places.
    pub fn challenges(
        &self,
        transcript: &mut Transcript,
        places: usize,
    ) -> Result<Challenges, Refusal> {
        if self.rounds.len() != Self::rounds(places) {
            return Err(malformed());
        }
        let mut rounds = Vec::with_capacity(self.rounds.len());
        for [left, right] in &self.rounds {
            say(transcript, b"L", left)?;
            say(transcript, b"R", right)?;
            rounds.push(challenge(transcript, b"e")?);
        }
        say(transcript, b"A1", &self.a1)?;
        say(transcript, b"B", &self.b)?;
        let last = challenge(transcript, b"e")?;
        for response in [&self.r1, &self.s1, &self.d1] {
            transcript.append_message(b"response", response.as_bytes());
        }
        let mut heard = [0; 32];
        transcript.challenge_bytes(b"heard", &mut heard);
        Ok(Challenges { rounds, last, heard })
    }

    /// Adds the argument to an equation, times `weight`; returns what P is to be multiplied with
    /// there.
    pub fn check(
        &self,
        challenges: &Challenges,
        (weight, y): (Scalar, Scalar),
        equation: &mut Equation,
    ) -> Result<Scalar, Refusal> {
        let e = challenges.last;
        let factor = -(weight * e * e);
        let mut inverses = challenges.rounds.clone();
        let product = Scalar::invert_batch_alloc(&mut inverses);
        let mut squares = Vec::with_capacity(inverses.len());
        for ((pair, e), inverse) in self.rounds.iter().zip(&challenges.rounds).zip(&inverses) {
            equation.point(factor * e * e, open(&pair[0])?);
            equation.point(factor * inverse * inverse, open(&pair[1])?);
            squares.push(e * e);
        }
        equation.point(-(weight * e), open(&self.a1)?);
        equation.point(-weight, open(&self.b)?);
        equation.value += weight * self.r1 * y * self.s1;
        equation.blinding += weight * self.d1;
        // sᵢ is the product of the challenges of the rounds, inverted where bit of `i` is 0.
        let mut s = vec![product];
        for square in squares.iter().rev() {
            s.extend_from_within(..);
            let upper = s.len() / 2;
            s[upper..].iter_mut().for_each(|scalar| *scalar *= square);
        }
        let (mut left, right, down) = (weight * self.r1 * e, weight * self.s1 * e, y.invert());
        equation.reach(s.len());
        for (i, scalar) in s.iter().enumerate() {
            equation.g[i] += left * scalar;
            equation.h[i] += right * s[s.len() - 1 - i];
            left *= down;
        }
        Ok(factor)
    }

    /// Appends it, in the order of the library's encoding.
    pub fn write(&self, first: &CompressedRistretto, out: &mut Vec<u8>) {
        out.extend_from_slice(self.d1.as_bytes());
        [first, &self.a1, &self.b].iter().for_each(|point| out.extend_from_slice(point.as_bytes()));
        [&self.r1, &self.s1].iter().for_each(|scalar| out.extend_from_slice(scalar.as_bytes()));
        self.rounds.iter().flatten().for_each(|point| out.extend_from_slice(point.as_bytes()));
    }

    /// The way back: the point that came first, and an argument about so many places.
    pub fn read(bytes: &[u8], places: usize) -> Result<(CompressedRistretto, Self), Refusal> {
        if bytes.len() != Self::bytes(places) + ELEMENT {
            return Err(malformed());
        }
        let mut reader = Reader(bytes);
        let d1 = reader.scalar()?;
        let [first, a1, b] = [reader.point()?, reader.point()?, reader.point()?];
        let [r1, s1] = [reader.scalar()?, reader.scalar()?];
        let pairs = (0..Self::rounds(places)).map(|_| Ok([reader.point()?, reader.point()?]));
        let rounds = pairs.collect::<Result<_, Refusal>>()?;
        reader.end()?;
        Ok((first, Self { a1, b, r1, s1, d1, rounds }))
    }
}

/// Vectors cut in two.
struct Halves<'a> {
    a: (&'a [Scalar], &'a [Scalar]),
    b: (&'a [Scalar], &'a [Scalar]),
    weights: &'a [Scalar],
}

impl Halves<'_> {
    /// The two points of a round.
    fn points(
        &self,
        folded: &Folded<'_>,
        blinds: &[Scalar; 2],
        up: Scalar,
        down: Scalar,
    ) -> [CompressedRistretto; 2] {
        let n = self.a.0.len();
        let product = |a: &[Scalar], b: &[Scalar], first: usize| -> Scalar {
            let weighted = a.iter().zip(&self.weights[first..]).map(|(a, weight)| a * weight);
            weighted.zip(b).map(|(a, b)| a * b).sum()
        };
        let scaled = |a: &[Scalar], by: Scalar| -> Secret {
            Zeroizing::new(a.iter().map(|a| a * by).collect())
        };
        let point = |value: Scalar, blind: Scalar, a: &[Scalar], b: &[Scalar], upper: usize| {
            let room = 2 + n * (folded.factors[0].len() + folded.factors[1].len());
            let mut terms = (Secret::new(Vec::with_capacity(room)), Vec::with_capacity(room));
            terms.0.extend([value, blind]);
            terms.1.extend([value_base(), blinding_base()]);
            folded.terms(0, (upper, n), a, &mut terms);
            folded.terms(1, (1 - upper, n), b, &mut terms);
            parallel::sum(&terms.0, &terms.1).compress()
        };
        let ((a_low, a_high), (b_low, b_high)) = (self.a, self.b);
        parallel::both(
            || point(product(a_low, b_high, 1), blinds[0], &scaled(a_low, down), b_high, 1),
            || point(product(a_high, b_low, n + 1), blinds[1], &scaled(a_high, up), b_low, 0),
        )
        .into()
    }
}

/// The step about vectors of one place.
#[derive(ZeroizeOnDrop)]
struct Last {
    #[zeroize(skip)]
    bases: [RistrettoPoint; 2],
    y: Scalar,
    a: Scalar,
    b: Scalar,
}

impl Last {
    fn prove(
        &self,
        transcript: &mut Transcript,
        nonces: &mut Nonces,
        alpha: &Scalar,
        rounds: Vec<[CompressedRistretto; 2]>,
    ) -> Result<Weighted, Error> {
        let Self { bases: [g, h], y, a, b } = self;
        let secrets = Zeroizing::new([(); 4].map(|()| nonces.next()));
        let [r, s, delta, eta] = *secrets;
        let cross = r * y * b + s * y * a;
        let a1 = g * r + h * s + value_base() * cross + blinding_base() * delta;
        let b_point = value_base() * (r * y * s) + blinding_base() * eta;
        let (a1, b_point) = (a1.compress(), b_point.compress());
        say(transcript, b"A1", &a1)?;
        say(transcript, b"B", &b_point)?;
        let e = challenge(transcript, b"e")?;
        let (r1, s1, d1) = (r + a * e, s + b * e, eta + delta * e + alpha * e * e);
        Ok(Weighted { a1, b: b_point, r1, s1, d1, rounds })
    }
}
