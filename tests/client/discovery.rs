//! Discovery: what it says when it fails, what it tells besides, and whose word it is not taken for.

use chrono::TimeDelta;
use okta_introspect::sandbox::{CustomServer, Fault, Sandbox, Times};
use okta_introspect::{
    Algorithm, Audience, Client, EndpointUrl, Endpoints, ErrorKind, Issuer, Jwks, Metadata,
    SigningKey,
};
use serde_json::json;
use test_support::{Act, Peer, reply_with};

async fn sandbox() -> Sandbox {
    Sandbox::builder().server(CustomServer::new("default")).start().await.unwrap()
}

fn client(issuer: &str) -> Client {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    Client::builder(Issuer::parse(issuer).unwrap(), "0oa1", key).build().unwrap()
}

#[test_support::test]
async fn the_clock_is_known_before_any_credentials_are_sent() {
    let sandbox = sandbox().await;
    sandbox.set_clock_offset(TimeDelta::minutes(10));
    let client = client(sandbox.issuer().as_str());
    assert_eq!(client.clock_offset(), None);
    client.metadata().await.unwrap();
    let offset = client.clock_offset().unwrap();
    assert!(offset.is_significant() && !offset.applied, "{offset}");
    assert_eq!((offset.millis + 30_000) / 60_000, 10);
}

#[test_support::test]
async fn a_failure_has_its_kind_and_what_is_known_of_its_cause() {
    let sandbox = sandbox().await;
    let org = sandbox.issuer().as_str().to_owned();
    let unknown = format!("{org}/oauth2/nowhere");
    let error = client(&unknown).metadata().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert_eq!(error.diagnosis().unwrap().about, "issuer");
    assert_eq!(error.refusal().unwrap().code.as_deref(), Some("E0000007"));

    sandbox.faults().inject(Fault::html(503), Times::Always);
    let error = client(&org).metadata().await.unwrap_err();
    assert_eq!((error.kind(), error.diagnosis()), (ErrorKind::ServerFailed, None));
}

