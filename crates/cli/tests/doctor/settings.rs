//! Settings that are wrong.

use super::case::{Case, TOKEN};

#[test_support::test]
fn wrong_settings() {
    for case in [
        Case::setting(
            "a placeholder",
            &[("--issuer", "https://{yourOktaDomain}")],
            ("issuer", "fail", "put your own org's name"),
            2,
        ),
        Case::setting(
            "the console's host",
            &[("--issuer", "https://acme-admin.okta.com")],
            ("issuer", "fail", "-admin"),
            2,
        ),
        Case::setting(
            "no https",
            &[("--issuer", "http://acme.okta.com")],
            ("issuer", "fail", "https"),
            2,
        ),
        Case::setting(
            "a mistyped path",
            &[("--issuer", "https://acme.okta.com/oath2/default")],
            ("issuer", "fail", "/oauth2/default"),
            2,
        ),
        Case::setting(
            "no issuer",
            &[("--issuer", "")],
            ("issuer", "fail", "no issuer was given"),
            2,
        ),
        Case::setting(
            "no client id",
            &[("--client-id", "")],
            ("assertion", "fail", "no client id was given"),
            2,
        ),
        Case::setting(
            "the client id of another org",
            &[("--client-id", "0oa9")],
            (TOKEN, "fail", "the client id is not known to this org"),
            4,
        ),
        Case::setting(
            "no key",
            &[("--key-file", ""), ("--key-id", "")],
            ("key", "fail", "no private key was given"),
            2,
        ),
        Case::setting(
            "a key file that is not there",
            &[("--key-file", "no.pem")],
            ("key", "fail", "check the path"),
            2,
        ),
        Case::setting(
            "an algorithm that does not fit",
            &[("--algorithm", "RS256")],
            ("key", "fail", "does not fit the key"),
            2,
        ),
        Case::setting(
            "an unknown key id",
            &[("--key-id", "k9")],
            (TOKEN, "fail", "names no active key of the app"),
            4,
        ),
        Case::setting(
            "no certificate authorities",
            &[("--ca-file", "no.pem")],
            ("discovery", "fail", "certificate authorities"),
            2,
        ),
        Case::setting(
            "a scope with a comma",
            &[("--scope", "a,b")],
            ("token", "fail", "contains a comma"),
            2,
        ),
        Case::setting(
            "a scope that is not granted",
            &[("--scope", "okta.groups.read")],
            ("token okta.groups.read", "fail", "none of the requested scopes is granted"),
            4,
        ),
        Case::setting(
            "a custom scope at the org server",
            &[("--scope", "orders.read")],
            ("token orders.read", "fail", "a custom scope was requested from the org server"),
            4,
        ),
        Case::setting(
            "an OpenID scope",
            &[("--scope", "openid")],
            ("token openid", "fail", "OpenID scopes are for users"),
            4,
        ),
        Case::setting(
            "a scope for users",
            &[("--scope", "okta.users.read.self")],
            ("token okta.users.read.self", "fail", "`.self` scopes are for users"),
            4,
        ),
        Case::setting(
            "an Okta scope at a custom server",
            &[("--auth-server", "default")],
            (TOKEN, "fail", "the custom server does not have this scope"),
            4,
        ),
        Case::setting(
            "an unknown custom server",
            &[("--auth-server", "nowhere")],
            ("discovery", "fail", "the org has nothing at this address"),
            3,
        ),
        Case::setting(
            "a server whose policy leaves us out",
            &[("--auth-server", "closed"), ("--scope", "orders.read")],
            ("token orders.read", "fail", "no access policy and rule"),
            4,
        ),
        Case::setting(
            "DPoP where it is not demanded",
            &[("--dpop", "always")],
            (TOKEN, "fail", "not bound"),
            2,
        ),
    ] {
        case.check();
    }
}
