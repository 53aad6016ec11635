#![no_main]
//! See [`tacit_fuzz::codec`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::codec::run(data));
