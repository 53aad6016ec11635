//! Coordinator and participant over HTTPS: the only async crate of tacit.
//!
//! Both sides authenticate with certificates of the federation's own authority ([`pki`],
//! [`tls`]) and speak the messages of `proto/tacit/v1` ([`wire`]). What a coordinator must not
//! lose is in a [`store`].
#![forbid(unsafe_code)]

pub mod client;
pub mod committee;
pub mod coordinator;
pub mod desk;
pub mod files;
pub mod keys;
pub mod memory;
pub mod notary;
pub mod participant;
pub mod pki;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod wire;
pub mod witness;
