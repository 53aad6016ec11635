//! Virtual participants and seeded worlds: the same rounds in one process.
//!
//! [`simulate`](simulate::simulate) trains a real federation without a network.
#![forbid(unsafe_code)]

pub mod memory;
pub mod ports;
pub mod simulate;
