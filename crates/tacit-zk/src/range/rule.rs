//! The rule `range`: what [`super`] proves, in a round.
//!
//! Where the coordinator sees each update, coordinates are the integers of the rule's fixed point,
//! onto which an update is rounded before it is sent; commitments are blinded by the seed that
//! travels with it. Where only sums are opened, they are the levels that are masked: commitments
//! are blinded at random, and the blindings travel under masks beside the levels, cut into digits
//! of which no sum wraps. The commitments of everybody in a sum, added up, must open to it.

use super::fixed::FixedPoint;
use super::interval::Interval;
use super::spoken::{does_not_hold, malformed};
use super::terms::Terms;
use super::{sum, update};
use crate::pedersen::Blindings;
use crate::transcript::Occasion;
use tacit_core::compress::Grid;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::pipeline::Sums;
use tacit_core::plan::Plan;
use tacit_core::proof::{
    Claim, Proved, Shown, Sizes, Statement, Summands, Unprovable, Values, Work,
};
use tacit_core::registry::{Arguments, Default, Entry, Family, Kind, Make, Parameter};
use tacit_core::traits::{Entropy, Keys, Party, Proof, Prover, Verifier, View};
use zeroize::Zeroizing;

/// The entry of this file.
pub const ENTRY: Entry = Entry {
    name: "range",
    help: "that every coordinate of the update, and its norm, is within bounds (Bulletproofs+)",
    parameters: &[
        number("min", -10.0, "Smallest coordinate, 0 or less."),
        number("max", 10.0, "Largest coordinate, 0 or more."),
        Parameter {
            name: "scale",
            help: "Steps of 1 that updates are rounded to, towards 0.",
            kind: Kind::Integer { min: 1, max: 1 << 24 },
            default: Default::Integer(1_000),
        },
        Parameter {
            name: "norm_l2",
            help: "Largest L2 norm, if that is proved too.",
            kind: Kind::Number { min: 0.0, max: 1e6 },
            default: Default::Absent,
        },
    ],
    make: Make::Proof(|of| Ok(Box::new(Range::new(of)?))),
};

const fn number(name: &'static str, default: f64, help: &'static str) -> Parameter {
    let kind = Kind::Number { min: -1e6, max: 1e6 };
    Parameter { name, help, kind, default: Default::Number(default) }
}

/// The rule as a plan has it.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    fixed: FixedPoint,
    min: f64,
    max: f64,
}

impl Range {
    /// From the plan's words.
    pub fn new(of: &Arguments) -> Result<Self, Error> {
        let (min, max) = (of.number("min")?, of.number("max")?);
        let norm = if of.has("norm_l2") { Some(of.number("norm_l2")?) } else { None };
        let fixed = FixedPoint::new(min, max, of.integer("scale")? as u32, norm)?;
        Ok(Self { fixed, min, max })
    }

    /// What is proved of the levels of a grid: that each lies within the bounds, rounded outwards
    /// to the grid, and their norm within its bound and half a step for each.
    fn levels(&self, grid: &Grid, count: usize) -> Result<Terms, Error> {
        let level = |bound: f64| (bound - grid.origin) / grid.step;
        let least = (level(self.min).floor() as i64).max(grid.least);
        let most = (level(self.max).ceil() as i64).min(grid.most);
        let squares = self.fixed.norm_l2().map(|norm| {
            let rounding = (count as f64).sqrt() * grid.step / 2.0;
            // A participant measures its norm in f32.
            let limit = (norm + rounding) / grid.step * (1.0 + 1e-6);
            (limit * limit).ceil() as u128
        });
        Ok(Terms::new(Interval::new(least, most)?, count, squares)?.in_steps_of(grid.step))
    }

    fn side(&self, of: &Statement<'_>) -> Result<Side, Error> {
        let count = of.plan.sent_len(of.layout.len())?;
        let sums = of.sums()?;
        let terms = match &sums {
            None => self.fixed.terms(count)?,
            Some(Sums { grid: Some(grid), .. }) => self.levels(grid, count)?,
            Some(_) => return Err(NOT_LEVELS),
        };
        Ok(Side { fixed: self.fixed, terms, digit_bits: sums.map(|sums| sums.digit_bits()) })
    }
}

const NOT_LEVELS: Error = Error::Bug("a range of what is no level was to be proved");

impl Proof for Range {
    fn needs(&self) -> View {
        View::Sum
    }

    fn check(&self, plan: &Plan) -> Result<(), Unprovable> {
        let refuse = |key, expected: &str, found: String, way: &str| {
            Err(Unprovable {
                key,
                expected: expected.into(),
                found,
                alternatives: vec![way.into(), "proof = \"none\"".into()],
            })
        };
        if !plan.choices(Family::Compressor).is_empty() {
            let expected = "values that travel as they are, so that coordinates are what is proved";
            let found = plan.names(Family::Compressor);
            return refuse("compression", expected, found, "compression = []");
        }
        let mechanism = plan.mechanism().map(|mechanism| mechanism.by());
        if matches!(mechanism, Ok(Party::Participant)) {
            let expected = "no noise of participants, which has no bounds";
            let found = plan.names(Family::Mechanism);
            return refuse("mechanism", expected, found, "mechanism = \"gaussian\"");
        }
        if plan.control().is_some() {
            let expected = "updates alone: control variates would be clipped with them";
            let found = plan.names(Family::Strategy);
            return refuse("strategy", expected, found, "strategy = \"fedavg\"");
        }
        Ok(())
    }

