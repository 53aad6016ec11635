//! What participants prove of what they contribute, what of it is false, and what must hold.
//!
//! * What counts is what its participant proved, and nothing else: update, weight, round, model.
//! * Its proof is durable before it counts, and is refused to nobody who is honest.
//! * Whose proofs were refused is named in the summary of the round, and nobody else.
//! * A sum of something else than was proved is not applied; every other one is.

use super::faults::Canary;
use super::hostile::Delivery;
use super::lab::Lab;
use super::{Checked, Violation, World, require};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tacit_core::central;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::evidence::Clipped;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Contribution, ProofHeader, SignedContribution, Task};
use tacit_core::params::{Layout, Params, Update};
use tacit_core::plan::Plan;
use tacit_core::proof::{Claim, Dataset, NoKeys, Secret, Statement, Values, Work};
use tacit_core::referee::{Occasion, Referee};
use tacit_core::traits::{Blobs as _, Entropy, Opening, Proof, Prover};

/// Both sides of the plan's proofs.
pub(super) struct Oaths {
    rule: Box<dyn Proof>,
    prover: Box<dyn Prover>,
    pub referee: Arc<Referee>,
    /// Every proof that ever travelled, by its digest.
    made: BTreeMap<Digest, Arc<[u8]>>,
    /// What was proved of which contribution.
    proved: BTreeSet<Digest>,
    /// Who masked something else than it proved, by round.
    perjured: BTreeSet<(u32, ParticipantId)>,
}

/// A participant at work.
#[derive(Clone, Copy)]
pub(super) struct Witness<'a> {
    pub plan: &'a Plan,
    pub lab: &'a Lab,
    pub id: &'a ParticipantId,
    pub task: &'a Task,
}

/// What hides a participant's data in its commitment to them.
fn secret(id: &ParticipantId) -> Secret {
    Secret::from_bytes(Digest::of_parts("tacit/v1/world-secret", &[id.as_str().as_bytes()]).0)
}

/// Everything of a contribution that is proved.
fn essence(header: &Contribution) -> Digest {
    let Contribution { participant, round, model, payload, examples, proof, .. } = header;
    let proof = proof.map(|proof| proof.digest).unwrap_or_default();
    let (round, examples) = (round.to_le_bytes(), examples.to_le_bytes());
    let name = participant.as_str().as_bytes();
    let parts: [&[u8]; 6] = [name, &round, &model.0, &payload.0, &examples, &proof.0];
    Digest::of_parts("tacit/v1/world-essence", &parts)
}

impl Oaths {
    /// `None` where nothing is proved.
    pub fn new(plan: &Plan, layout: &Arc<Layout>) -> Result<Option<Self>, Error> {
        let Some(rule) = plan.proof()? else { return Ok(None) };
        let prover = rule.prover(&Statement { plan, layout }, &NoKeys)?;
        let referee = Referee::new(plan, layout, &NoKeys)?.map(Arc::new);
        let referee = referee.ok_or(Error::Bug("what is proved is verified"))?;
        let (made, proved, perjured) = Default::default();
        Ok(Some(Self { rule, prover, referee, made, proved, perjured }))
    }

    fn dataset(&self, plan: &Plan, lab: &Lab, id: &ParticipantId) -> Result<Dataset, Error> {
        let bytes = self.rule.commit(plan, &lab.shard, &secret(id))?.unwrap_or_default();
        Ok(Dataset::new(bytes)?)
    }

