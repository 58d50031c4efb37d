//! No verdict about what was not asked: what is no token, and a server that cannot know the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use okta_introspect::Token;
use okta_introspect::sandbox::{Fault, Grant, Times};
use serde_json::{Value, json};

use crate::common::org::{CLIENT, Org};
use crate::common::server::{answering, json};
use crate::common::{Run, World};

const JWT: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzM2NyZXQifQ.c2lnbmF0dXJl";

/// A JWT that names this issuer.
fn naming(issuer: &str) -> String {
    let claims = URL_SAFE_NO_PAD.encode(json!({ "iss": issuer }).to_string());
    format!("eyJhbGciOiJub25lIn0.{claims}.c2ln")
}

fn issue(org: &Org, grant: Grant) -> Token {
    org.sandbox.issue(&grant).unwrap()
}

#[test_support::test]
fn what_is_no_token_is_never_sent_and_never_judged() {
    let org = Org::new();
    let keys = org.world.write("keys.json", r#"{"keys":[]}"#);
    let verify = ["verify", "--audience", "a", "--jwks", &keys];
    let commands: [&[&str]; 6] = [
        &["introspect"],
        &["revoke", "--confirm"],
        &["watch", "--for", "1s"],
        &["explain"],
        &["decode"],
        &verify,
    ];
    for (text, told) in [
        ("null\n".to_owned(), "this is the word null, not a token"),
        ("\"null\"".to_owned(), "the word null"),
        ("undefined".to_owned(), "the word undefined"),
        ("None\n".to_owned(), "the word none"),
        ("token".to_owned(), "the word token"),
        ("Bearer ".to_owned(), "the word bearer"),
        ("Bearer null".to_owned(), "the word null"),
        ("\n".to_owned(), "is empty"),
        ("-".to_owned(), "neither letters nor digits"),
        ("$TOKEN".to_owned(), "not replaced"),
        ("[1,2]".to_owned(), "this is JSON"),
        ("<html><body>Sign in</body></html>".to_owned(), "this is HTML"),
        (format!("{JWT},ada@example.com"), "a JWT stands inside"),
        (format!("token={JWT}"), "a JWT stands inside"),
        (format!("ada@example.com {JWT}"), "a JWT stands inside"),
        (format!("{{\"id\":\"{JWT}\"}}"), "this is JSON"),
    ] {
        for command in commands {
            let own = match command[0] {
                "decode" => vec![
                    ("--issuer", ""),
                    ("--client-id", ""),
                    ("--key-file", ""),
                    ("--key-id", ""),
                ],
                "verify" => {
                    vec![("--issuer", "{org}/oauth2/default"), ("--key-file", ""), ("--key-id", "")]
                }
                _ => vec![],
            };
            let run = org.run(command, &own, &text);
            run.exits(2).hides("eyJzdWIi");
            assert_eq!(run.stdout, "", "{text}: {run:?}");
            assert!(run.stderr.contains(told), "{text}: {run:?}");
        }
    }
    let run = org.run(
        &["verify", "--signature-only", "--jwks", &keys],
        &[("--issuer", ""), ("--client-id", ""), ("--key-file", ""), ("--key-id", "")],
        "null",
    );
    assert!(run.exits(2).stderr.contains("the word null"), "{run:?}");
    assert!(org.sandbox.requests().is_empty(), "something was sent");
}

#[test_support::test]
fn another_server_of_the_org_is_asked_about_its_own_tokens() {
    let org = Org::new();
    let custom = issue(&org, Grant::to_client(CLIENT).server("default"));
    let run = org.run(&["introspect", "--json"], &[], custom.expose());
    assert_eq!(run.exits(0).json()["active"], true);
    let note = format!("asking {}/oauth2/default, which the token names", org.sandbox.issuer());
    assert!(run.stderr.contains(&note), "{run:?}");

    let watch = org.run(&["watch", "--for", "100ms", "--json"], &[], custom.expose());
    assert_eq!(watch.exits(0).json()["active"], true);

    let own = issue(&org, Grant::to_client(CLIENT));
    let at_custom = [("--issuer", "{org}/oauth2/default")];
    org.run(&["introspect"], &at_custom, own.expose()).exits(0);
    let quiet = org.run(&["introspect"], &[], own.expose());
    assert_eq!(quiet.exits(0).stderr, "");

    let confirmed = org.run(&["revoke", "--confirm", "--json"], &[], custom.expose());
    assert_eq!(confirmed.exits(0).json(), json!({"accepted": true, "active": false}));
    org.run(&["introspect"], &at_custom, custom.expose()).exits(1);
}

#[test_support::test]
fn a_server_at_another_address_gives_no_verdict_of_inactive() {
    let org = Org::new();
    let foreign = naming("https://login.acme.example/oauth2/default");
    let told = "cannot tell: the token names https://login.acme.example/oauth2/default, and http";
    let flag = "--issuer https://login.acme.example/oauth2/default";
    let is_told = |run: &Run| {
        assert!(run.stderr.contains(told) && run.stderr.contains(flag), "{run:?}");
    };
    for command in [&["introspect"][..], &["introspect", "--json"], &["watch", "--until-inactive"]]
    {
        let run = org.run(command, &[], &foreign);
        is_told(run.exits(3));
        assert_eq!(run.stdout, "");
    }
    let run = org.run(&["revoke", "--confirm"], &[], &foreign);
    is_told(run.exits(3));
    assert!(run.stderr.contains("accepted, but not confirmed"), "{run:?}");
    org.world.write("tokens.txt", &foreign);
    let run = org.run(&["introspect", "--batch", "tokens.txt"], &[], "");
    let record: Value = serde_json::from_str(&run.exits(3).stdout).unwrap();
    assert!(record.get("introspection").is_none(), "{record}");
    assert!(record["error"].as_str().unwrap().contains(told), "{record}");
    assert!(run.stderr.contains("1 without a verdict"), "{run:?}");
}

#[test_support::test]
fn a_token_whose_issuer_cannot_be_read_gives_no_verdict_of_inactive() {
    let org = Org::new();
    let issuer = org.sandbox.issuer().to_string();
    let token =
        |claims: &str| format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
    let told = "cannot tell: the token does not say readably which server it is from";
    for claims in [
        format!(r#"{{"iss":"{issuer}","iss":"{issuer}"}}"#),
        format!(r#"{{"sub":"a","sub":"b","iss":"{issuer}"}}"#),
        format!(r#"[{{"iss":"{issuer}"}}]"#),
        format!(r#"{{"iss":["{issuer}"]}}"#),
        r#"{"iss":1}"#.to_owned(),
    ] {
        for command in
            [&["introspect"][..], &["watch", "--until-inactive"], &["revoke", "--confirm"]]
        {
            let run = org.run(command, &[], &token(&claims));
            run.fails(3, told).fails(3, "okta-introspect decode");
        }
        org.world.write("tokens.txt", token(&claims));
        let run = org.run(&["introspect", "--batch", "tokens.txt"], &[], "");
        assert!(run.exits(3).stdout.contains(told), "{claims}: {run:?}");
    }
    for claims in [r#"{"iss":null}"#, "{}"] {
        org.run(&["introspect"], &[], &token(claims)).exits(1);
    }
}

/// An org with a custom domain answers about tokens under either name.
#[test_support::test]
fn active_counts_wherever_it_is_said_and_what_follows_it_too() {
    let org = Org::new();
    let foreign = naming("https://login.acme.example");
    org.sandbox.faults().inject(Fault::active(true), Times::Once);
    let run = org.run(&["introspect"], &[], &foreign);
    assert_eq!(run.exits(0).stderr, "", "a note where nothing is wrong");
    // Active before and inactive afterwards: the server knows the token.
    org.sandbox.faults().inject(Fault::active(true).at("/oauth2/v1/introspect"), Times::Once);
    let run = org.run(&["revoke", "--confirm"], &[], &foreign);
    assert_eq!((run.exits(0).stdout.as_str(), run.stderr.as_str()), ("inactive\n", ""));
    org.sandbox.faults().inject(Fault::active(true).at("/oauth2/v1/introspect"), Times::Once);
    let watch = ["watch", "--until-inactive", "--max-age", "100ms", "--for", "1m"];
    let run = org.run(&watch, &[], &foreign);
    assert!(run.exits(1).stdout.contains("  inactive"), "{run:?}");
}

#[test_support::test]
fn what_inactive_proves_of_a_token_without_an_issuer_is_said() {
    let org = Org::new();
    let proves = format!("inactive means that {} does not take it", org.sandbox.issuer());
    for command in [&["introspect"][..], &["revoke", "--confirm"], &["watch", "--until-inactive"]] {
        let run = org.run(command, &[], "made-up");
        run.exits(i32::from(command[0] != "revoke"));
        assert!(run.stderr.contains(&proves), "{run:?}");
    }
}

#[test_support::test]
fn an_error_about_the_token_is_not_our_credentials_fault() {
    let (world, _) = World::with_key();
    for status in ["400 Bad Request", "401 Unauthorized"] {
        let body = r#"{"error":"invalid_token","error_description":"Token was not recognised"}"#;
        let issuer = answering(move |_| json(status, body));
        let client = ["--issuer", &issuer, "--client-id", "0oa1", "--key-file", "key.pem"];
        for command in [&["introspect"][..], &["revoke"]] {
            let run = world.pipe(&[command, &client].concat(), "opaque");
            run.fails(3, "this is about the token asked about");
            assert!(run.stderr.contains("RFC 7662 wants `active: false`"), "{run:?}");
        }
    }
}
