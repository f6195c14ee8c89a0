//! Fuzzes [`rpm_fuzz::replies`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::replies(data));
