//! Fuzzes [`rpm_fuzz::catalogs`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::catalogs(data));
