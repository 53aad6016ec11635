//! Empirical lower bounds of ε: what somebody who sees the releases can find out about who took
//! part refutes any smaller claim.
//!
//! [`one_run`] plays with a whole plan; its bound is loose, since the theorem holds for any
//! mechanism and all canaries share few runs. [`two_worlds`] plays with one release alone, often,
//! and comes close to ε: noise of half the deviation is found out there.

pub mod bound;
mod evidence;
mod game;
pub mod one_run;
pub mod two_worlds;
