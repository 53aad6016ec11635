//! Secure aggregation: a sum of updates of which nobody sees one.
//!
//! No input, output, clock or randomness of its own: entropy is handed in.

pub mod committee;
pub mod field;
pub mod graph;
mod groups;
pub mod keys;
pub mod mask;
mod member;
mod messages;
pub mod ntt;
mod opening;
mod promise;
pub mod ring;
mod roster;
pub mod rule;
mod seeds;
mod session;
pub mod shamir;
mod table;

#[cfg(test)]
extern crate self as tacit_secagg;
#[cfg(test)]
mod tests;

use tacit_core::registry::Entry;

/// What this room adds to a registry.
pub const ROOMS: [&[Entry]; 1] = [&[committee::rule::ENTRY, rule::ENTRY]];
