//! Tests of soundness and of everything else about proofs of gradients.

mod accuracy;
mod adversaries;
mod faults;
mod mutants;
mod round_trip;
mod world;
