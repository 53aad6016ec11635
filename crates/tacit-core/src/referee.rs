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
use crate::proof::{Claim, Dataset, Secret, Shown, Sizes, Statement, Summands};
use crate::round::{Setup, Summary};
use crate::traits::{Blobs, Context, Keys, Party, Spool, Verifier};
use std::sync::Arc;

/// Verifies what the participants of a plan prove.
pub struct Referee {
    plan: Plan,
    channel: Channel,
    layout: Arc<Layout>,
    len: usize,
    sizes: Sizes,
    /// Whether what a release is made of follows from it anyway.
    exact: bool,
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

impl Exhibit {
    /// The proof.
    pub fn proof(&self) -> &[u8] {
        &self.proof
    }

    /// The proof alone.
    pub fn into_proof(self) -> Vec<u8> {
        self.proof
    }
}

/// What contributions of a round are judged by.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    /// Plan, round, nonce, and what participants enrolled with.
    pub setup: &'a Setup,
    /// The round's model, where [`Referee::model`] says that it is needed.
    pub model: Option<&'a Params>,
}

/// An integer of a sum in canonical JSON, with the comma behind it.
const INTEGER_BYTES: u64 = 21;

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
        let exact = plan.mechanism()?.by() == Party::Nobody;
        let (plan, layout) = (plan.clone(), layout.clone());
        Ok(Some(Self { plan, channel, layout, len, sizes, exact, verifier }))
    }

    /// Whether participants enrol with a commitment to their data.
    pub fn commits(&self) -> bool {
        self.sizes.commits
    }

    /// Names and shapes of the models.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Whether whoever verifies needs the round's model.
    pub fn model(&self) -> bool {
        self.sizes.model
    }

    /// Largest proof, in bytes.
    pub fn max_proof(&self) -> u64 {
        self.sizes.proof_bytes
    }

    /// Refuses an announced proof that is larger than any.
    pub fn admit(&self, header: &Contribution) -> Result<(), Refusal> {
        match header.proof {
            Some(proof) if proof.bytes > self.max_proof() => {
                let (what, limit, found) = ("proof".into(), self.max_proof(), proof.bytes);
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

    /// Refuses sums that are not the sums of what was proved; `contributions` are in the order in
    /// which they were summed. Where the release tells the sum anyway, it becomes a blob, for
    /// whoever checks the round: where only one is opened, and nobody adds noise to it.
    pub fn judge_sums(
        &self,
        contributions: &[SignedContribution],
        sums: &[RowSum],
        blobs: &dyn Blobs,
    ) -> Result<Option<Digest>, Error> {
        let mut proofs = Vec::with_capacity(contributions.len());
        for signed in contributions {
            proofs.push(self.kept(&signed.contribution, blobs)?);
        }
        sums.iter().try_for_each(|sum| self.judge_sum(&proofs, sum))?;
        match sums {
            [sum] if self.exact => Ok(Some(blobs.put(&codec::encode(sum))?)),
            _ => Ok(None),
        }
    }

    fn judge_sum(&self, proofs: &[Vec<u8>], sum: &RowSum) -> Result<(), Error> {
        let RowSum { members, levels, blindings } = sum;
        let proof = |&place: &usize| proofs.get(place).map(Vec::as_slice);
        let all: Option<Vec<&[u8]>> = members.iter().map(proof).collect();
        let ascending = members.windows(2).all(|pair| pair[0] < pair[1]);
        match all.filter(|_| ascending && levels.len() == self.len) {
            Some(proofs) => {
                self.verifier.verify_sum(&Summands { proofs: &proofs, levels, blindings })
            }
            None => Err(Refusal::Malformed { what: "opened sum".into() }.into()),
        }
    }

    /// Refuses a sum that was kept, unless it is that of what was proved; `proofs` are those of
    /// the accepted contributions, in the order of their participants' names.
    pub fn judge_kept_sum(&self, proofs: &[Vec<u8>], sum: &[u8]) -> Result<(), Error> {
        let sum: RowSum = codec::decode("opened sum", sum, self.max_sum(proofs.len()) as usize)?;
        if sum.blindings.len() != self.sizes.blindings {
            return Err(Refusal::Malformed { what: "opened sum".into() }.into());
        }
        self.judge_sum(proofs, &sum)
    }

    /// Largest blob of a sum of so many, in bytes.
    pub fn max_sum(&self, members: usize) -> u64 {
        let numbers = self.len as u64 + self.sizes.blindings as u64 + members as u64;
        64 + INTEGER_BYTES * numbers
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

    /// What must be kept of a round for whoever checks it, beside its journal: the proofs that
    /// count, the model where they speak of it, and the sum that was opened, where there is one.
    pub fn evidence(&self, summary: &Summary) -> Vec<Digest> {
        let proofs = summary.accepted.iter().filter_map(|signed| signed.contribution.proof);
        let model = self.model().then_some(summary.setup.model);
        let sum = summary.result.as_ref().ok().and_then(|outcome| outcome.sum);
        proofs.map(|proof| proof.digest).chain(model).chain(sum).collect()
    }

    /// One blob of it.
    pub fn exhibited(&self, digest: Digest, blobs: &dyn Blobs) -> Result<Vec<u8>, Error> {
        let absent = || Error::world("reading what proofs need", "a blob of it is gone");
        let mut bytes = vec![0; blobs.size(digest)?.ok_or_else(absent)? as usize];
        blobs.read(digest, 0, &mut bytes)?;
        match Digest::of_bytes(&bytes) == digest {
            true => Ok(bytes),
            false => Err(Error::world("reading what proofs need", "a blob has another digest")),
        }
    }
}
