//! What is fuzzed: decoders, verifiers and state machines, each as a function of bytes that must
//! never panic and that asserts what must hold for whatever it accepts.
//!
//! `fuzz/targets/` makes a libFuzzer program of each (`cargo xtask fuzz`); `cargo test` runs each
//! over its committed corpus on the stable compiler.
#![forbid(unsafe_code)]

pub mod audit;
pub mod audit_dir;
pub mod certificate;
pub mod codec;
pub mod committee;
pub mod compress;
pub mod data;
pub mod gradient_proof;
pub mod payload;
pub mod plan_parse;
pub mod range_proof;
pub mod round_step;
mod rules;
pub mod safetensors;
pub mod secagg;
pub mod wire;
pub mod zk;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target by name: the name of its program and of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("audit", audit::run),
    ("audit_dir", audit_dir::run),
    ("certificate", certificate::run),
    ("codec", codec::run),
    ("committee", committee::run),
    ("compress", compress::run),
    ("data_csv", data::csv),
    ("data_idx", data::idx),
    ("data_npz", data::npz),
    ("data_parquet", data::parquet),
    ("gradient_proof", gradient_proof::run),
    ("payload", payload::run),
    ("plan_parse", plan_parse::run),
    ("range_proof", range_proof::run),
    ("round_step", round_step::run),
    ("safetensors", safetensors::run),
    ("secagg", secagg::run),
    ("wire", wire::run),
    ("zk_circuit", zk::circuit),
    ("zk_key", zk::key),
    ("zk_state", zk::state),
    ("zk_transcript", zk::transcript),
];
