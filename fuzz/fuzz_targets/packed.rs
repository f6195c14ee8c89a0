//! Fuzzes [`rpm_fuzz::packed`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::packed(data));
