//! Tokens of the sandbox's servers, verified with the keys that they publish.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use okta_introspect::sandbox::{App, CustomServer, Grant, Sandbox, SignIn, User};
use okta_introspect::verify::TokenKind;
use okta_introspect::{Clock, InvalidToken, Jwks, ManualClock, Scopes, Verifier};

const CLIENT: &str = "0oa2portal";
const AUDIENCE: &str = "api://default";

fn clock() -> ManualClock {
    ManualClock::new(DateTime::from_timestamp(1_795_211_259, 0).unwrap())
}

async fn sandbox(clock: &ManualClock) -> Sandbox {
    Sandbox::builder()
        .clock(clock.clone())
        .app(App::web(CLIENT))
        .user(User::new("00u1ada", "ada@acme.example"))
        .server(CustomServer::new("default").audience(AUDIENCE).scope("orders.read"))
        .start()
        .await
        .unwrap()
}

fn grant() -> Grant {
    Grant::to_client(CLIENT).user("00u1ada").server("default").scope("orders.read")
}

fn keys(sandbox: &Sandbox, clock: &ManualClock) -> Jwks {
    let issuer = sandbox.custom_issuer("default").unwrap();
    Jwks::builder(issuer).clock(clock.clone()).build().unwrap()
}

fn verifier(sandbox: &Sandbox, clock: &ManualClock) -> Verifier {
    Verifier::access_token(sandbox.custom_issuer("default").unwrap(), AUDIENCE)
        .clients([CLIENT])
        .required_scopes(Scopes::parse("orders.read").unwrap())
        .keys(keys(sandbox, clock))
        .clock(clock.clone())
        .build()
        .unwrap()
}

#[test_support::test]
async fn access_tokens_of_a_custom_server_verify() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let verifier = verifier(&sandbox, &clock);
    let token = sandbox.issue(&grant().bound_to("thumb")).unwrap();
    let verified = verifier.verify(token.expose()).await.unwrap().into_result().unwrap();
    let claims = verified.claims();
    assert_eq!((claims.sub.as_str(), claims.uid.as_deref()), ("ada@acme.example", Some("00u1ada")));
    assert_eq!(claims.cnf.as_ref().unwrap().jkt.as_deref(), Some("thumb"));
    assert_eq!(claims.exp, clock.now() + TimeDelta::hours(1));
}

#[test_support::test]
async fn id_tokens_of_both_servers_verify_and_no_token_passes_for_the_other_kind() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let sign_in = SignIn::new(CLIENT, "00u1ada").scope("profile").nonce("n");
    for (issuer, sign_in) in [
        (sandbox.issuer(), sign_in.clone()),
        (sandbox.custom_issuer("default").unwrap(), sign_in.clone().server("default")),
    ] {
        let verifier = Verifier::id_token(issuer, CLIENT).clock(clock.clone()).build().unwrap();
        let token = sandbox.issue_id_token(&sign_in).unwrap();
        let verified = verifier.verify(token.expose(), Some("n")).await.unwrap();
        assert_eq!(verified.claims().unwrap().sub, "00u1ada", "{verified:?}");
        let access = sandbox.issue(&grant()).unwrap();
        let refused = verifier.verify(access.expose(), Some("n")).await.unwrap();
        let (expected, found) = (TokenKind::IdToken, TokenKind::AccessToken);
        assert_eq!(refused.reason(), Some(&InvalidToken::WrongKind { expected, found }));
    }
    let id_token = sandbox.issue_id_token(&sign_in.server("default")).unwrap();
    let refused = verifier(&sandbox, &clock).verify(id_token.expose()).await.unwrap();
    let (expected, found) = (TokenKind::AccessToken, TokenKind::IdToken);
    assert_eq!(refused.reason(), Some(&InvalidToken::WrongKind { expected, found }));
}

#[test_support::test]
async fn access_tokens_of_the_org_server_are_sent_to_introspection() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let token = sandbox.issue(&Grant::to_client(CLIENT).user("00u1ada")).unwrap();
    let refused = verifier(&sandbox, &clock).verify(token.expose()).await.unwrap();
    let issuer = Some(sandbox.issuer().to_string());
    assert_eq!(refused.reason(), Some(&InvalidToken::OrgAccessToken { issuer }));
}

#[test_support::test]
async fn rotations_go_unnoticed_by_those_who_have_good_tokens() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let verifier = verifier(&sandbox, &clock);
    let mut previous = sandbox.issue(&grant()).unwrap();
    for rotation in 0..3 {
        sandbox.rotate_keys("default").unwrap();
        let new = sandbox.issue(&grant()).unwrap();
        for token in [&previous, &new] {
            let verification = verifier.verify(token.expose()).await.unwrap();
            assert!(verification.is_verified(), "{rotation}: {verification:?}");
        }
        previous = new;
        clock.advance(Duration::from_secs(1800));
    }
    let fetches = sandbox.requests().iter().filter(|r| r.path().ends_with("/v1/keys")).count();
    // The next key is published ahead: keys are fetched when they expire, not for rotations.
    assert_eq!(fetches as u64, verifier.keys().status().fetches);
    assert!(fetches <= 4, "{fetches}");
}
