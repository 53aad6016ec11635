//! The proofs of a simulated cohort: verified at once, before anything is counted.

use super::train::Answer;
use super::{Kind, Simulation};
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;
use tacit_core::messages::{Contribution, SignedContribution};
use tacit_core::params::Params;
use tacit_core::referee::{Exhibit, Occasion, Referee};
use tacit_core::round::Summary;
use tacit_core::traits::Blobs;

impl Simulation<'_> {
    /// Verifies what was proved; what is refused becomes an event that is counted, and an answer
    /// that declines.
    pub(super) fn verify(&mut self, model: &Params, answers: &mut [Answer]) -> Result<(), Error> {
        let Some(referee) = self.referee.clone() else { return Ok(()) };
        let offer = self.offer.as_ref().ok_or(Error::Bug("nobody was offered a task"))?;
        let setup = offer.setup.clone();
        let started = self.clock.now_ms();
        let occasion = Occasion { setup: &setup, model: Some(model) };
        let mut proved: Vec<&mut Answer> = answers.iter_mut().filter(|a| a.is_ok()).collect();
        for batch in proved.chunks_mut(limits::PROOFS_PER_BATCH) {
            let headers = batch.iter().filter_map(|answer| answer.as_ref().ok());
            let exhibits = headers.map(|header| self.exhibit(&referee, header));
            let exhibits = exhibits.collect::<Result<Vec<_>, _>>()?;
            let verdicts = referee.judge(&occasion, &exhibits)?;
            for (answer, verdict) in batch.iter_mut().zip(verdicts) {
                if let Err(refusal) = verdict {
                    let refused = self.refuse(answer, &refusal)?;
                    self.events.extend(refused);
                }
            }
        }
        self.verify_ms += self.clock.now_ms().saturating_sub(started);
        Ok(())
    }

    fn exhibit(&self, referee: &Referee, header: &Contribution) -> Result<Exhibit, Error> {
        let proof = referee.kept(header, &self.store)?;
        let (contribution, key, signature) = (header.clone(), String::new(), String::new());
        let signed = SignedContribution { contribution, key, signature };
        referee.exhibit(&signed, proof, Some(&self.store))
    }

    fn refuse(&mut self, answer: &mut Answer, refusal: &Refusal) -> Result<Option<Kind>, Error> {
        let Ok(header) = answer else { return Ok(None) };
        let participant = header.participant.clone();
        self.store.discard(header.round, header.payload)?;
        // It may be that of somebody whose contribution counts.
        self.bad_proofs.extend(header.proof.map(|proof| proof.digest));
        *answer = Err(refusal.clone().into());
        Ok(Some(Kind::Refused { participant, refusal: refusal.clone() }))
    }

    /// Leaves the proofs of a round that is over, and what they speak of, to the recorder.
    pub(super) fn record_proofs(&mut self, summary: &Summary) -> Result<(), Error> {
        let Some(referee) = &self.referee else { return Ok(()) };
        for digest in referee.evidence(summary) {
            self.recorder.evidence(&referee.exhibited(digest, &self.store)?)?;
            if digest != summary.setup.model {
                self.bad_proofs.push(digest);
            }
        }
        self.bad_proofs.drain(..).try_for_each(|proof| self.store.remove(proof))
    }
}
