//! Servers whose certificate says nothing.

use okta_introspect::sandbox::{SandboxBuilder, ServerIdentity};

use super::case::Case;

#[test_support::test]
fn certificates_that_are_not_trusted() {
    let tls = |name: &'static str, build: fn(SandboxBuilder) -> SandboxBuilder| Case {
        build,
        ..Case::setting(name, &[], ("discovery", "fail", "could not be trusted"), 3)
    };
    for case in [
        tls("an unknown authority", SandboxBuilder::tls_self_made),
        tls("an expired certificate", |builder| {
            builder.tls(ServerIdentity::self_made_expired().unwrap())
        }),
        tls("another host's certificate", |builder| {
            builder.tls(ServerIdentity::self_made_for("other.example").unwrap())
        }),
    ] {
        case.check();
    }
}
