#![no_main]
//! See [`tacit_fuzz::gradient_proof`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::gradient_proof::run(data));
