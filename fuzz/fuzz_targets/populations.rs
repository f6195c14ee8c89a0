//! Fuzzes [`rpm_fuzz::populations`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::populations(data));
