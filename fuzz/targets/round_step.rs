#![no_main]
//! See [`tacit_fuzz::round_step`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::round_step::run(data));
