#![no_main]
//! See [`tacit_fuzz::zk::circuit`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::zk::circuit(data));
