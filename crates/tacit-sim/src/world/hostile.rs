//! What a participant may send instead of its work.

use super::World;
use super::events::Payload;
use tacit_core::bound::Bound;
use tacit_core::digest::Digest;
use tacit_core::limits;
use tacit_core::messages::{SignedContribution, Task};

pub(super) type Delivery = (SignedContribution, Payload);

const KINDS: [&str; 15] = [
    "wrong-length",
    "trailing-bytes",
    "not-finite",
    "out-of-range",
    "large-norm",
    "corrupt-bytes",
    "wrong-size",
    "wrong-plan",
    "wrong-model",
    "wrong-round",
    "no-weight",
    "absurd-weight",
    "nan-loss",
    "other-contribution",
    "same-payload",
];

/// The same, where contributions are proved.
const UNPROVED: [&str; 5] =
    ["another-update", "broken-proof", "no-proof", "old-proof", "stolen-proof"];

impl World {
    /// Spoils good work in one of many ways. Some of them are good work too, but not the same.
    pub(super) fn spoil(&mut self, number: usize, task: &Task, good: Delivery) -> Delivery {
        if self.oaths.is_some() && self.rng.below(2) == 0 {
            let kind = UNPROVED[self.rng.below(UNPROVED.len() as u64) as usize];
            return self.perjure(kind, good);
        }
        let kind = KINDS[self.rng.below(KINDS.len() as u64) as usize];
        // What is sealed once is not sealed again.
        let again = kind == "other-contribution" && self.are_sums();
        if again || (kind == "large-norm" && self.channel.bound == Bound::None) {
            return good;
        }
        self.count(kind);
        let (mut signed, payload) = good.clone();
        let header = &mut signed.contribution;
        match kind {
            "wrong-length" => return frame(signed, &[0.25, 0.5]),
            "trailing-bytes" => return seal(signed, [&payload[..], &[1, 2, 3]].concat()),
            "not-finite" => return frame(signed, &[0.0, f32::NAN, 0.0]),
            "out-of-range" => return frame(signed, &[1e9, 0.0, 0.0]),
            "large-norm" => return frame(signed, &[60.0, 80.0, 0.0]),
            "corrupt-bytes" => {
                let mut bytes = payload.to_vec();
                let place = self.rng.below(bytes.len() as u64) as usize;
                bytes[place] ^= 1 << self.rng.below(8);
                return (signed, bytes.into());
            }
            "wrong-size" => header.payload_bytes += 1,
            "wrong-plan" => header.plan = task.model,
            "wrong-model" => header.model = task.plan,
            "wrong-round" => header.round = header.round.saturating_add(1),
            "no-weight" => header.examples = 0,
            "absurd-weight" => header.examples = limits::EXAMPLES + 1,
            "nan-loss" => header.loss = f64::NAN,
            _ => return self.twice(number, task, kind, good),
        }
        (signed, payload)
    }

    /// Sends the good work, and then work for the same task with another header.
    fn twice(&mut self, number: usize, task: &Task, kind: &str, good: Delivery) -> Delivery {
        let (signed, payload) = good.clone();
        self.upload_from(number, signed, payload);
        if kind == "other-contribution" {
            let examples = good.0.contribution.examples + 1;
            return self.trained(number, task, examples).unwrap_or(good);
        }
        let (mut signed, payload) = good;
        signed.contribution.fit_ms += 1;
        (signed, payload)
    }
}

/// One frame of these values.
fn frame(signed: SignedContribution, values: &[f32]) -> Delivery {
    let mut bytes = (values.len() as u32 * 4).to_le_bytes().to_vec();
    bytes.extend(tacit_core::params::bytes_of(values));
    seal(signed, bytes)
}

/// The same header about other bytes.
fn seal(mut signed: SignedContribution, bytes: Vec<u8>) -> Delivery {
    signed.contribution.payload = Digest::of_bytes(&bytes);
    signed.contribution.payload_bytes = bytes.len() as u64;
    (signed, bytes.into())
}
