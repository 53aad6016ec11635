//! Differential privacy at the level of participants: noise whose distribution is exact, and
//! accounting of what releases cost.
#![forbid(unsafe_code)]

pub mod account;
mod accountant;
mod mechanism;
pub mod noise;

use tacit_core::registry::Entry;

/// What this room adds to a registry.
pub const ROOMS: [&[Entry]; 2] = [mechanism::ENTRIES, accountant::ENTRIES];
