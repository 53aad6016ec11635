//! The examples that show attacks on privacy do show them.
#![allow(clippy::unwrap_used)]

#[path = "../examples/gradient_inversion.rs"]
mod gradient_inversion;
#[path = "../examples/membership_inference.rs"]
mod membership_inference;
