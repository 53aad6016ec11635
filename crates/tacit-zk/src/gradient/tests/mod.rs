//! Tests of soundness and of everything else about proofs of gradients.

mod round_trip;
mod world;
