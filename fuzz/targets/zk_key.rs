#![no_main]
//! See [`tacit_fuzz::zk::key`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::zk::key(data));