    fn prove(
        &mut self,
        witness: &Witness<'_>,
        (values, examples, seed): (Values<'_>, u64, &Secret),
        entropy: &mut dyn Entropy,
    ) -> Result<(ProofHeader, Vec<u64>), Error> {
        let Witness { plan, lab, id, task } = *witness;
        let dataset = self.dataset(plan, lab, id)?;
        let nonce = task.nonce.ok_or(Error::Bug("a round without a nonce was proved in"))?;
        let dataset = dataset.bytes();
        let context = task.context();
        let claim = Claim { context, participant: id, signer: &[], nonce, dataset, examples };
        // This rule looks at no model.
        let model = Params::from_bytes(lab.layout.clone(), &lab.initial)?;
        let (order, secret) = (plan.fit_order(task.round, id), secret(id));
        let (shard, order, model, secret) = (&lab.shard, &order, &model, &secret);
        let work = Work { order, model, shard, secret, values, seed };
        let made = self.prover.prove(&claim, &work, entropy)?;
        let (digest, bytes) = (Digest::of_bytes(&made.proof), made.proof.len() as u64);
        self.made.insert(digest, made.proof.into());
        Ok((ProofHeader { digest, bytes, prove_ms: 7 }, made.blindings))
    }

    /// Proves something of the levels that are masked, or of others.
    pub fn swear_levels(
        &mut self,
        witness: &Witness<'_>,
        levels: &[i64],
        lies: bool,
        entropy: &mut dyn Entropy,
    ) -> Result<(ProofHeader, Vec<u64>), Error> {
        let mut levels = levels.to_vec();
        if let (Some(level), true) = (levels.first_mut(), lies) {
            *level += 1;
            self.perjured.insert((witness.task.round, witness.id.clone()));
        }
        let seed = Secret::draw(entropy)?;
        self.prove(witness, (Values::Levels(&levels), 1, &seed), entropy)
    }
}

impl World {
    /// What a participant enrols with.
    pub(super) fn dataset(&self, id: &ParticipantId) -> Checked<Option<Dataset>> {
        let dataset = |oaths: &Oaths| oaths.dataset(self.plan, self.lab, id);
        Ok(self.oaths.as_ref().map(dataset).transpose()?)
    }

    /// Brings an update to what can be proved.
    pub(super) fn settle(&self, clipped: Clipped<Update>) -> Option<Clipped<Update>> {
        match &self.oaths {
            Some(oaths) => clipped.settle(|values| oaths.rule.settle(values)).ok(),
            None => Some(clipped),
        }
    }

    /// Proves an update that the coordinator sees; what opens its commitments goes behind the
    /// payload. The same for as long as a participant's process lives.
    pub(super) fn swear(
        &mut self,
        number: usize,
        task: &Task,
        (clipped, examples): (&Clipped<Update>, u64),
        payload: &mut Vec<u8>,
    ) -> Option<Option<ProofHeader>> {
        let me = &self.participants[number];
        let Some(oaths) = &mut self.oaths else { return Some(None) };
        let parts: [&[u8]; 4] = [
            me.id.as_str().as_bytes(),
            &me.incarnation.to_le_bytes(),
            &task.round.to_le_bytes(),
            &task.model.0,
        ];
        let seed = Secret::from_bytes(Digest::of_parts("tacit/v1/world-seed", &parts).0);
        let witness = Witness { plan: self.plan, lab: self.lab, id: &me.id, task };
        let of = (Values::Each(clipped.get().values()), examples, &seed);
        let (header, _) = oaths.prove(&witness, of, &mut self.talk.entropy).ok()?;
        payload.extend(seed.bytes());
        Some(Some(header))
    }

    /// Notes what was proved of a contribution.
    pub(super) fn sworn(&mut self, header: &Contribution) {
        if let Some(oaths) = &mut self.oaths {
            oaths.proved.insert(essence(header));
        }
    }

    /// Verifies the proof of a contribution whose payload is in the spool, and keeps it.
    pub(super) fn judge(&mut self, signed: &SignedContribution) -> Checked<Result<(), Refusal>> {
        let Some(oaths) = &self.oaths else { return Ok(Ok(())) };
        let header = &signed.contribution;
        let proof = header.proof.and_then(|proof| oaths.made.get(&proof.digest));
        let proof = proof.map(|proof| proof.to_vec()).unwrap_or_default();
        let setup = self.disk.shadow()?.round().setup().clone();
        if setup.nonce.is_none() {
            // Nobody has been drawn yet.
            return Ok(Err(Refusal::TooLate { round: setup.round }));
        }
        if self.canary != Some(Canary::AcceptUnproved) {
            let exhibit = oaths.referee.exhibit(signed, proof.clone(), Some(&self.disk.store));
            let exhibit = match exhibit {
                Ok(exhibit) => [exhibit],
                Err(Error::Peer(refusal)) => return Ok(Err(refusal)),
                Err(error) => return Err(error.into()),
            };
            let model = central::load(&self.disk.store, &self.lab.layout, setup.model)?;
            let occasion = Occasion { setup: &setup, model: Some(&model) };
            let verdict = oaths.referee.judge(&occasion, &exhibit)?.pop().unwrap_or(Ok(()));
            if let Err(refusal) = verdict {
                let honest = oaths.proved.contains(&essence(header));
                let current = header.model == setup.model;
                return match honest && current {
                    true => Err(Violation(format!("what is proved is refused: {refusal}"))),
                    false => Ok(Err(refusal)),
                };
            }
        }
        if self.canary != Some(Canary::KeepNoProofs) {
            self.disk.store.put(&proof)?;
        }
        Ok(Ok(()))
    }

