//! Apps that are registered wrongly.

use okta_introspect::sandbox::{App, AppKey, AppKind, AppStatus, AuthMethod};
use okta_introspect::{Algorithm, SigningKey};
use serde_json::{Value, json};

use super::case::Case;
use crate::common::org::{CLIENT, Org, key};

#[test_support::test]
fn wrong_registrations() {
    for case in [
        Case::app(
            "another public key",
            |app| with_keys(app, &[json_key("k1")]),
            "the private key does not belong to the public key",
            4,
        ),
        Case::app("no public key", |app| with_keys(app, &[]), "the app has no public key", 4),
        Case::app(
            "two keys with one id",
            |app| app.key(AppKey::from_jwk(&json_key("k1")).unwrap()),
            "key set is damaged",
            4,
        ),
        Case {
            after: |org| register(org, "use", "enc"),
            ..Case::app(
                "a key for encryption",
                |app| app,
                "the registered key is for encryption",
                4,
            )
        },
        Case {
            after: |org| register(org, "alg", "ES512"),
            ..Case::app(
                "another algorithm registered",
                |app| app,
                "the algorithm is not allowed",
                4,
            )
        },
        Case::app(
            "a client secret",
            |app| app.auth_method(AuthMethod::ClientSecretBasic),
            "authenticates by client secret",
            4,
        ),
        Case::app(
            "a deactivated app",
            |app| app.status(AppStatus::Inactive),
            "the app is deactivated, or it authenticates by another method",
            4,
        ),
        Case::app("a web app", as_web, "not an API Services app", 4),
        Case {
            changes: &[("--dpop", "never")],
            ..Case::app(
                "DPoP is demanded and turned off",
                |app| app.dpop_required(true),
                "the app demands DPoP",
                4,
            )
        },
        Case {
            changes: &[("--key-id", "")],
            ..Case::app(
                "two keys and no key id",
                |app| app.key(AppKey::from_jwk(&json_key("k2")).unwrap()),
                "the key id is missing",
                4,
            )
        },
        Case {
            after: |org| org.sandbox.deactivate_key("0oa1", "k1").unwrap(),
            ..Case::app("a deactivated key", |app| app, "names no active key of the app", 4)
        },
        Case {
            found: ("api okta.users.read", "fail", "lacks an admin role"),
            ..Case::app("no admin role", |app| app.admin(false), "", 4)
        },
    ] {
        case.check();
    }
}

/// A public key that is nobody's.
fn json_key(id: &str) -> Value {
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some(id.to_owned()));
    serde_json::from_str(&key.public_jwk().to_json()).unwrap()
}

fn with_keys(mut app: App, keys: &[Value]) -> App {
    app.jwks = keys.iter().map(|key| AppKey::from_jwk(key).unwrap()).collect();
    app
}

fn as_web(mut app: App) -> App {
    app.kind = AppKind::Web;
    app
}

/// Registers the app's own key with another member.
fn register(org: &Org, member: &str, value: &str) {
    let own = key(&org.world).public_jwk().to_json();
    let mut jwk: Value = serde_json::from_str(&own).unwrap();
    jwk[member] = json!(value);
    let app = App::service(CLIENT).key(AppKey::from_jwk(&jwk).unwrap());
    org.sandbox.register(app.grant("okta.users.read"));
}
