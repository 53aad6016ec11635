//! Coordinator and participant over HTTPS: the only async crate of tacit.
//!
//! Both sides authenticate with certificates of the federation's own authority ([`pki`],
//! [`tls`]) and speak the messages of `proto/tacit/v1` ([`wire`]).
#![forbid(unsafe_code)]

mod files;
pub mod pki;
pub mod tls;
pub mod wire;
