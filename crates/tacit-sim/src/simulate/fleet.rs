//! The devices of simulated participants: how fast each computes and transfers, and when it can
//! be reached.

use std::collections::BTreeMap;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::plan::{Devices, Plan};
use tacit_core::rng::Seed;

/// A trace in bytes: a hundred thousand devices with a week of windows each.
const TRACE_BYTES: u64 = 1 << 28;

/// Times at which a device can be reached, in a trace.
const WINDOWS: usize = 100_000;

/// Largest speed and bandwidth: beyond it a duration is 0 anyway.
const FASTEST: f64 = 1e12;

/// One participant's device.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Device {
    /// Examples per second of training: one pass over one example counts once.
    pub(super) examples_per_s: f64,
    /// 10⁶ bits per second, each way.
    pub(super) megabits_per_s: f64,
    /// Probability that it answers in a round.
    pub(super) availability: f64,
    /// From and until when it can be reached, in milliseconds: ascending, apart; empty for always.
    pub(super) windows: Vec<(u64, u64)>,
    /// After how many milliseconds the windows repeat; 0 for never.
    pub(super) period_ms: u64,
}

/// Whole milliseconds, rounded up; what no clock holds is the end of time.
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).ceil() as u64
}

impl Device {
    /// How long it trains on `examples`, each counted once per pass.
    pub(super) fn fit_ms(&self, examples: u64) -> u64 {
        milliseconds(examples as f64 / self.examples_per_s)
    }

    /// How long it sends or fetches.
    pub(super) fn transfer_ms(&self, bytes: u64) -> u64 {
        milliseconds(bytes as f64 * 8e-6 / self.megabits_per_s)
    }

    /// The first stretch of time from `now_ms` on in which it can be reached.
    pub(super) fn reachable(&self, now_ms: u64) -> Option<(u64, u64)> {
        let (first, last) = match (self.windows.first(), self.windows.last()) {
            (Some(first), Some(last)) => (*first, *last),
            _ => return Some((now_ms, u64::MAX)),
        };
        let period = self.period_ms;
        let base = now_ms.checked_div(period).map_or(0, |count| count * period);
        let at = now_ms - base;
        let shift = |(from, until): (u64, u64), base: u64| {
            (base.saturating_add(from).max(now_ms), base.saturating_add(until))
        };
        // A window up to the end of a period goes on in one from the beginning of the next.
        let joined = period > 0 && last.1 == period && first.0 == 0;
        let open = self.windows.iter().find(|window| window.1 > at);
        match open {
            Some(window) if joined && *window == last => {
                let (from, _) = shift(*window, base);
                Some((from, base.saturating_add(period).saturating_add(first.1)))
            }
            Some(window) => Some(shift(*window, base)),
            None if period > 0 => Some(shift(first, base.saturating_add(period))),
            None => None,
        }
    }
}

/// Everybody's devices.
#[derive(Debug)]
pub(super) struct Fleet {
    devices: BTreeMap<ParticipantId, Device>,
    seed: Seed,
}

impl Fleet {
    /// The devices that the plan gives `participants`; `None` for a plan without devices.
    pub(super) fn assemble<'a>(
        plan: &Plan,
        participants: impl Iterator<Item = &'a ParticipantId>,
    ) -> Result<Option<Self>, Error> {
        let seed = plan.seed();
        let devices = match plan.devices() {
            None => return Ok(None),
            Some(Devices::Trace { path, period_ms }) => {
                let rows = trace::read(path, *period_ms)?;
                trace::deal(rows, participants, &seed)?
            }
            Some(generated) => {
                participants.map(|id| (id.clone(), generate(generated, &seed, id))).collect()
            }
        };
        Ok(Some(Self { devices, seed }))
    }

    /// A participant's device, where it answers in `round` at all.
    pub(super) fn answers(&self, participant: &ParticipantId, round: u32) -> Option<&Device> {
        let device = self.devices.get(participant)?;
        let parts: [&[u8]; 2] = [&round.to_le_bytes(), participant.as_str().as_bytes()];
        let mut coin = self.seed.derive("tacit/v1/available", &parts).rng();
        (coin.unit() < device.availability).then_some(device)
    }
}

/// A device whose speed and bandwidth are log-normal about the plan's medians.
fn generate(of: &Devices, seed: &Seed, participant: &ParticipantId) -> Device {
    let mut rng = seed.derive("tacit/v1/device", &[participant.as_str().as_bytes()]).rng();
    let (mut speed, mut bandwidth, mut available) = (FASTEST, FASTEST, 1.0);
    if let Devices::Generated {
        examples_per_s,
        speed_spread,
        megabits_per_s,
        bandwidth_spread,
        availability,
    } = of
    {
        speed = examples_per_s * (speed_spread * rng.normal()).exp();
        bandwidth = megabits_per_s * (bandwidth_spread * rng.normal()).exp();
        available = *availability;
    }
    Device {
        examples_per_s: speed,
        megabits_per_s: bandwidth,
        availability: available,
        windows: Vec::new(),
        period_ms: 0,
    }
}

mod trace;

#[cfg(test)]
mod tests;
