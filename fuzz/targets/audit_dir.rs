#![no_main]
//! See [`tacit_fuzz::audit_dir`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::audit_dir::run(data));
