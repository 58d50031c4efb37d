//! `verify` and `decode`: what a token says, and whether it is the issuer's.

use serde_json::json;

use crate::common::{Sandbox, World};

/// A sandbox with a custom server, and an access token of it.
fn signed_in() -> (World, Sandbox, String) {
    let world = World::new();
    let sandbox = Sandbox::start(&world, &[]);
    let token = world.run(&["token", "--auth-server", "default", "--scope", "orders.read"]);
    let token = token.exits(0).stdout.trim().to_owned();
    (world, sandbox, token)
}

const DEFAULT: [&str; 3] = ["verify", "--auth-server", "default"];

fn verify<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [DEFAULT.as_slice(), more].concat()
}

#[test_support::test]
fn a_token_of_a_custom_server_is_verified_and_its_claims_are_told() {
    let (world, sandbox, token) = signed_in();
    let run = world.pipe(&verify(&["--audience", "api://default", "--json"]), &token);
    let told = run.exits(0).json();
    assert_eq!(told["verified"], true);
    assert_eq!(told["algorithm"], "RS256");
    assert_eq!(told["claims"]["cid"], sandbox.text("client_id"));
    assert!(run.stderr.contains("revoked"), "{run:?}");

    let marked = format!("\u{feff}{token}\r\n");
    world.pipe(&verify(&["--audience", "api://default"]), &marked).exits(0);
    let run =
        world.pipe(&verify(&["--audience", "api://default", "--scope", "orders.read"]), &token);
    assert!(run.exits(0).stdout.starts_with("verified\n"), "{run:?}");
    assert!(run.stdout.contains("in 59 min"), "{run:?}");
    run.hides(&token);
}

#[test_support::test]
fn a_token_that_is_not_as_wanted_is_rejected_with_its_reason() {
    let (world, _sandbox, token) = signed_in();
    let org = world.run(&["token", "--scope", "okta.users.read"]).exits(0).stdout.trim().to_owned();
    let (input, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}", "A".repeat(342));
    for (name, more, token, reason) in [
        ("another audience", vec!["--audience", "api://other"], &token, "wrong_audience"),
        (
            "a missing scope",
            vec!["--audience", "api://default", "--scope", "orders.write"],
            &token,
            "missing_scopes",
        ),
        ("not an ID token", vec!["--id-token"], &token, "wrong_kind"),
        ("a forged signature", vec!["--audience", "api://default"], &forged, "bad_signature"),
        ("of the org server", vec!["--audience", "api://default"], &org, "org_access_token"),
        ("opaque", vec!["--audience", "api://default"], &"opaque".to_owned(), "not_compact"),
    ] {
        let run = world.pipe(&[verify(&more), vec!["--json"]].concat(), token);
        let told = run.exits(1).hides(token).json();
        assert_eq!(
            (&told["verified"], &told["rejection"]["reason"]),
            (&json!(false), &json!(reason)),
            "{name}"
        );
        let run = world.pipe(&verify(&more), token);
        assert!(run.exits(1).stdout.starts_with("rejected\n"), "{name}: {run:?}");
    }
}

#[test_support::test]
fn what_cannot_be_told_is_neither_verified_nor_rejected() {
    let (world, sandbox, token) = signed_in();
    let issuer = sandbox.text("custom_issuer").to_owned();
    drop(sandbox);
    let command = ["verify", "--issuer", &issuer, "--audience", "api://default"];
    world.pipe(&command, &token).exits(3);
}

#[test_support::test]
fn a_wrong_use_is_refused_before_a_token_is_read() {
    let (world, _) = World::with_key();
    let bad = world.write("bad.json", "hello");
    let issuer = ["--issuer", "https://acme.okta.com/oauth2/default"];
    for (name, args, says) in [
        ("no audience", vec![], "--audience"),
        ("signature only without keys", vec!["--signature-only"], "--jwks"),
        ("a nonce for an access token", vec!["--nonce", "n"], "--id-token"),
        (
            "keys that are missing",
            vec!["--audience", "a", "--jwks", "missing.json"],
            "cannot be read",
        ),
        ("keys that are none", vec!["--audience", "a", "--jwks", &bad], ""),
    ] {
        let run = world.run(&[vec!["verify"], issuer.to_vec(), args].concat());
        assert!(run.exits(2).stderr.contains(says), "{name}: {run:?}");
    }
    let org = ["verify", "--issuer", "https://acme.okta.com", "--audience", "a"];
    world.pipe(&org, "t").fails(2, "opaque");
}

#[test_support::test]
fn an_empty_token_is_no_verdict() {
    let world = World::new();
    let keys = world.write("keys.json", r#"{"keys":[]}"#);
    let issuer = ["verify", "--issuer", "https://acme.okta.com/oauth2/default"];
    let whole = [&issuer[..], &["--audience", "a", "--jwks", &keys]].concat();
    for args in [&whole[..], &["verify", "--signature-only", "--jwks", &keys]] {
        assert!(world.pipe(args, "").exits(2).stderr.contains("the token is empty"), "{args:?}");
    }
    let long = world.pipe(&whole, "x".repeat(16 * 1024 + 1));
    let told = "the token has 16385 bytes; at most 16384 are taken";
    assert!(long.exits(1).stdout.contains(told), "{long:?}");
}

/// RFC 7515 A.2 and A.3, and what must not pass for them.
#[test_support::test]
fn vectors_of_others_end_with_zero_or_one() {
    const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const ES256: &str =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let key = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let world = World::new();
    let lone = world.write("key.json", key);
    let set = world.write("set.json", format!(r#"{{"keys":[{key}]}}"#));
    let marked = world.write("marked.json", format!("\u{feff}{key}"));
    let marked_set = world.write("marked_set.json", format!("\u{feff}{{\"keys\":[{key}]}}"));
    let good = format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.{ES256}");
    for (name, jws, code) in [
        ("RFC 7515 A.3", good.clone(), 0),
        ("a line break behind it", format!("{good}\n"), 0),
        ("an editor's mark before it", format!("\u{feff}{good}\r\n"), 0),
        ("two of them", format!("\u{feff}\u{feff}{good}"), 1),
        ("another signature", good.replace("DtEh", "DtEi"), 1),
        ("padding", format!("{good}=="), 1),
        ("a blank before it", format!(" {good}"), 1),
        ("no signature", good.replace(ES256, ""), 1),
        ("none", format!("eyJhbGciOiJub25lIn0.{PAYLOAD}."), 1),
        ("HS256", good.replace("eyJhbGciOiJFUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9"), 1),
        ("JSON serialisation", format!(r#"{{"payload":"{PAYLOAD}"}}"#), 1),
        ("nothing", String::new(), 2),
    ] {
        for keys in [&lone, &set, &marked, &marked_set] {
            let run = world.pipe(&["verify", "--jwks", keys, "--signature-only"], &jws);
            run.exits(code);
            assert!(run.stderr.contains("NO CLAIM"), "{name}: {run:?}");
        }
    }
}

#[test_support::test]
fn decode_explains_okta_s_claims_and_vouches_for_nothing() {
    let (world, _sandbox, token) = signed_in();
    let run = world.pipe(&["decode"], &token);
    assert!(run.exits(0).stdout.starts_with("NOT VERIFIED"), "{run:?}");
    for words in ["the client to which it was issued", "what it permits", "in 59 min"] {
        assert!(run.stdout.contains(words), "{words}: {run:?}");
    }
    assert_eq!(world.pipe(&["decode", "--json"], &token).exits(0).json()["verified"], false);
}
