//! Fuzzes [`rpm_fuzz::data_sets`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::data_sets(data));
