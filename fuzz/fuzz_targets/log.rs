//! Fuzzes [`rpm_fuzz::log`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::log(data));
