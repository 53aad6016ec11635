#![no_main]
//! See [`tacit_fuzz::certificate`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::certificate::run(data));
