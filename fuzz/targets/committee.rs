#![no_main]
//! See [`tacit_fuzz::committee`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::committee::run(data));
