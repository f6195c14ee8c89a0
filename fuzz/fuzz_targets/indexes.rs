//! Fuzzes [`rpm_fuzz::indexes`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::indexes(data));
