#![no_main]
//! See [`tacit_fuzz::secagg`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::secagg::run(data));
