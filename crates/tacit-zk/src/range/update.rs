//! Proofs about whole updates: commitments to every coordinate, a range proof for each chunk of
//! them and, where the norm is bounded, a proof of the sum of squares for each block and one that
//! their sum is no larger than the bound. All of it is bound to an [`Occasion`].
//!
//! On the wire: commitments, 32 bytes each; the proofs of the chunks; then the sums and proofs of
//! the blocks, and the proof of the sum. No lengths travel: they follow from [`Terms`].

use super::bases::Bases;
use super::bits::{self, Bits};
use super::equation::Equation;
use super::parallel;
use super::spoken::{ELEMENT, challenge, does_not_hold, malformed};
use super::squares::{self, Squares};
use super::terms::Terms;
use crate::pedersen::{self, Blindings};
use crate::transcript::Occasion;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use std::ops::Range;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::traits::Entropy;
use tari_merlin::Transcript;

/// The statement's name and version in an [`Occasion`].
pub const STATEMENT: &str = "range/2";

/// Points that one batch adds up at most: 100 MB.
const BATCH_POINTS: usize = 1 << 18;

/// A proof that somebody shows on an occasion. `statement`, `key`, `parameters` and `update` of the
/// occasion are filled in here.
#[derive(Clone)]
pub struct Shown<'a> {
    /// Who says it, where and when.
    pub occasion: Occasion<'a>,
    /// What was said.
    pub proof: &'a [u8],
    /// What the commitments open to, for who knows.
    pub opening: Option<(&'a [i64], &'a Blindings)>,
}

/// The digest that every challenge depends on.
fn bind(occasion: &Occasion<'_>, terms: &Terms, commitments: &[u8]) -> Digest {
    let update = Digest::of_parts("tacit/v1/range/commitments", &[commitments]);
    let key = Digest::of_parts("tacit/v1/range/bases", &[b"ristretto255"]);
    let (parameters, statement) = (&terms.parameters()[..], STATEMENT);
    Occasion { statement, key, parameters, update: &update.0, ..occasion.clone() }.digest()
}

/// The transcript of one part of a proof.
fn transcript(occasion: &Digest, part: &'static str, number: usize) -> Transcript {
    let mut transcript = Transcript::new(b"tacit/v1/range");
    transcript.append_message(b"occasion", &occasion.0);
    transcript.append_message(b"part", part.as_bytes());
    transcript.append_u64(b"number", number as u64);
    transcript
}

/// Proves `values`, with commitments that have these blindings.
pub fn prove(
    terms: &Terms,
    (values, blindings): (&[i64], &Blindings),
    occasion: &Occasion<'_>,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, Error> {
    if values.len() != terms.count() || blindings.len() != terms.count() {
        let expected = format!("{} coordinates", terms.count());
        return Err(Error::caller("update to be proved", expected, values.len().to_string()));
    }
    if let Some(place) = values.iter().position(|value| !terms.interval().contains(*value)) {
        let (min, max) = (terms.interval().min(), terms.interval().max());
        let found = format!("another at coordinate {place}");
        return Err(Error::caller("value to be proved", format!("{min} to {max}"), found));
    }
    let bases = Bases::get(terms.interval().digits(), terms.places());
    let blindings = &blindings.0[..];
    let commitments = pedersen::commit_all(values, blindings);
    let mut proof = Vec::with_capacity(terms.bytes());
    commitments.iter().for_each(|commitment| proof.extend_from_slice(commitment.as_bytes()));
    let occasion = bind(occasion, terms, &proof);
    let span = terms.interval().span();
    for (number, part) in terms.chunks().enumerate() {
        let wide: Vec<i128> = values[part.clone()].iter().map(|value| (*value).into()).collect();
        let wide = zeroize::Zeroizing::new(wide);
        let mut transcript = transcript(&occasion, "chunk", number);
        let witness = (&wide[..], &blindings[part.clone()]);
        Bits::prove(&mut transcript, (&span, &bases), &commitments[part], witness, entropy)?
            .write(&mut proof);
    }
    if let Some(span) = terms.sum_span() {
        let mut total = squares::Sum { value: 0, blinding: Scalar::ZERO };
        for (number, part) in terms.blocks().enumerate() {
            let mut transcript = transcript(&occasion, "block", number);
            let witness = (&values[part.clone()], &blindings[part]);
            let (block, sum) = Squares::prove(&mut transcript, &bases, witness, entropy)?;
            block.write(&mut proof);
            total.value += sum.value;
            total.blinding += sum.blinding;
        }
        if total.value.unsigned_abs() > span.width {
            let expected = format!("a sum of squares of at most {}", span.width);
            return Err(Error::caller("update to be proved", expected, "a larger one"));
        }
        let commitment = pedersen::commit(&pedersen::scalar(total.value), &total.blinding);
        let mut transcript = transcript(&occasion, "sum", 0);
        let witness = (&[total.value][..], &[total.blinding][..]);
        let commitment = [commitment.compress()];
        Bits::prove(&mut transcript, (&span, &bases), &commitment, witness, entropy)?
            .write(&mut proof);
    }
    Ok(proof)
}

