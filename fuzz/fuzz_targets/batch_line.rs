//! The command's readers of a batch are private, and stand alone: they are taken as they are.

#![no_main]
#![allow(dead_code)]

#[path = "../../crates/cli/src/command/batch"]
mod batch {
    mod line;
    mod lines;
    mod members;

    #[path = "../../../../../fuzz/src/batch_line.rs"]
    pub mod fuzzing;
}

#[path = "../../crates/cli/src/input"]
mod input {
    pub(crate) mod wrapping;
}

/// The command has it from there, too.
mod text {
    pub(crate) use okta_introspect_settings::text::BYTE_ORDER_MARK;
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| batch::fuzzing::batch_line(data));
