#![no_main]
//! See [`tacit_fuzz::data`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::data::csv(data));
