//! The vocabulary of tacit: no I/O, no async, no clock, no unsafe.
//!
//! Start with [`traits`] and [`ports`], which hold every seam; then [`plan`] (what is to be done),
//! [`round`] (the state machine that does it) and [`pipeline`] (one update's way from a participant
//! into the next model).
#![forbid(unsafe_code)]

pub mod account;
pub mod bound;
pub mod central;
pub mod codec;
pub mod compress;
pub mod data;
pub mod digest;
pub mod downlink;
pub mod error;
pub mod evidence;
pub mod exchange;
pub mod hadamard;
pub mod history;
pub mod host;
pub mod ids;
pub mod kept;
pub mod limits;
pub mod local;
pub mod messages;
pub mod mix;
pub mod params;
pub mod pipeline;
pub mod plain;
pub mod plan;
pub mod ports;
pub mod proof;
pub mod referee;
pub mod registry;
pub mod rng;
pub mod round;
pub mod run;
mod seen;
pub mod traits;
