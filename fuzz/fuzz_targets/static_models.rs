//! Fuzzes [`rpm_fuzz::static_models`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::static_models(data));