    /// A proof that was kept with what counts.
    pub(super) fn kept_proof(&self, header: &Contribution) -> Checked<Option<Vec<u8>>> {
        let Some(oaths) = &self.oaths else { return Ok(None) };
        let kept = oaths.referee.kept(header, &self.disk.store);
        let lost = |_| Violation(format!("{} counts, its proof is lost", header.participant));
        kept.map(Some).map_err(lost)
    }

    /// What counts was proved, and its proof is kept.
    pub(super) fn check_sworn(&self, header: &Contribution) -> Checked {
        let proved = match &self.oaths {
            Some(oaths) => oaths.proved.contains(&essence(header)),
            None => header.proof.is_none(),
        };
        require(proved, || format!("{} counts with what it did not prove", header.participant))?;
        self.kept_proof(header).map(drop)
    }

    /// Whether somebody is in a sum with something else than it proved.
    pub(super) fn perjured_sum(
        &self,
        round: u32,
        contributions: &[SignedContribution],
        opening: Option<&dyn Opening>,
    ) -> bool {
        let (Some(oaths), Some(opening)) = (&self.oaths, opening) else { return false };
        let ids = contributions.iter().map(|signed| &signed.contribution.participant);
        let mut summed = ids.filter(|id| opening.row(id).is_some());
        summed.any(|id| oaths.perjured.contains(&(round, id.clone())))
    }

    /// Spoils what was proved, or its proof.
    pub(super) fn perjure(&mut self, kind: &'static str, good: Delivery) -> Delivery {
        let (mut signed, payload) = good.clone();
        let header = &mut signed.contribution;
        let (round, participant) = (header.round, header.participant.clone());
        let old = |(_, sent, _): &&(usize, SignedContribution, _)| {
            let Contribution { round: then, participant: who, .. } = &sent.contribution;
            *who == participant && *then < round
        };
        let stolen = |(_, sent, _): &&(usize, SignedContribution, _)| {
            sent.contribution.participant != participant
        };
        match kind {
            "another-update" if !self.are_sums() => {
                // Where the first value is, a shorter one.
                let mut bytes = payload.to_vec();
                bytes[4..8].copy_from_slice(&(1.0f32 / 1024.0).to_le_bytes());
                if bytes == payload[..] {
                    return good;
                }
                header.payload = Digest::of_bytes(&bytes);
                self.count(kind);
                return (signed, bytes.into());
            }
            "no-proof" => header.proof = None,
            "old-proof" | "stolen-proof" => {
                let found = match kind {
                    "old-proof" => self.sent.iter().find(old),
                    _ => self.sent.iter().rfind(stolen),
                };
                let Some((_, sent, _)) = found else { return good };
                header.proof = sent.contribution.proof;
            }
            _ => {
                let (Some(told), Some(oaths)) = (&mut header.proof, &mut self.oaths) else {
                    return good;
                };
                let Some(proof) = oaths.made.get(&told.digest) else { return good };
                let mut proof = proof.to_vec();
                proof[0] ^= 1;
                told.digest = Digest::of_bytes(&proof);
                oaths.made.insert(told.digest, proof.into());
                self.count("broken-proof");
                return (signed, payload);
            }
        }
        self.count(kind);
        (signed, payload)
    }
}
