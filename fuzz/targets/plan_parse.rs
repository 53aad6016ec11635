#![no_main]
//! See [`tacit_fuzz::plan_parse`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::plan_parse::run(data));
