#![no_main]
//! See [`tacit_fuzz::audit`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::audit::run(data));
