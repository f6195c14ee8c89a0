//! Fuzzes [`rpm_fuzz::model_replies`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rpm_fuzz::model_replies(data));