    fn sizes(&self, of: &Statement<'_>) -> Result<Sizes, Error> {
        let side = self.side(of)?;
        let count = side.terms.count();
        let digits = side.digit_bits.map_or(0, sum::digits);
        let proof_bytes = side.terms.bytes() as u64;
        Ok(Sizes { proof_bytes, blindings: count * digits, commits: false, model: false })
    }

    fn settle(&self, update: &mut [f32]) {
        self.fixed.clip(update);
    }

    fn prover(&self, of: &Statement<'_>, _: &dyn Keys) -> Result<Box<dyn Prover>, Error> {
        Ok(Box::new(self.side(of)?))
    }

    fn verifier(&self, of: &Statement<'_>, _: &dyn Keys) -> Result<Box<dyn Verifier>, Error> {
        Ok(Box::new(self.side(of)?))
    }
}

/// One run's terms, on either side.
struct Side {
    fixed: FixedPoint,
    terms: Terms,
    /// Of a blinding that is summed; `None` where each update is seen.
    digit_bits: Option<u32>,
}

fn occasion<'a>(claim: &Claim<'a>) -> Occasion<'a> {
    Occasion {
        statement: update::STATEMENT,
        key: tacit_core::digest::Digest::default(),
        context: claim.context.clone(),
        participant: claim.participant,
        signer: claim.signer,
        nonce: claim.nonce,
        parameters: b"",
        dataset: claim.dataset,
        update: b"",
    }
}

fn refused(participant: &ParticipantId, why: &Refusal) -> Refusal {
    Refusal::BadProof { participant: participant.clone(), why: why.to_string() }
}

impl Prover for Side {
    fn prove(
        &mut self,
        claim: &Claim<'_>,
        work: &Work<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Proved, Error> {
        let blindings = Blindings::derive(work.seed.bytes(), self.terms.count());
        let integers = Zeroizing::new(match (work.values, self.digit_bits) {
            (Values::Each(values), None) => self.fixed.integers(values)?,
            (Values::Levels(levels), Some(_)) => levels.to_vec(),
            _ => return Err(NOT_LEVELS),
        });
        let values = (&integers[..], &blindings);
        let proof = update::prove(&self.terms, values, &occasion(claim), entropy)?;
        let blindings = self.digit_bits.map(|bits| sum::cut(&blindings, bits)).unwrap_or_default();
        Ok(Proved { proof, blindings })
    }
}

impl Verifier for Side {
    fn verify(&self, shown: &[Shown<'_>]) -> Result<Vec<Result<(), Refusal>>, Error> {
        let opened: Vec<Result<_, Refusal>> = shown
            .iter()
            .map(|shown| {
                shown.opening.map_or(Ok(None), |(values, seed)| {
                    let blindings = || Blindings::derive(seed.bytes(), self.terms.count());
                    self.fixed.integers(values).map(|integers| Some((integers, blindings())))
                })
            })
            .collect();
        let kept = shown.iter().zip(&opened).filter_map(|(shown, opened)| {
            let opening = opened.as_ref().ok()?.as_ref();
            let opening = opening.map(|(integers, blindings)| (&integers[..], blindings));
            Some(update::Shown { occasion: occasion(&shown.claim), proof: shown.proof, opening })
        });
        let kept: Vec<_> = kept.collect();
        let mut verdicts = update::verify(&self.terms, &kept).into_iter();
        let verdict = |(shown, opened): (&Shown<'_>, &Result<_, Refusal>)| {
            let verdict = match opened {
                Ok(_) => verdicts.next().unwrap_or_else(|| Err(does_not_hold())),
                Err(why) => Err(why.clone()),
            };
            verdict.map_err(|why| refused(shown.claim.participant, &why))
        };
        Ok(shown.iter().zip(&opened).map(verdict).collect())
    }

    fn verify_sum(&self, sum: &Summands<'_>) -> Result<(), Error> {
        let bits = self.digit_bits.ok_or(NOT_LEVELS)?;
        let commitments = sum.proofs.iter().map(|proof| update::commitments(&self.terms, proof));
        let commitments = commitments.collect::<Result<Vec<_>, _>>()?;
        let blindings = sum::join(sum.blindings, bits, self.terms.count()).ok_or_else(malformed)?;
        if sum::opens(&commitments, sum.levels, &blindings)? {
            return Ok(());
        }
        let expected = "the sum of what was proved";
        Err(Error::caller("opened sum", expected, "another: somebody sent what it did not prove"))
    }
}
