//! What a system for secure aggregation must hold to, whatever its protocol: tests that know it
//! only through the traits of [`adapter`]. `docs/secagg-conformance.md` says what each group of
//! tests shows and how another system is put under them.

#![allow(clippy::unwrap_used)]

mod adapter;
mod coordinators;
mod dropouts;
mod members;
mod messages;
mod randomness;
mod tacit;
mod view;
mod world;
