//! Differential privacy at the level of participants: noise whose distribution is exact, and
//! accounting of what releases cost.
#![forbid(unsafe_code)]

pub mod account;
pub mod noise;