#[test_support::test]
async fn what_is_known_of_the_attempts_is_kept_in_every_error() {
    let answer = |status, body: &str| {
        let headers = [("content-type", "application/json"), ("x-okta-request-id", "r1")];
        Act::Write(reply_with(status, &headers, body))
    };
    for (name, script, count) in [
        ("not fitting", vec![answer(200, r#"{"issuer":5}"#)], 1),
        ("no JSON", vec![answer(200, "{")], 1),
        ("another issuer", vec![answer(200, r#"{"issuer":"https://other.example"}"#)], 1),
        ("not there", vec![answer(404, "{}"), answer(404, "{}"), answer(404, "{}")], 3),
        ("at the second place", vec![answer(404, "{}"), answer(200, "[]")], 2),
    ] {
        let peer = Peer::start(script).await;
        let error = client(&peer.issuer()).metadata().await.expect_err(name);
        let attempts = error.attempts().expect(name);
        assert_eq!(attempts.count, count, "{name}");
        assert_eq!(attempts.request_ids, vec!["r1"; count as usize], "{name}");
    }
    let peer = Peer::start([Act::ResetAtOnce]).await;
    let error = client(&peer.issuer()).metadata().await.unwrap_err();
    assert_eq!(error.attempts().unwrap().count, 1);
}

fn document(issuer: &str, changes: &[(&str, &str)]) -> Metadata {
    let mut document = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/token"),
        "introspection_endpoint": format!("{issuer}/introspect"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "jwks_uri": format!("{issuer}/keys"),
    });
    for (name, url) in changes {
        document[*name] = json!(url);
    }
    serde_json::from_value(document).unwrap()
}

#[test]
fn endpoints_at_another_origin_are_refused_unless_their_hosts_are_allowed_by_name() {
    let issuer = "https://id.example/realm";
    assert!(document(issuer, &[]).endpoints().is_ok());
    for name in ["token_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri"] {
        for (url, allowed, fine) in [
            ("https://evil.example/x", &[][..], false),
            ("https://evil.example/x", &["good.example"], false),
            ("https://api.id.example/x", &["id.example"], false),
            ("https://id.example:8443/x", &["id.example"], false),
            ("https://good.example/x", &["other.example", "Good.Example"], true),
            ("https://good.example:8443/x", &["good.example:8443"], true),
            ("https://id.example:443/x", &[], true),
            // Never plain http for an https issuer, whatever is allowed.
            ("http://127.0.0.1:80/x", &["127.0.0.1", "127.0.0.1:80"], false),
            ("http://localhost:8080/x", &["localhost:8080", "localhost"], false),
        ] {
            let made = document(issuer, &[(name, url)]).endpoints_allowing(allowed);
            assert_eq!(made.is_ok(), fine, "{name} {url} {allowed:?}");
            if let Err(error) = made {
                assert_eq!(error.kind(), ErrorKind::Configuration, "{name} {url}");
                assert!(error.to_string().contains(name), "{error}");
            }
        }
    }
}

fn endpoints(token: &str, introspection: &str) -> Endpoints {
    let url = |text: &str| EndpointUrl::parse(text).unwrap();
    let [revocation, jwks] = ["revoke", "keys"].map(|name| {
        let base = token.rsplit_once('/').unwrap().0;
        url(&format!("{base}/{name}"))
    });
    Endpoints::new(url(token), url(introspection), revocation, jwks).unwrap()
}

#[test]
fn a_client_refuses_endpoints_that_give_its_assertions_away() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let build = |issuer: &str, endpoints: Endpoints, audience: Audience| {
        let issuer = Issuer::parse_other(issuer).unwrap();
        let builder = Client::builder(issuer, "0oa1", key.clone());
        builder.endpoints(endpoints).audience(audience).build()
    };
    let token = "https://id.example/token";
    let same = || endpoints(token, "https://id.example/introspect");
    let apart = || endpoints(token, "https://other.example/introspect");
    let plain = || endpoints("http://127.0.0.1:1/token", "http://127.0.0.1:1/introspect");
    for (name, issuer, endpoints, audience, fine) in [
        ("one origin", "https://id.example", same(), Audience::TokenEndpoint, true),
        ("named apart", "https://id.example", apart(), Audience::Endpoint, true),
        ("across origins", "https://id.example", apart(), Audience::TokenEndpoint, false),
        (
            "the same, written out",
            "https://id.example",
            apart(),
            Audience::Custom(token.to_owned()),
            false,
        ),
        ("in the clear", "https://id.example", plain(), Audience::Endpoint, false),
        ("all on loopback", "http://127.0.0.1:2", plain(), Audience::Endpoint, true),
    ] {
        let made = build(issuer, endpoints, audience);
        assert_eq!(made.is_ok(), fine, "{name}: {made:?}");
        if let Err(error) = made {
            assert_eq!(error.kind(), ErrorKind::Configuration, "{name}");
        }
    }
}

#[test_support::test]
async fn keys_at_another_origin_are_not_fetched_unless_they_are_named() {
    let other = Peer::start([]).await;
    let keys = format!("{}/keys", other.issuer());
    let peer = Peer::start([]).await;
    let issuer = peer.issuer();
    let body = serde_json::to_string(&document(&issuer, &[("jwks_uri", &keys)])).unwrap();
    peer.answer(move |_| reply_with(200, &[("content-type", "application/json")], &body));
    let issuer = Issuer::parse(&issuer).unwrap();
    let error = Jwks::builder(issuer.clone()).build().unwrap().refresh().await.unwrap_err();
    assert!(error.to_string().contains("another origin"), "{error}");
    assert!(other.requests().is_empty());
    let named = EndpointUrl::parse(&keys).unwrap();
    Jwks::builder(issuer).address(named).build().unwrap().refresh().await.unwrap_err();
    assert_eq!(other.requests().len(), 1);
}
