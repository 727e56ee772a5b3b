#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tokend::fuzzing::refresh_token(bytes));
