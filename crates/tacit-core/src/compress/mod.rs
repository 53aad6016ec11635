//! How a chunk of an update becomes bytes: a chain of stages ([`Compressor`]) that each change the
//! form of what travels, and a coder at its end that writes it.
//!
//! The [`Form`] of a chunk (how many values, positions, scales, of how many bits) follows from the
//! plan and the model's length alone. So a reader knows before the first byte how much it will
//! hold, and takes no length from the wire.
//!
//! [`Compressor`]: crate::traits::Compressor

mod chain;
mod fields;
mod form;

pub use chain::{Chain, Misfit};
pub use fields::{Fields, check_positions};
pub use form::{Form, Grid, Place, Seeds, Signal};
