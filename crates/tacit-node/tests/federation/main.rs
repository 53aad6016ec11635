//! The real coordinator over real sockets, and everything that an insider, an outsider, a disk or
//! a power cut may do to it. Where the cohort allows, the honest participants' model must come
//! out as if nothing had happened; every refusal is told, counted and in the log.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../tacit-sim/tests/toy/keys.rs"]
mod keys;
#[path = "../../../tacit-sim/tests/toy/lying.rs"]
mod lying;
#[path = "../../../tacit-sim/src/world/oath.rs"]
mod toy;

mod attacker;
mod committee;
mod connections;
mod contributions;
mod crooked;
mod failures;
mod log;
mod proofs;
mod rounds;
mod secagg;
mod shady;
mod trial;
mod uploads;
