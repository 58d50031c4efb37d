//! A real server's tokens for our verifier, our tokens for Okta's, and one table of tampered tokens
//! for both.

use std::collections::BTreeMap;

use okta_introspect::sandbox::{App, CustomServer, Grant, Sandbox, SignIn, User};
use okta_introspect::{
    Algorithm, Client, Clock, Issuer, Scopes, SigningKey, SystemClock, Token, Verifier,
};
use serde_json::{Value, json};

use crate::node::{Provider, converse};
use crate::tokens::key_server::KeyServer;
use crate::tokens::minter::{AUDIENCE, CLIENT, Minter, NONCE, access_claims, id_claims, with};
use crate::tokens::mutations::{Mutation, OF_EVERY_TOKEN, OF_ID_TOKENS, Original, Theirs};
use crate::tokens::reason;

const AUDIENCE_OF_PROVIDER: &str = "api://default";

#[test_support::test(multi_thread)]
async fn tokens_of_a_real_server_verify() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
    let jwk: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
    let provider = Provider::start(&json!({
        "clients": [{"client_id": "0oa1", "jwks": {"keys": [jwk]}, "alg": "ES256", "scopes": ["orders.read"]}],
        "audience": "endpoint", "custom": "default", "token_format": "jwt",
    }));
    let issuer = Issuer::parse(provider.issuer()).unwrap();
    let client = Client::builder(issuer.clone(), "0oa1", key).build().unwrap();
    let token = client.request_token(&Scopes::parse("orders.read").unwrap()).await.unwrap();
    let token = token.token().expose();

    let verifier = Verifier::access_token(issuer.clone(), AUDIENCE_OF_PROVIDER).build().unwrap();
    let verified = verifier.verify(token).await.unwrap().into_result().unwrap();
    assert_eq!(verified.claims().cid.as_deref(), Some("0oa1"));
    println!("oidc-provider {}: its JWT access token verifies", provider.version());

    let elsewhere = Verifier::access_token(issuer, "api://other").build().unwrap();
    let rejection = elsewhere.verify(token).await.unwrap().into_result().unwrap_err();
    assert_eq!(reason(&rejection), "wrong_audience");
}

fn case(name: &str, kind: &str, token: &str, nonce: Option<&str>) -> Value {
    let mut case = json!({"name": name, "kind": kind, "token": token});
    if let Some(nonce) = nonce {
        case["nonce"] = nonce.into();
    }
    case
}

/// What Okta's verifier says to each case, by name.
async fn okta_jwt_verifier(
    issuer: &str,
    audience: &str,
    client_id: &str,
    cases: Vec<Value>,
) -> BTreeMap<String, bool> {
    let config = json!({"issuer": issuer, "audience": audience, "clientId": client_id});
    let lines: Vec<Value> = std::iter::once(config).chain(cases).collect();
    let said =
        tokio::task::spawn_blocking(move || converse("jwt_verifier.mjs", &lines)).await.unwrap();
    let verdict =
        |said: &Value| (said["name"].as_str().unwrap().to_owned(), said["ok"].as_bool().unwrap());
    said.iter().map(verdict).collect()
}

#[test_support::test(multi_thread)]
async fn okta_s_verifier_takes_the_sandbox_s_tokens() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let sandbox = Sandbox::builder()
        .app(App::web("0oa1").key(key.public_jwk()))
        .user(User::new("00u1", "ada@acme.example"))
        .server(CustomServer::new("default").audience("api://default").scope("orders.read"))
        .start()
        .await
        .unwrap();
    let grant = Grant::to_client("0oa1").user("00u1").server("default").scope("orders.read");
    let access = sandbox.issue(&grant).unwrap();
    let id =
        sandbox.issue_id_token(&SignIn::new("0oa1", "00u1").server("default").nonce("n1")).unwrap();
    let plain = sandbox.issue_id_token(&SignIn::new("0oa1", "00u1").server("default")).unwrap();
    let issuer = sandbox.custom_issuer("default").unwrap();

    let said = okta_jwt_verifier(
        issuer.as_str(),
        "api://default",
        "0oa1",
        vec![
            case("access token", "access", access.expose(), None),
            case("ID token with a nonce", "id", id.expose(), Some("n1")),
            case("ID token without a nonce", "id", plain.expose(), None),
            case("ID token with another nonce", "id", id.expose(), Some("n2")),
            case("ID token as access token", "access", id.expose(), None),
        ],
    )
    .await;
    let expected = [
        ("access token", true),
        ("ID token with a nonce", true),
        ("ID token without a nonce", true),
        ("ID token with another nonce", false),
        ("ID token as access token", false),
    ];
    assert_eq!(said, expected.map(|(name, ok)| (name.to_owned(), ok)).into());

    // And ours says the same.
    let ours = Verifier::access_token(issuer.clone(), "api://default").build().unwrap();
    let signed_in = Verifier::id_token(issuer, "0oa1").build().unwrap();
    let taken = async |token: &Token, nonce| {
        signed_in.verify(token.expose(), nonce).await.unwrap().is_verified()
    };
    assert!(ours.verify(access.expose()).await.unwrap().is_verified());
    assert!(!ours.verify(id.expose()).await.unwrap().is_verified());
    assert!(
        taken(&id, Some("n1")).await && taken(&plain, None).await && !taken(&id, Some("n2")).await
    );
}

