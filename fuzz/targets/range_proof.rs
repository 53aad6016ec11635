#![no_main]
//! See [`tacit_fuzz::range_proof`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::range_proof::run(data));
