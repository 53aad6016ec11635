//! Opens sums, frame by frame: one vector for each group in memory, and a seed for every mask.

use crate::keys::Secret;
use crate::mask::{Mask, Prg, Sign, apply};
use crate::messages::malformed;
use crate::ring::{Ring, Word};
use crate::session::FRAME_VALUES;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::traits::Opening;

/// Masks whose keys are expanded at a time: their schedules stay in the second cache.
const MASKS_AT_A_TIME: usize = 256;

/// What opens the sum of one group.
pub(crate) struct Sum {
    /// Whose contributions are summed, sorted.
    pub roster: Vec<ParticipantId>,
    /// What is taken off.
    pub seeds: Vec<(Secret, Sign)>,
}

/// Opens the sums of groups.
pub(crate) fn of(prg: Prg, ring: Ring, sums: Vec<Sum>) -> Box<dyn Opening> {
    if ring.bits() <= u32::BITS {
        Box::new(Sums::<u32>::new(prg, ring, sums))
    } else {
        Box::new(Sums::<u64>::new(prg, ring, sums))
    }
}

struct Sums<W> {
    prg: Prg,
    ring: Ring,
    groups: Vec<Rows<W>>,
    members: Vec<usize>,
    frame: u32,
    /// One contribution.
    scratch: Vec<W>,
    opened: Vec<Vec<u64>>,
}

/// A frame of one group.
struct Rows<W> {
    sum: Sum,
    /// Whose contributions are in the total.
    added: Vec<bool>,
    total: Vec<W>,
}

impl<W: Word> Sums<W> {
    fn new(prg: Prg, ring: Ring, sums: Vec<Sum>) -> Self {
        let opened = vec![Vec::new(); sums.len()];
        let members = sums.iter().map(|sum| sum.roster.len()).collect();
        let rows = |sum: Sum| Rows { added: vec![false; sum.roster.len()], total: Vec::new(), sum };
        let groups = sums.into_iter().map(rows).collect();
        Self { prg, ring, groups, members, frame: 0, scratch: Vec::new(), opened }
    }
}

impl<W: Word> Opening for Sums<W> {
    fn members(&self) -> Result<&[usize], Error> {
        Ok(&self.members)
    }

    fn row(&self, sender: &ParticipantId) -> Option<usize> {
        self.groups.iter().position(|group| group.sum.roster.binary_search(sender).is_ok())
    }

    fn begin(&mut self, frame: u32, count: usize) -> Result<(), Error> {
        if count > FRAME_VALUES {
            let expected = format!("at most {FRAME_VALUES} integers");
            return Err(Error::caller("frame", expected, count.to_string()));
        }
        self.frame = frame;
        self.scratch.resize(count, W::narrow(0));
        for group in &mut self.groups {
            group.added.fill(false);
            group.total.clear();
            group.total.resize(count, W::narrow(0));
        }
        Ok(())
    }

    fn add(&mut self, sender: &ParticipantId, sealed: &[u8]) -> Result<(), Refusal> {
        let found = self.groups.iter_mut().find_map(|group| {
            let place = group.sum.roster.binary_search(sender).ok()?;
            Some((group, place))
        });
        let (group, place) = found.ok_or_else(|| malformed("frame of a member that left"))?;
        if group.added[place] {
            return Err(malformed("frame that was added before"));
        }
        self.ring.unpack(sealed, &mut self.scratch)?;
        for (total, word) in group.total.iter_mut().zip(&self.scratch) {
            *total = total.plus(*word);
        }
        group.added[place] = true;
        Ok(())
    }

    fn finish(&mut self) -> Result<&[Vec<u64>], Error> {
        let offset = u64::from(self.frame) * FRAME_VALUES as u64;
        for (group, opened) in self.groups.iter_mut().zip(&mut self.opened) {
            if let Some(place) = group.added.iter().position(|added| !added) {
                let what = format!("frame {} of {}", self.frame, group.sum.roster[place]);
                return Err(Refusal::TooFew { what, expected: 1, found: 0 }.into());
            }
            for seeds in group.sum.seeds.chunks(MASKS_AT_A_TIME) {
                let masks: Vec<(Mask, Sign)> = seeds
                    .iter()
                    .map(|(seed, sign)| (Mask::new(self.prg, seed.as_bytes()), *sign))
                    .collect();
                let masks: Vec<(&Mask, Sign)> = masks.iter().map(|(m, sign)| (m, *sign)).collect();
                apply(&mut group.total, offset, &masks);
            }
            opened.clear();
            opened.extend(group.total.iter().map(|word| word.widen() & self.ring.mask()));
        }
        Ok(&self.opened)
    }
}