/// The commitments of a proof of the right length.
pub fn commitments<'a>(terms: &Terms, proof: &'a [u8]) -> Result<&'a [[u8; ELEMENT]], Refusal> {
    if proof.len() != terms.bytes() {
        return Err(malformed());
    }
    Ok(proof[..ELEMENT * terms.count()].as_chunks().0)
}

/// A part of somebody's proof, heard and not yet checked.
enum Part {
    Chunk(Bits, bits::Heard, Range<usize>),
    Block(Squares, squares::Heard, Range<usize>),
    Sum(Bits, bits::Heard, RistrettoPoint),
    /// That the commitments open to Σ λ v and Σ λ r, for random λ: all at once.
    Opening {
        lots: Vec<Scalar>,
        value: Scalar,
        blinding: Scalar,
    },
}

/// Somebody's proof, heard and not yet checked.
struct Heard {
    commitments: Vec<RistrettoPoint>,
    parts: Vec<Part>,
    /// Depends on everything that was said.
    digest: Digest,
}

/// Takes bytes one after the other.
fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], Refusal> {
    let (taken, after) = rest.split_at_checked(bytes).ok_or_else(malformed)?;
    *rest = after;
    Ok(taken)
}

impl Heard {
    fn new(terms: &Terms, shown: &Shown<'_>) -> Result<Self, Refusal> {
        let encoded = commitments(terms, shown.proof)?;
        let committed = encoded.as_flattened();
        let occasion = bind(&shown.occasion, terms, committed);
        let commitments = encoded.iter().map(pedersen::decode).collect::<Result<Vec<_>, _>>()?;
        let encoded: Vec<_> = encoded.iter().map(|bytes| CompressedRistretto(*bytes)).collect();
        let mut rest = &shown.proof[committed.len()..];
        let (span, digits) = (terms.interval().span(), terms.interval().digits());
        let (mut parts, mut said) = (Vec::new(), Vec::new());
        for (number, part) in terms.chunks().enumerate() {
            let count = part.len();
            let proof = Bits::read(take(&mut rest, terms.chunk_bytes(count))?, digits, count)?;
            let mut transcript = transcript(&occasion, "chunk", number);
            let heard = proof.hear(&mut transcript, &span, &encoded[part.clone()])?;
            said.extend(heard.argument.heard);
            parts.push(Part::Chunk(proof, heard, part));
        }
        let mut blocks = Vec::new();
        for (number, part) in terms.blocks().enumerate() {
            let block = Squares::read(take(&mut rest, Squares::bytes(part.len()))?, part.len())?;
            let heard = block.hear(&mut transcript(&occasion, "block", number), part.len())?;
            said.extend(heard.argument.heard);
            blocks.push(block.clone());
            parts.push(Part::Block(block, heard, part));
        }
        if let Some(span) = terms.sum_span() {
            let total = squares::total(&blocks)?;
            let bytes = take(&mut rest, Bits::bytes(span.digits(), 1))?;
            let proof = Bits::read(bytes, span.digits(), 1)?;
            let mut transcript = transcript(&occasion, "sum", 0);
            let heard = proof.hear(&mut transcript, &span, &[total.compress()])?;
            said.extend(heard.argument.heard);
            parts.push(Part::Sum(proof, heard, total));
        }
        if !rest.is_empty() {
            return Err(malformed());
        }
        let mut digest = Digest::of_parts("tacit/v1/range/heard", &[&occasion.0, &said]);
        parts.extend(shown.opening.map(|opening| Part::opening(&mut digest, opening)).transpose()?);
        Ok(Self { commitments, parts, digest })
    }

    /// Adds all parts to an equation.
    fn check(
        &self,
        terms: &Terms,
        weights: &mut Transcript,
        equation: &mut Equation,
    ) -> Result<(), Refusal> {
        let span = terms.interval().span();
        for part in &self.parts {
            let weight = challenge(weights, b"weight")?;
            match part {
                Part::Chunk(proof, heard, part) => {
                    let commitments = &self.commitments[part.clone()];
                    proof.check(heard, &span, commitments, weight, equation)?;
                }
                Part::Block(proof, heard, part) => {
                    let commitments = &self.commitments[part.clone()];
                    proof.check(heard, commitments, weight, equation)?;
                }
                Part::Sum(proof, heard, total) => {
                    let span = terms.sum_span().ok_or_else(malformed)?;
                    proof.check(heard, &span, &[*total], weight, equation)?;
                }
                Part::Opening { lots, value, blinding } => {
                    for (commitment, lot) in self.commitments.iter().zip(lots) {
                        equation.point(-(weight * lot), *commitment);
                    }
                    equation.value += weight * value;
                    equation.blinding += weight * blinding;
                }
            }
        }
        Ok(())
    }
}