#[test_support::test(multi_thread)]
async fn tampered_tokens_are_refused_by_both() {
    let minter = Minter::generate(Algorithm::Rs256, "k1");
    let stranger = Minter::generate(Algorithm::Rs256, "k1");
    let server = KeyServer::start(minter.document()).await;
    let issuer = Issuer::parse(&server.issuer()).unwrap();
    // Okta's verifier goes by the computer's clock.
    let now = SystemClock.now().timestamp();
    let times =
        json!({"iss": server.issuer(), "iat": now, "exp": now + 3600, "auth_time": now - 60});
    let sign = |input: &str| minter.sign_input(input);
    let original =
        |claims| Original { header: minter.header(), claims, sign: &sign, stranger: &stranger };
    let access = original(with(access_claims(), times.clone()));
    let id = original(with(id_claims(), times));

    let table: Vec<(&str, &Mutation, String)> = OF_EVERY_TOKEN
        .iter()
        .map(|mutation| ("access", mutation, (mutation.make)(&access)))
        .chain(
            OF_EVERY_TOKEN
                .iter()
                .chain(&OF_ID_TOKENS)
                .map(|mutation| ("id", mutation, (mutation.make)(&id))),
        )
        .collect();

    let name = |kind: &str, mutation: &Mutation| format!("{kind}: {}", mutation.name);
    let nonce = |kind: &str| (kind == "id").then_some(NONCE);
    let mut cases: Vec<Value> = table
        .iter()
        .map(|(kind, mutation, token)| case(&name(kind, mutation), kind, token, nonce(kind)))
        .collect();
    cases.push(case("access: untouched", "access", &minter.token(&access.claims), None));
    cases.push(case("id: untouched", "id", &minter.token(&id.claims), Some(NONCE)));
    let theirs = okta_jwt_verifier(issuer.as_str(), AUDIENCE, CLIENT, cases).await;
    assert!(theirs["access: untouched"] && theirs["id: untouched"]);

    let of_access = Verifier::access_token(issuer.clone(), AUDIENCE).build().unwrap();
    let of_id = Verifier::id_token(issuer, CLIENT).build().unwrap();
    assert!(of_access.verify(&minter.token(&access.claims)).await.unwrap().is_verified());
    assert!(of_id.verify(&minter.token(&id.claims), Some(NONCE)).await.unwrap().is_verified());
    let mut by_both = 0;
    for (kind, mutation, token) in &table {
        let name = name(kind, mutation);
        let rejection = match *kind {
            "access" => of_access.verify(token).await.unwrap().into_result().map(drop),
            _ => of_id.verify(token, Some(NONCE)).await.unwrap().into_result().map(drop),
        };
        assert_eq!(reason(&rejection.expect_err(&name)), mutation.reason, "{name}");
        // What ends the process of a naive caller counts as a refusal.
        let takes = mutation.okta_jwt_verifier == Theirs::Takes;
        assert_eq!(theirs[&name], takes, "{name}");
        by_both += usize::from(!takes);
    }
    println!(
        "@okta/jwt-verifier: {} tampered tokens, {by_both} refused by both, all by us",
        table.len()
    );
    assert!(by_both >= 25);
}
