//! `protection = "committee"`.

use super::Params;
use super::local::{LocalMember, LocalTable};
use std::sync::Arc;
use tacit_core::error::Error;
use tacit_core::exchange::{Stages, Terms};
use tacit_core::ids::ParticipantId;
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::traits::{Exchange, Member, Notary, Protection, Table, View};

/// The name in a plan.
pub const NAME: &str = "committee";

/// The entry of this file.
pub const ENTRY: Entry = Entry {
    name: NAME,
    help: "each update is dealt in shares to aggregators, of whom some together open the sum",
    parameters: &[
        Parameter {
            name: "aggregators",
            help: "aggregators in all",
            kind: Kind::Integer { min: 2, max: super::AGGREGATORS as i64 },
            default: Default::Integer(3),
        },
        Parameter {
            name: "threshold",
            help: "aggregators that together open a sum",
            kind: Kind::Integer { min: 2, max: super::AGGREGATORS as i64 },
            default: Default::Integer(2),
        },
        Parameter {
            name: "privacy",
            help: "aggregators that together learn nothing; one less than the threshold if absent",
            kind: Kind::Integer { min: 1, max: super::AGGREGATORS as i64 - 1 },
            default: Default::Absent,
        },
        Parameter {
            name: "resolution",
            help: "bits of an update's integers, where neither noise nor compression says",
            kind: Kind::Integer { min: 8, max: 32 },
            default: Default::Integer(24),
        },
        Parameter {
            name: "addresses",
            help: "one https://HOST:PORT for each aggregator; none in a simulation",
            kind: Kind::List,
            default: Default::Empty,
        },
        Parameter {
            name: "stage_timeout_s",
            help: "seconds in which participants deliver their shares",
            kind: Kind::Number { min: 0.1, max: 86_400.0 },
            default: Default::Number(60.0),
        },
    ],
    make: Make::Protection(|arguments| Ok(Box::new(Committee::new(arguments)?))),
};

/// The rule with its parameters.
#[derive(Clone, Debug)]
pub struct Committee {
    aggregators: usize,
    threshold: usize,
    privacy: usize,
    resolution: u32,
    addresses: Vec<String>,
    timeout_ms: u64,
}

impl Committee {
    /// Reads the parameters; refuses those of no sound committee.
    pub fn new(arguments: &Arguments) -> Result<Self, Error> {
        let count = |name| arguments.integer(name).map(|count| count as usize);
        let (aggregators, threshold) = (count("aggregators")?, count("threshold")?);
        let privacy = match arguments.has("privacy") {
            true => count("privacy")?,
            false => threshold.saturating_sub(1),
        };
        Params::new(aggregators, threshold, privacy, 32)?;
        let addresses = arguments.list("addresses")?.to_vec();
        if !addresses.is_empty() && addresses.len() != aggregators {
            let expected = format!("none, or one for each of {aggregators} aggregators");
            let found = addresses.len().to_string();
            return Err(Error::caller("addresses of a committee", expected, found));
        }
        let mut distinct: Vec<&String> = addresses.iter().collect();
        distinct.sort_unstable();
        if distinct.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::caller("addresses of a committee", "distinct ones", "one twice"));
        }
        let resolution = arguments.integer("resolution")? as u32;
        let timeout_ms = (arguments.number("stage_timeout_s")? * 1e3) as u64;
        Ok(Self { aggregators, threshold, privacy, resolution, addresses, timeout_ms })
    }

    /// How many aggregators there are.
    pub fn aggregators(&self) -> usize {
        self.aggregators
    }

    /// Where aggregators are reached; empty where everybody is in one process.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// How sums modulo 2 to `bits` are shared.
    pub fn params(&self, bits: u32) -> Result<Params, Error> {
        Params::new(self.aggregators, self.threshold, self.privacy, bits)
    }

    /// Colluding aggregators to whom a coordinator that shows the others different rosters does
    /// not yet tell one participant's update; `None` if it is told by such a coordinator alone.
    pub fn equivocation(&self) -> Option<usize> {
        // With c of them, a roster is told about if more than `privacy` − c others are shown it.
        // Two are if n − c ≥ 2·(`privacy` + 1 − c).
        (2 * self.privacy + 1).checked_sub(self.aggregators)
    }
}

impl Protection for Committee {
    fn reveals(&self) -> View {
        View::Sum
    }

    fn exchange(&self) -> Option<&dyn Exchange> {
        Some(self)
    }
}

impl Exchange for Committee {
    fn stages(&self, _: &Terms) -> Stages {
        let after = u8::from(!self.addresses.is_empty());
        Stages { before: 1, after, timeout_ms: self.timeout_ms, quorum: 1 }
    }

    fn blinds(&self) -> bool {
        false
    }

    fn resolution(&self) -> u32 {
        self.resolution
    }

    fn promise(&self, terms: &Terms) -> Result<String, Error> {
        self.params(terms.bits)?;
        if terms.minimum < 2 {
            let found = terms.minimum.to_string();
            return Err(Error::caller(
                "cohort.minimum",
                "at least 2: a sum of one hides none",
                found,
            ));
        }
        let Self { aggregators, threshold, privacy, .. } = self;
        let shown = match self.equivocation() {
            None => "a coordinator is trusted to show all of them one roster".into(),
            Some(0) => "nor does a coordinator that shows them different rosters, alone".into(),
            Some(most) => {
                format!("nor does a coordinator that shows them different rosters, with {most}")
            }
        };
        Ok(format!(
            "any {threshold} of {aggregators} aggregators open the sum of at least {} updates, \
             any {privacy} learn nothing more; {shown}; {} may fail, or {} lie and are named",
            terms.minimum,
            aggregators - threshold,
            (aggregators - threshold) / 2
        ))
    }

    fn frame_bytes(&self, bits: u32, count: usize) -> usize {
        // Over a network shares go to the aggregators, none to the coordinator.
        match self.params(bits) {
            Ok(params) if self.addresses.is_empty() => 8 * params.rows(count) * self.aggregators,
            _ => 0,
        }
    }

    fn member(&self, terms: &Terms, _: Arc<dyn Notary>) -> Result<Box<dyn Member>, Error> {
        self.in_one_process()?;
        Ok(Box::new(LocalMember::new(self.params(terms.bits)?)))
    }

    fn table(&self, terms: &Terms, cohort: &[ParticipantId]) -> Result<Box<dyn Table>, Error> {
        self.in_one_process()?;
        Ok(Box::new(LocalTable::new(self.params(terms.bits)?, cohort)))
    }
}

impl Committee {
    /// Refuses to play aggregators that the plan says are elsewhere.
    fn in_one_process(&self) -> Result<(), Error> {
        if self.addresses.is_empty() {
            return Ok(());
        }
        let expected = "none where the aggregators are part of the simulation";
        let found = self.addresses.len().to_string();
        Err(Error::caller("addresses of a committee", expected, found))
    }
}