impl Part {
    /// The digest is of the opening too afterwards: a weight in a batch that could be computed
    /// before would let provers choose openings whose errors cancel.
    fn opening(
        digest: &mut Digest,
        (values, blindings): (&[i64], &Blindings),
    ) -> Result<Self, Refusal> {
        let mut transcript = Transcript::new(b"tacit/v1/range/opening");
        transcript.append_message(b"heard", &digest.0);
        for value in values {
            transcript.append_u64(b"value", *value as u64);
        }
        for blinding in blindings.0.iter() {
            transcript.append_message(b"blinding", blinding.as_bytes());
        }
        let lot = challenge(&mut transcript, b"lot")?;
        *digest = Digest::of_parts("tacit/v1/range/opened", &[&digest.0, lot.as_bytes()]);
        let lots = super::spoken::powers(lot, values.len());
        let pairs = lots.iter().zip(values);
        let value = pairs.map(|(lot, value)| lot * pedersen::scalar((*value).into())).sum();
        let blinding = lots.iter().zip(blindings.0.iter()).map(|(lot, r)| lot * r).sum();
        Ok(Self::Opening { lots, value, blinding })
    }
}

/// One verdict for each proof: those that hold cost little together, and one that does not spoils
/// no other.
pub fn verify(terms: &Terms, shown: &[Shown<'_>]) -> Vec<Result<(), Refusal>> {
    let bases = Bases::get(terms.interval().digits(), terms.places());
    let hear = |shown: &Shown<'_>| match &shown.opening {
        Some((values, blindings))
            if values.len() != terms.count() || blindings.len() != terms.count() =>
        {
            Err(malformed())
        }
        _ => Heard::new(terms, shown),
    };
    let mut verdicts = Vec::with_capacity(shown.len());
    let most = (BATCH_POINTS / (2 * terms.count() + 64)).max(1);
    for batch in shown.chunks(most) {
        let heard = parallel::map(batch, hear);
        let sound: Vec<&Heard> = heard.iter().flatten().collect();
        let mut judged = judge(terms, &bases, &sound).into_iter();
        verdicts.extend(heard.iter().map(|heard| match heard {
            Ok(_) => judged.next().unwrap_or_else(|| Err(does_not_hold())),
            Err(why) => Err(why.clone()),
        }));
    }
    verdicts
}

/// Checks all together; if that fails, each half.
fn judge(terms: &Terms, bases: &Bases, heard: &[&Heard]) -> Vec<Result<(), Refusal>> {
    match (together(terms, bases, heard), heard) {
        (_, []) => Vec::new(),
        (Ok(()), _) => heard.iter().map(|_| Ok(())).collect(),
        (Err(why), [_]) => vec![Err(why)],
        _ => {
            let (one, other) = heard.split_at(heard.len() / 2);
            [one, other].iter().flat_map(|half| judge(terms, bases, half)).collect()
        }
    }
}

fn together(terms: &Terms, bases: &Bases, heard: &[&Heard]) -> Result<(), Refusal> {
    let mut weights = Transcript::new(b"tacit/v1/range/weights");
    for heard in heard {
        weights.append_message(b"heard", &heard.digest.0);
    }
    let seeded: Vec<(Transcript, &Heard)> = (0..)
        .zip(heard)
        .map(|(place, heard)| {
            let mut weights = weights.clone();
            weights.append_u64(b"place", place);
            (weights, *heard)
        })
        .collect();
    let equations = parallel::share(&seeded, |seeded| {
        let mut equation = Equation::default();
        for (weights, heard) in seeded {
            heard.check(terms, &mut weights.clone(), &mut equation)?;
        }
        Ok(equation)
    });
    let mut all = Equation::default();
    for equation in equations {
        all.add(equation?);
    }
    if all.holds(bases) { Ok(()) } else { Err(does_not_hold()) }
}

#[cfg(test)]
mod tests {
    use super::super::interval::Interval;
    use super::*;
    use crate::testing::Seeded;

    /// Whoever fills a batch, and could compute its weights first, could choose openings whose
    /// errors cancel.
    #[test]
    fn weights_of_a_batch_depend_on_what_is_opened() {
        let terms = Terms::new(Interval::new(-10, 10).unwrap(), 2, None).unwrap();
        let (values, blindings) = ([3, -4], Blindings::derive(&[9; 32], 2));
        let occasion = super::super::tests::whole::ann();
        let proof = prove(&terms, (&values, &blindings), &occasion, &mut Seeded::new(1)).unwrap();
        let other = Blindings::derive(&[8; 32], 2);
        let opened = |opening: Option<(&[i64], &Blindings)>| {
            let shown = Shown { occasion: occasion.clone(), proof: &proof, opening };
            Heard::new(&terms, &shown).unwrap().digest
        };
        let all = [
            opened(None),
            opened(Some((&values, &blindings))),
            opened(Some((&[3, -5], &blindings))),
            opened(Some((&values, &other))),
        ];
        for (place, digest) in all.iter().enumerate() {
            assert!(!all[..place].contains(digest), "{place}");
        }
    }
}
