//! A verifier that is slow and easy to believe: the protocol as Chung et al. 2022 write it down
//! (figures 1 and 3), one proof at a time, bases folded in every round, every product of a scalar
//! and a point by itself. It has its own decoding, weights, powers and transcript; of the fast one
//! it takes the bases that are hashed from names. What is said of proofs by both must agree.

use crate::pedersen::{blinding_base, scalar, value_base};
use crate::range::bases::Bases;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use tari_merlin::Transcript;

pub(super) type Element = [u8; 32];

/// What is proved of commitments.
#[derive(Clone, Copy)]
pub(super) enum Statement<'a> {
    /// That they open to integers from `min` to `min + width`; bases are those of values of as many
    /// digits, or of so many.
    Range { min: i128, width: u128, commitments: &'a [Element], bases: Option<usize> },
    /// That the first element of the proof opens to the sum of their squares; bases are those of
    /// values of so many digits.
    Squares { digits: usize, commitments: &'a [Element] },
}

/// A proof, decoded.
#[derive(Clone)]
pub(super) struct Proof {
    /// The commitment to the sum of squares.
    pub sum: Option<Element>,
    pub a: Element,
    pub a1: Element,
    pub b: Element,
    pub r1: Scalar,
    pub s1: Scalar,
    pub d1: Scalar,
    pub rounds: Vec<[Element; 2]>,
}

/// What a verifier drew, in an interactive protocol.
pub(super) struct Challenges {
    pub y: Scalar,
    pub z: Scalar,
    pub rounds: Vec<Scalar>,
    pub last: Scalar,
}

pub(super) fn point(element: &Element) -> Option<RistrettoPoint> {
    CompressedRistretto(*element).decompress()
}

fn power(x: Scalar, exponent: usize) -> Scalar {
    (0..exponent).fold(Scalar::ONE, |product, _| product * x)
}

fn hear(transcript: &mut Transcript, label: &'static [u8], element: &Element) -> Option<()> {
    transcript.append_message(label, element);
    (*element != [0; 32]).then_some(())
}

fn draw(transcript: &mut Transcript, label: &'static [u8]) -> Option<Scalar> {
    let mut wide = [0; 64];
    transcript.challenge_bytes(label, &mut wide);
    Some(Scalar::from_bytes_mod_order_wide(&wide)).filter(|challenge| *challenge != Scalar::ZERO)
}

impl Proof {
    fn parse(bytes: &[u8], squares: bool) -> Option<Self> {
        let (elements, []) = bytes.as_chunks::<32>() else { return None };
        let (sum, elements) = match elements {
            [sum, rest @ ..] if squares => (Some(*sum), rest),
            all => (None, all),
        };
        let [d1, a, a1, b, r1, s1, rounds @ ..] = elements else { return None };
        let scalar = |bytes: &Element| Option::from(Scalar::from_canonical_bytes(*bytes));
        let (r1, s1, d1) = (scalar(r1)?, scalar(s1)?, scalar(d1)?);
        let (rounds, []) = rounds.as_chunks::<2>() else { return None };
        Some(Self { sum, a: *a, a1: *a1, b: *b, r1, s1, d1, rounds: rounds.to_vec() })
    }
}

impl Statement<'_> {
    fn commitments(&self) -> &[Element] {
        let (Self::Range { commitments, .. } | Self::Squares { commitments, .. }) = self;
        commitments
    }

    /// 1, 2, 4, … and a last weight that makes their sum the width.
    fn weights(width: u128) -> Vec<u128> {
        let mut weights = vec![];
        while weights.iter().sum::<u128>() < width {
            let rest = width - weights.iter().sum::<u128>();
            weights.push((1 << weights.len()).min(rest));
        }
        weights
    }

    fn digits(&self) -> usize {
        match self {
            Self::Range { width, .. } => Self::weights(*width).len(),
            Self::Squares { digits, .. } => *digits,
        }
    }

    /// Places of the vectors, before they are filled up.
    fn places(&self) -> usize {
        match self {
            Self::Range { .. } => self.digits() * self.commitments().len(),
            Self::Squares { .. } => self.commitments().len(),
        }
    }

    /// Figure 3, and the opening of a transcript of `tari_bulletproofs_plus`.
    fn open(&self, transcript: &mut Transcript, proof: &Proof) -> Option<(Scalar, Scalar)> {
        if let Self::Range { commitments, .. } = self {
            transcript.append_message(b"dom-sep", b"Bulletproofs+ Range Proof");
            transcript.append_message(b"H", value_base().compress().as_bytes());
            transcript.append_message(b"G", blinding_base().compress().as_bytes());
            transcript.append_u64(b"N", self.digits() as u64);
            transcript.append_u64(b"T", 1);
            transcript.append_u64(b"M", commitments.len() as u64);
            for commitment in *commitments {
                transcript.append_message(b"Ci", commitment);
            }
            for _ in *commitments {
                transcript.append_u64(b"vi - minimum_value", 0);
            }
        } else {
            transcript.append_message(b"dom-sep", b"tacit sum of squares");
            transcript.append_u64(b"count", self.commitments().len() as u64);
            hear(transcript, b"S", &proof.sum?)?;
        }
        hear(transcript, b"A", &proof.a)?;
        Some((draw(transcript, b"y")?, draw(transcript, b"z")?))
    }

    fn challenges(&self, mut transcript: Transcript, proof: &Proof) -> Option<Challenges> {
        let (y, z) = self.open(&mut transcript, proof)?;
        let mut rounds = vec![];
        for [left, right] in &proof.rounds {
            hear(&mut transcript, b"L", left)?;
            hear(&mut transcript, b"R", right)?;
            rounds.push(draw(&mut transcript, b"e")?);
        }
        hear(&mut transcript, b"A1", &proof.a1)?;
        hear(&mut transcript, b"B", &proof.b)?;
        Some(Challenges { y, z, rounds, last: draw(&mut transcript, b"e")? })
    }

    /// The point that the argument is about.
    fn subject(&self, proof: &Proof, bases: &Bases, of: &Challenges) -> Option<RistrettoPoint> {
        let Challenges { y, z, .. } = of;
        let (mut p, count) = (point(&proof.a)?, self.commitments().len());
        if let Self::Range { min, width, commitments, .. } = self {
            let (weights, n) = (Self::weights(*width), self.places());
            let top = power(*y, n + 1);
            let (mut of_base, mut sum) = (Scalar::ZERO, Scalar::ZERO);
            for i in 0..n {
                let (value, digit) = (i / weights.len(), i % weights.len());
                let t = power(*z, 2 * (value + 1)) * Scalar::from(weights[digit]);
                p += bases.g[i] * -z;
                p += bases.h[i] * (z + t * power(*y, n - i));
                of_base += (z - z * z) * power(*y, i + 1);
                sum += t;
            }
            p += value_base() * (of_base - z * top * sum);
            for (j, commitment) in commitments.iter().enumerate() {
                let above = point(commitment)? - value_base() * scalar(*min);
                p += above * (top * power(*z, 2 * (j + 1)));
            }
            return Some(p);
        }
        p = p * *z + point(&proof.sum?)? * (z * z);
        for j in 0..count.next_power_of_two() {
            let lot = power(*y, j + 1);
            p += bases.g[j] * (power(*z, 3) * lot) + bases.h[j] * (power(*z, 5) * lot);
            p += value_base() * (power(*z, 8) * lot * lot);
            if let Some(commitment) = self.commitments().get(j) {
                p += point(commitment)? * ((power(*z, 4) + power(*z, 6)) * lot);
            }
        }
        Some(p)
    }

    /// Both sides of the last equation but for B, for these challenges, wherever they came from.
    pub fn sides(&self, proof: &Proof, of: &Challenges) -> Option<[RistrettoPoint; 2]> {
        let places = self.places().next_power_of_two();
        let digits = match self {
            Self::Range { bases: Some(digits), .. } => *digits,
            _ => self.digits(),
        };
        let bases = Bases::get(digits, places);
        let mut p = self.subject(proof, &bases, of)?;
        let weight = match self {
            Self::Range { .. } => of.y,
            Self::Squares { .. } => Scalar::ONE,
        };
        let (mut g, mut h) = (bases.g[..places].to_vec(), bases.h[..places].to_vec());
        for ([left, right], e) in proof.rounds.iter().zip(&of.rounds) {
            let (n, back) = (g.len() / 2, e.invert());
            let down = power(weight, n).invert();
            g = (0..n).map(|i| g[i] * back + g[n + i] * (e * down)).collect();
            h = (0..n).map(|i| h[i] * e + h[n + i] * back).collect();
            p += point(left)? * (e * e) + point(right)? * (back * back);
        }
        let ([g], [h], e) = (&g[..], &h[..], of.last) else { return None };
        let value = proof.r1 * weight * proof.s1;
        let said = g * (proof.r1 * e) + h * (proof.s1 * e);
        let said = said + value_base() * value + blinding_base() * proof.d1;
        Some([p * (e * e) + point(&proof.a1)? * e, said])
    }

    /// Whether a proof holds.
    pub fn holds(&self, transcript: Transcript, bytes: &[u8]) -> bool {
        let squares = matches!(self, Self::Squares { .. });
        let rounds = self.places().next_power_of_two().trailing_zeros() as usize;
        let verdict = || {
            let proof = Proof::parse(bytes, squares)?;
            let challenges = self.challenges(transcript, &proof)?;
            let [left, right] = self.sides(&proof, &challenges)?;
            Some(proof.rounds.len() == rounds && left + point(&proof.b)? == right)
        };
        verdict() == Some(true)
    }
}
