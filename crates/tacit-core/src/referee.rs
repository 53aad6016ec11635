//! Verifies proofs of contributions: the same behind sockets, in a simulation, and for whoever
//! checks a run afterwards.

use crate::codec;
use crate::digest::Digest;
use crate::error::{Error, Refusal};
use crate::ids::ParticipantId;
use crate::messages::{Contribution, FitOrder, SignedContribution};
use crate::params::{Layout, Params};
use crate::pipeline::{Channel, Cohort, RowSum};
use crate::plan::Plan;
use crate::proof::{Claim, Dataset, Secret, Shown, Statement, Summands};
use crate::round::Setup;
use crate::traits::{Blobs, Context, Keys, Spool, Verifier};
use std::sync::Arc;

/// Verifies what the participants of a plan prove.
pub struct Referee {
    plan: Plan,
    channel: Channel,
    len: usize,
    proof_bytes: u64,
    commits: bool,
    verifier: Box<dyn Verifier>,
}

/// One contribution with its proof, ready to be judged.
pub struct Exhibit {
    header: Contribution,
    signer: Vec<u8>,
    order: FitOrder,
    proof: Vec<u8>,
    opening: Option<(Vec<f32>, Secret)>,
}

/// What contributions of a round are judged by.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    /// Plan, round, nonce, and what participants enrolled with.
    pub setup: &'a Setup,
    /// The round's model.
    pub model: &'a Params,
}

const NO_NONCE: Error = Error::Bug("a proof was to be judged in a round without a nonce");

fn bad(participant: &ParticipantId, why: &str) -> Refusal {
    Refusal::BadProof { participant: participant.clone(), why: why.into() }
}

impl Referee {
    /// A referee of `plan` for models of `layout`; `None` where nothing is proved.
    pub fn new(plan: &Plan, layout: &Arc<Layout>, keys: &dyn Keys) -> Result<Option<Self>, Error> {
        let Some(rule) = plan.proof()? else { return Ok(None) };
        let channel = plan.channel(layout)?;
        let statement = Statement { plan, layout };
        let sizes = rule.sizes(&statement)?;
        let verifier = rule.verifier(&statement, keys)?;
        let len = plan.sent_len(layout.len())?;
        let (plan, proof_bytes, commits) = (plan.clone(), sizes.proof_bytes, sizes.commits);
        Ok(Some(Self { plan, channel, len, proof_bytes, commits, verifier }))
    }

    /// Whether participants enrol with a commitment to their data.
    pub fn commits(&self) -> bool {
        self.commits
    }

    /// Largest proof, in bytes.
    pub fn max_proof(&self) -> u64 {
        self.proof_bytes
    }

    /// Refuses an announced proof that is larger than any.
    pub fn admit(&self, header: &Contribution) -> Result<(), Refusal> {
        match header.proof {
            Some(proof) if proof.bytes > self.proof_bytes => {
                let (what, limit, found) = ("proof".into(), self.proof_bytes, proof.bytes);
                Err(Refusal::TooLarge { what, limit, found })
            }
            _ => Ok(()),
        }
    }

    /// A contribution with its proof, and where the protection shows it the update that lies in
    /// the spool.
    pub fn exhibit(
        &self,
        signed: &SignedContribution,
        proof: Vec<u8>,
        spool: Option<&dyn Spool>,
    ) -> Result<Exhibit, Error> {
        let header = &signed.contribution;
        self.admit(header)?;
        let told = header.proof.ok_or_else(|| bad(&header.participant, "there is none"))?;
        let found = Digest::of_bytes(&proof);
        if found != told.digest {
            return Err(Refusal::HashMismatch { expected: told.digest, found }.into());
        }
        let opening = match (spool, &self.channel.sums) {
            (Some(spool), None) => Some(self.opened(header, spool)?),
            _ => None,
        };
        let signer = codec::unhex(&signed.key);
        let signer = signer.ok_or_else(|| bad(&header.participant, "its key is no key"))?;
        let order = self.plan.fit_order(header.round, &header.participant);
        Ok(Exhibit { header: header.clone(), signer, order, proof, opening })
    }

    /// The update of a spooled payload, and what opens its commitments.
    fn opened(
        &self,
        header: &Contribution,
        spool: &dyn Spool,
    ) -> Result<(Vec<f32>, Secret), Error> {
        let accepted = crate::central::accepted(header);
        let Contribution { plan, round, model, .. } = *header;
        let cohort = Cohort {
            context: &Context { plan, round, model },
            accepted: &[],
            spool,
            len: self.len,
            before: &[],
            bound: self.channel.bound,
        };
        cohort.opened(&self.channel, &accepted)
    }

    /// One verdict for each: only what is proved may be accepted.
    pub fn judge<'e>(
        &self,
        occasion: &Occasion<'e>,
        exhibits: &'e [Exhibit],
    ) -> Result<Vec<Result<(), Refusal>>, Error> {
        let Occasion { setup, model } = *occasion;
        let nonce = setup.nonce.ok_or(NO_NONCE)?;
        let shown = |exhibit: &'e Exhibit| {
            let Exhibit { header, signer, order, proof, opening } = exhibit;
            let participant = &header.participant;
            let claim = Claim {
                context: setup.context(),
                participant,
                signer,
                nonce,
                dataset: setup.roster.dataset(participant).map_or(&[], Dataset::bytes),
                examples: header.examples,
            };
            let opening = opening.as_ref().map(|(values, seed)| (&values[..], seed));
            Shown { claim, order, model, proof, opening }
        };
        let shown: Vec<Shown<'_>> = exhibits.iter().map(shown).collect();
        let verdicts = self.verifier.verify(&shown)?;
        match verdicts.len() == exhibits.len() {
            true => Ok(verdicts),
            false => {
                Err(Error::Bug("a verifier gave more or fewer verdicts than there are proofs"))
            }
        }
    }

    /// Refuses sums that are not the sums of what was proved; `accepted` are the contributions,
    /// in the order in which they were summed.
    pub fn judge_sums(
        &self,
        contributions: &[SignedContribution],
        sums: &[RowSum],
        blobs: &dyn Blobs,
    ) -> Result<(), Error> {
        let mut proofs = Vec::with_capacity(contributions.len());
        for signed in contributions {
            proofs.push(self.kept(&signed.contribution, blobs)?);
        }
        for sum in sums {
            let proofs: Vec<&[u8]> = sum
                .members
                .iter()
                .filter_map(|&place| proofs.get(place))
                .map(Vec::as_slice)
                .collect();
            let RowSum { levels, blindings, .. } = sum;
            self.verifier.verify_sum(&Summands { proofs: &proofs, levels, blindings })?;
        }
        Ok(())
    }

    /// A proof that was kept with an accepted contribution.
    pub fn kept(&self, header: &Contribution, blobs: &dyn Blobs) -> Result<Vec<u8>, Error> {
        self.admit(header)?;
        let told = header.proof.ok_or_else(|| bad(&header.participant, "there is none"))?;
        let mut proof = vec![0; told.bytes as usize];
        blobs.read(told.digest, 0, &mut proof)?;
        match Digest::of_bytes(&proof) == told.digest {
            true => Ok(proof),
            false => Err(Error::world("reading a proof", "its bytes do not have its digest")),
        }
    }
}
