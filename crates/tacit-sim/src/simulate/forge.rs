//! The adversary's turn: when everybody has trained, what its participants made is forged.

use super::train::Answer;
use super::{Kind, Simulation};
use crate::attack::{Field, Scene};
use std::collections::VecDeque;
use tacit_core::central;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::messages::Task;
use tacit_core::traits::Context;

impl Simulation<'_> {
    /// Replaces the answers of hostile participants. What the door refuses becomes an event that
    /// is counted, and an answer that declines: nobody waits for a deadline here.
    pub(super) fn forge(
        &mut self,
        task: &Task,
        answers: &mut [Answer],
    ) -> Result<VecDeque<Kind>, Error> {
        let mut refused = VecDeque::new();
        let Some(adversary) = &mut self.adversary else { return Ok(refused) };
        let Some(offer) = &mut self.offer else { return Ok(refused) };
        let is_hostile = |answer: &&mut Answer| {
            answer.as_ref().is_ok_and(|made| adversary.hostile().contains(&made.participant))
        };
        let (hostile, honest): (Vec<_>, Vec<_>) = answers.iter_mut().partition(is_hostile);
        let honest = honest.into_iter().filter_map(|answer| answer.as_ref().ok());
        offer.honest.extend(honest.map(central::accepted));
        offer.honest.sort_unstable_by(|a, b| a.participant.cmp(&b.participant));
        let participants = offer.honest.len() + hostile.len();
        let mut channel = self.plan.channel(self.centre.layout())?;
        channel.bound = channel.bound_at(task.clip_norm);
        let field = Field {
            scene: Scene { round: task.round, participants, hostile: hostile.len() },
            context: Context { plan: task.plan, round: task.round, model: task.model },
            honest: &offer.honest,
            store: &self.store,
            len: self.centre.sent_len(),
        };
        for answer in hostile {
            let Ok(made) = answer else { continue };
            let own = central::accepted(made);
            let Some(mut payload) = adversary.forge(&channel, &field, &own)? else { continue };
            // The proof stays that of its own update: it is what must not hold any more.
            payload.extend(self.centre.trailer(&self.store, &own)?);
            let inspector = self.centre.inspector(task.round, &made.participant);
            let mut inspector = inspector.within(task.clip_norm);
            if let Err(refusal) = inspector.push(&payload).and_then(|()| inspector.finish()) {
                let participant = made.participant.clone();
                refused.push_back(Kind::Refused { participant, refusal: refusal.clone() });
                *answer = Err(refusal.into());
                continue;
            }
            self.store.discard(task.round, own.payload)?;
            made.payload = Digest::of_bytes(&payload);
            made.payload_bytes = payload.len() as u64;
            self.store.keep(task.round, made.payload, payload)?;
        }
        Ok(refused)
    }
}
