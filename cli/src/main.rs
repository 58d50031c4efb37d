//! The `okta-introspect` command.

fn main() {}
