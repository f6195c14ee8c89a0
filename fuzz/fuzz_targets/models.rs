//! Fuzzes [`rpm_fuzz::models`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::models(data));
