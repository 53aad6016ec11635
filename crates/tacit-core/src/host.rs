//! The coordinator's side of an [`Exchange`](crate::traits::Exchange), driven by the journal: what
//! a record says happens to the table once the record is durable, and again when the journal is
//! replayed. The same behind sockets and in a simulation.

use crate::error::{Error, Refusal};
use crate::exchange::Terms;
use crate::ids::ParticipantId;
use crate::params::Layout;
use crate::plan::Plan;
use crate::round::{Entry, Record, Setup};
use crate::traits::{Opening, Table};
use std::sync::Arc;

/// Makes tables in the stead of a plan's protection: where servers elsewhere open its sums.
pub trait Seats: Send + Sync {
    /// The coordinator's side of one round; `frames` are those of every payload by number, with
    /// their integers, in the order in which they are sealed.
    fn table(&self, terms: &Terms, frames: &[(u32, u32)]) -> Result<Box<dyn Table>, Error>;
}

/// Holds the table of the current round, where the plan's protection has one.
#[derive(Default)]
pub struct Host {
    seats: Option<Arc<dyn Seats>>,
    table: Option<(u32, Box<dyn Table>)>,
    contributed: Vec<ParticipantId>,
    /// Why the table cannot go on, if so: the round fails when its sums are to be opened.
    lost: Option<String>,
}

impl Host {
    /// A host whose tables are made elsewhere, if `seats` are.
    pub fn new(seats: Option<Arc<dyn Seats>>) -> Self {
        Self { seats, ..Self::default() }
    }

    /// Follows a durable record; where a cohort is drawn, `setup` is what its round began from.
    pub fn follow(
        &mut self,
        plan: &Plan,
        layout: &Layout,
        setup: &Setup,
        entry: &Entry,
    ) -> Result<(), Error> {
        match &entry.fact {
            Record::Opened { cohort, .. } => {
                (self.contributed, self.lost) = (Vec::new(), None);
                let table = self.seat(plan, layout, setup, cohort)?;
                self.table = table.map(|table| (entry.round, table));
            }
            Record::Accepted { signed } if self.table.is_some() => {
                self.contributed.push(signed.contribution.participant.clone());
            }
            Record::Heard { stage } if self.lost.is_none() => {
                let closed = self.table(entry.round)?.close(*stage);
                self.lose(closed)?;
            }
            Record::Closed { .. } if self.table.is_some() && self.lost.is_none() => {
                let mut roster = std::mem::take(&mut self.contributed);
                roster.sort();
                let closed = self.table(entry.round)?.contributed(&roster);
                self.lose(closed)?;
            }
            Record::Released | Record::Aborted { .. } => {
                (self.table, self.contributed, self.lost) = (None, Vec::new(), None);
            }
            _ => {}
        }
        Ok(())
    }

    /// What is durable stays true: a round that cannot go on from it fails by itself.
    fn lose(&mut self, followed: Result<(), Error>) -> Result<(), Error> {
        match followed {
            Err(Error::Bug(promise)) => Err(Error::Bug(promise)),
            Err(error) => {
                self.lost = Some(error.to_string());
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// The table of a round; a refusal where the round cannot go on.
    pub fn table(&mut self, round: u32) -> Result<&mut dyn Table, Error> {
        if self.lost.is_some() {
            return Err(Refusal::TooLate { round }.into());
        }
        match &mut self.table {
            Some((of, table)) if *of == round => Ok(&mut **table),
            _ => Err(Error::Bug("a round without a table was told what its members say")),
        }
    }

    /// Makes ready to open the sums of a round; `None` for a protection that opens none.
    pub fn open(&self, round: u32) -> Result<Option<Box<dyn Opening>>, Error> {
        if let Some(why) = &self.lost {
            let expected = "what the protection needs to open a sum";
            return Err(Error::caller("messages of the round", expected, why.as_str()));
        }
        match &self.table {
            Some((of, table)) if *of == round => table.open().map(Some),
            _ => Ok(None),
        }
    }

    fn seat(
        &self,
        plan: &Plan,
        layout: &Layout,
        setup: &Setup,
        cohort: &[ParticipantId],
    ) -> Result<Option<Box<dyn Table>>, Error> {
        let channel = plan.channel(layout)?;
        let (Some(exchange), Some(sums)) = (channel.protection.exchange(), &channel.sums) else {
            return Ok(None);
        };
        let terms = plan.terms(&setup.context(), sums.bits);
        match &self.seats {
            None => exchange.table(&terms, cohort).map(Some),
            Some(seats) => {
                let frames = channel.hidden_frames(plan.sent_len(layout.len())?);
                seats.table(&terms, &frames).map(Some)
            }
        }
    }
}
