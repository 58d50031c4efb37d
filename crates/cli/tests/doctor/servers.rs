//! Servers, clocks and files that are not as they should be.

use chrono::TimeDelta;
use okta_introspect::sandbox::{Bucket, Fault, Times};

use super::case::{Case, TOKEN};
use crate::common::org::Org;

#[test_support::test]
fn servers_that_do_not_do_their_part() {
    for case in [
        Case::setting(
            "nobody listens",
            &[("--issuer", "http://127.0.0.1:9")],
            ("discovery", "fail", "no connection"),
            3,
        ),
        Case::setting(
            "no such host",
            &[("--issuer", "https://nobody.invalid")],
            ("discovery", "fail", "no connection"),
            3,
        ),
        Case::server(
            "a web page",
            |org| always(org, Fault::html(200)),
            ("discovery", "fail", "not JSON"),
            3,
        ),
        Case::server(
            "a redirect",
            |org| always(org, Fault::redirect(302, "https://evil.example/")),
            ("discovery", "fail", "never followed"),
            3,
        ),
        Case::server(
            "an outage",
            |org| always(org, Fault::html(503)),
            ("discovery", "fail", "is failing"),
            3,
        ),
        Case::server(
            "tokens fail",
            |org| at(org, Fault::oauth(500, "server_error"), "token"),
            (TOKEN, "fail", "is failing"),
            3,
        ),
        Case::server(
            "no API Access Management",
            |org| at(org, Fault::api(401, "E0000015"), "token"),
            (TOKEN, "fail", "does not have API Access Management"),
            4,
        ),
        Case::server(
            "all inactive",
            |org| at(org, Fault::active(false), "introspect"),
            ("introspect", "fail", "another server or a cache answers"),
            3,
        ),
        Case::server(
            "all active",
            |org| at(org, Fault::active(true), "introspect"),
            ("introspect", "fail", "to be relied on"),
            3,
        ),
        Case::server(
            "a proxy at introspection",
            |org| at(org, Fault::html(200), "introspect"),
            ("introspect", "fail", "not JSON"),
            3,
        ),
        Case::server(
            "active is text",
            |org| at(org, Fault::active("true"), "introspect"),
            ("introspect", "fail", "members"),
            3,
        ),
        Case::server(
            "revocation is refused",
            |org| at(org, Fault::oauth(400, "invalid_request"), "revoke"),
            ("revoke", "fail", "refused the request"),
            4,
        ),
        Case::server("the rate limit is used up", use_up, (TOKEN, "fail", "called too often"), 3),
        Case::server(
            "too many calls at once",
            |org| org.sandbox.set_concurrency_limit(0),
            (TOKEN, "fail", "fewer calls in parallel"),
            3,
        ),
        Case::server(
            "our clock is slow",
            |org| org.sandbox.set_clock_offset(TimeDelta::minutes(10)),
            ("clock", "warn", "slow"),
            0,
        ),
        Case::server(
            "our clock is fast",
            |org| org.sandbox.set_clock_offset(TimeDelta::minutes(-10)),
            ("clock", "warn", "fast"),
            0,
        ),
        Case::server(
            "little is left",
            |org| org.sandbox.set_rate_limit(Bucket::Org, 8),
            ("rate_limit", "warn", "share this limit"),
            0,
        ),
        Case::server(
            "the key lies open",
            lay_open,
            ("key", "warn", "other users of this computer"),
            0,
        ),
    ] {
        case.check();
    }
}

fn always(org: &Org, fault: Fault) {
    org.sandbox.faults().inject(fault, Times::Always);
}

/// The app has half of a limit of two.
fn use_up(org: &Org) {
    org.sandbox.set_rate_limit(Bucket::OrgToken, 2);
    org.run(&["token"], &[("--scope", "okta.users.read")], "").exits(0);
}

/// At one endpoint of the org server.
fn at(org: &Org, fault: Fault, endpoint: &str) {
    always(org, fault.at(format!("/oauth2/v1/{endpoint}")));
}

fn lay_open(org: &Org) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let readable = PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(org.world.path("key.pem"), readable).unwrap();
    }
}
