//! Fuzzes [`rpm_fuzz::texts`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::texts(data));
