#![no_main]
//! See [`tacit_fuzz::zk::state`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::zk::state(data));
