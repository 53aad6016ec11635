#![no_main]
//! See [`tacit_fuzz::wire`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::wire::run(data));
