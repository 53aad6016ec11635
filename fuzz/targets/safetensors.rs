#![no_main]
//! See [`tacit_fuzz::safetensors`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::safetensors::run(data));
