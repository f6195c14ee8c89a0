//! Fuzzes [`rpm_fuzz::providers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::providers(data));
