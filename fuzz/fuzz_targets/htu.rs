#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| okta_introspect::fuzzing::htu(data));
