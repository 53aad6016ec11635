//! Local training: what one participant does with its own examples.
//!
//! Each file beside this one is one trainer and its registry entry; `engine` is the small network
//! engine that the built-in ones share.

mod classifier;
pub mod cnn;
pub mod command;
mod engine;
pub mod logistic_regression;
pub mod safetensors;
pub mod two_nn;

use tacit_core::registry::Entry;

/// Every trainer of this crate.
pub const TRAINERS: &[Entry] =
    &[logistic_regression::ENTRY, two_nn::ENTRY, cnn::ENTRY, command::ENTRY];
