//! Okta's Python SDK with our sandbox.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use okta_introspect::sandbox::{App, EventDraft, Grant, Sandbox, TokensOf, User};
use okta_introspect::{Algorithm, Signer, SigningKey};
use serde_json::{Value, json};

const CLIENT_ID: &str = "0oa-interop";
const SCOPES: [&str; 4] =
    ["okta.apps.read", "okta.groups.read", "okta.logs.read", "okta.users.read"];

/// Runs a script of this folder in its Python, and gives what it printed.
fn run(script: &str, config: &Value) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    let python = folder.join(".venv/bin/python");
    assert!(python.exists(), "make `.venv` in tests/interop first, as its README says");
    let mut child = Command::new(python)
        .arg(folder.join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    writeln!(child.stdin.take().unwrap(), "{config}").unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{script} printed no JSON"))
}

/// Users with and without names, a key without `use`, and a log with grants, refusals, revocations
/// and an administrator's doings: all pass the SDK's strict models.
#[test_support::test(multi_thread)]
async fn oktas_python_sdk_reads_users_keys_and_the_log() {
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let key_id = key.public_jwk().thumbprint();
    let key = key.with_key_id(Some(key_id));
    let mut jwk: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
    jwk["use"] = Value::Null;
    let jwk = okta_introspect::sandbox::AppKey::from_jwk(&jwk).unwrap();
    let app = SCOPES.into_iter().fold(App::service(CLIENT_ID).key(jwk), App::grant);
    let sandbox = Sandbox::builder()
        .app(app)
        .user(User::new("00u1nameless", "nameless@acme.example"))
        .user(User::new("00u2ada", "ada@acme.example").name("Ada", "Lovelace"))
        .start()
        .await
        .unwrap();
    let token = sandbox.issue(&Grant::to_client(CLIENT_ID).user("00u2ada")).unwrap();
    sandbox.revoke(&token);
    let suspended = okta_introspect::sandbox::UserStatus::Suspended;
    sandbox.set_user_status("00u2ada", suspended).unwrap();
    sandbox.revoke_all(TokensOf::Client(CLIENT_ID)).unwrap();
    sandbox.universal_logout("00u2ada").unwrap();
    sandbox.write_event(EventDraft::new("oauth2.as.deactivated").server("default"));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    key.write_new_file(&path).unwrap();
    let (revoked, granted) = ("app.oauth2.token.revoke", "app.oauth2.token.grant.access_token");
    let config = json!({
        "orgUrl": sandbox.issuer().as_str(), "clientId": CLIENT_ID, "scopes": SCOPES,
        "privateKeyPem": std::fs::read_to_string(path).unwrap(), "keyId": Signer::key_id(&key),
        "filter": format!("eventType eq \"{revoked}\""),
    });
    let whole = tokio::task::spawn_blocking(move || run("okta_sdk.py", &config)).await.unwrap();
    println!("okta {} for Python", whole["sdk_version"]);
    let names: Vec<&Value> =
        list(&whole, "users").map(|user| &user["profile"]["firstName"]).collect();
    assert_eq!(names, [&Value::Null, &json!("Ada")], "{whole}");
    let keys: Vec<&Value> = list(&whole, "keys").map(|key| &key["use"]).collect();
    assert_eq!(keys, ["sig"], "{whole}");
    assert_eq!(whole["app"]["credentials"]["oauthClient"]["client_id"], CLIENT_ID, "{whole}");
    let events: Vec<&str> =
        list(&whole, "log").map(|event| event["eventType"].as_str().unwrap()).collect();
    let (logout, implicit) =
        ("user.authentication.universal_logout", "app.oauth2.token.revoke.implicit.client");
    let (suspended, server) = ("user.lifecycle.suspend", "oauth2.as.deactivated");
    assert_eq!(events, [revoked, suspended, implicit, logout, server, granted], "{whole}");
    let revocation = list(&whole, "log").next().unwrap();
    assert_eq!(revocation["target"][1]["type"], "access_token", "{revocation}");
    assert_eq!(list(&whole, "chosen").count(), 1, "{whole}");
}

fn list<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer[name].as_array().unwrap_or_else(|| panic!("no {name}: {answer}")).iter()
}
