//! DPoP: when proofs are sent, how nonces are followed, and that a bound token cannot go out as a
//! plain one. Requests are counted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use okta_introspect::{
    Algorithm, Client, DpopConfig, DpopMode, Error, ErrorKind, ResourceCall, Scopes, SigningKey,
    TokenSource, TokenType,
};
use serde_json::Value;
use test_support::{Act, Peer, Recorded, reply, reply_with};

use crate::support::{builder, clock, token};

const JSON: &str = "application/json";
const MISSING: &str =
    r#"{"error":"invalid_dpop_proof","error_description":"The DPoP proof JWT header is missing."}"#;
const NONCE: &str = r#"{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce in DPoP proof."}"#;

fn scopes() -> Scopes {
    Scopes::parse("okta.users.read").unwrap()
}

fn client(peer: &Peer, dpop: DpopConfig) -> Client {
    builder(&peer.issuer(), &clock()).dpop(dpop).build().unwrap()
}

fn granted(token_type: &str) -> Act {
    let body = format!(r#"{{"access_token":"t1","token_type":"{token_type}","expires_in":3600}}"#);
    Act::Write(reply(200, JSON, &body))
}

fn refused(body: &str) -> Act {
    Act::Write(reply(400, JSON, body))
}

fn demands(nonce: &str) -> Act {
    Act::Write(reply_with(400, &[("content-type", JSON), ("dpop-nonce", nonce)], NONCE))
}

/// Header and claims of a request's proof, if it has one.
fn proof(request: &Recorded) -> Option<(Value, Value)> {
    let mut parts = request.header("dpop")?.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
        serde_json::from_slice(&bytes).unwrap_or_default()
    });
    Some((parts.next()?, parts.next()?))
}

fn nonces(peer: &Peer) -> Vec<Option<String>> {
    let nonce = |request: &Recorded| proof(request)?.1["nonce"].as_str().map(str::to_owned);
    peer.requests().iter().map(nonce).collect()
}

fn all_different(peer: &Peer) {
    let mut ids: Vec<_> = peer
        .requests()
        .iter()
        .filter_map(|request| Some(proof(request)?.1["jti"].as_str()?.to_owned()))
        .collect();
    ids.extend(peer.requests().iter().filter_map(|request| request.form("client_assertion")));
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "a proof or an assertion was sent twice");
}

#[test_support::test]
async fn auto_sends_a_proof_once_it_is_demanded_and_remembers() {
    let peer = Peer::start([
        refused(MISSING),
        demands("n1"),
        granted("DPoP"),
        granted("DPoP"),
        granted("DPoP"),
    ])
    .await;
    let client = client(&peer, DpopConfig::default());
    for _ in 0..3 {
        assert_eq!(client.request_token(&scopes()).await.unwrap().token_type(), TokenType::Dpop);
    }
    let some = |nonce: &str| Some(nonce.to_owned());
    assert_eq!(nonces(&peer), [None, None, some("n1"), some("n1"), some("n1")]);
    assert!(proof(&peer.requests()[0]).is_none());
    all_different(&peer);
}

#[test_support::test]
async fn always_sends_a_proof_from_the_first_request_on() {
    let peer = Peer::start([demands("n1"), granted("DPoP")]).await;
    client(&peer, DpopConfig::new(DpopMode::Always)).request_token(&scopes()).await.unwrap();
    let (header, claims) = proof(&peer.requests()[0]).unwrap();
    assert_eq!(header["typ"], "dpop+jwt");
    assert_eq!(header["alg"], "ES256");
    let members: Vec<_> = header["jwk"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["crv", "kty", "x", "y"]);
    assert_eq!(claims["htm"], "POST");
    assert_eq!(claims["htu"], format!("{}/oauth2/v1/token", peer.issuer()));
    assert_eq!(claims["iat"], crate::support::start().timestamp());
    assert_eq!(claims.get("ath"), None);
}

#[test_support::test]
async fn never_sends_no_proof_and_gives_the_refusal() {
    for body in [MISSING, NONCE] {
        let peer = Peer::start([refused(body)]).await;
        let error = client(&peer, DpopConfig::new(DpopMode::Never))
            .request_token(&scopes())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RequestRefused);
        assert!(!error.advice().is_empty());
    }
}

#[test_support::test]
async fn the_proof_key_is_not_the_assertions_unless_one_is_given() {
    let rsa = SigningKey::generate(Algorithm::Rs256).unwrap();
    let peer = Peer::start([granted("DPoP"), granted("DPoP")]).await;
    client(&peer, DpopConfig::new(DpopMode::Always)).request_token(&scopes()).await.unwrap();
    client(&peer, DpopConfig::new(DpopMode::Always).key(rsa))
        .request_token(&scopes())
        .await
        .unwrap();
    let algorithms: Vec<_> =
        peer.requests().iter().map(|request| proof(request).unwrap().0["alg"].clone()).collect();
    assert_eq!(algorithms, ["ES256", "RS256"]);
}

#[test_support::test]
async fn a_new_nonce_is_taken_from_any_answer() {
    let with_nonce = |status: u16, nonce: &str, body: &str| {
        Act::Write(reply_with(status, &[("content-type", JSON), ("dpop-nonce", nonce)], body))
    };
    let ok = r#"{"access_token":"t1","token_type":"DPoP","expires_in":3600}"#;
    let peer = Peer::start([
        with_nonce(200, "from-200", ok),
        with_nonce(401, "from-401", r#"{"error":"invalid_client"}"#),
        with_nonce(429, "from-429", r#"{"errorCode":"E0000047"}"#),
        with_nonce(400, "from-400", r#"{"error":"invalid_scope"}"#),
        granted("DPoP"),
    ])
    .await;
    let client = client(&peer, DpopConfig::new(DpopMode::Always));
    for expected in [true, false, false, true] {
        assert_eq!(client.request_token(&scopes()).await.is_ok(), expected);
    }
    let seen: Vec<_> = nonces(&peer).into_iter().map(Option::unwrap_or_default).collect();
    assert_eq!(seen, ["", "from-200", "from-401", "from-429", "from-400"]);
}

#[test_support::test]
async fn a_nonce_that_changed_between_two_calls_costs_one_request() {
    let peer = Peer::start([demands("n1"), granted("DPoP"), demands("n2"), granted("DPoP")]).await;
    let client = client(&peer, DpopConfig::new(DpopMode::Always));
    client.request_token(&scopes()).await.unwrap();
    client.request_token(&scopes()).await.unwrap();
    assert_eq!(peer.requests().len(), 4);
    assert_eq!(nonces(&peer)[3].as_deref(), Some("n2"));
    all_different(&peer);
}

#[test_support::test]
async fn endless_demands_for_a_nonce_end_after_the_second() {
    for (mode, requests) in [(DpopMode::Always, 2), (DpopMode::Auto, 3)] {
        let peer = Peer::always(demands("another")).await;
        let error =
            client(&peer, DpopConfig::new(mode)).request_token(&scopes()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RequestRefused, "{mode:?}");
        assert_eq!(peer.requests().len(), requests, "{mode:?}");
    }
    // A demand without a nonce cannot be met at all.
    let peer = Peer::always(refused(NONCE)).await;
    client(&peer, DpopConfig::new(DpopMode::Always)).request_token(&scopes()).await.unwrap_err();
    assert_eq!(peer.requests().len(), 1);
}

#[test_support::test]
async fn introspection_and_revocation_need_no_proof() {
    let peer = Peer::start([
        Act::Write(reply(200, JSON, r#"{"active":true}"#)),
        Act::Write(reply(200, JSON, "")),
    ])
    .await;
    let client = client(&peer, DpopConfig::new(DpopMode::Always));
    client.introspect(&token(), None).await.unwrap();
    client.revoke(&token(), None).await.unwrap();
    assert!(peer.requests().iter().all(|request| proof(request).is_none()));
}

#[test_support::test]
async fn token_types_that_do_not_fit_what_was_sent_are_refused() {
    for (name, mode, token_type, kind) in [
        ("bearer although a proof was sent", DpopMode::Always, "Bearer", ErrorKind::Configuration),
        ("bound although no proof was sent", DpopMode::Auto, "DPoP", ErrorKind::Malformed),
        ("bound although no proof is ever sent", DpopMode::Never, "DPoP", ErrorKind::Malformed),
    ] {
        let peer = Peer::start([granted(token_type), Act::Write(reply(200, JSON, ""))]).await;
        let error =
            client(&peer, DpopConfig::new(mode)).request_token(&scopes()).await.expect_err(name);
        assert_eq!(error.kind(), kind, "{name}");
        assert!(error.to_string().contains("it was revoked"), "{name}: {error}");
        let [_, revocation] = &peer.requests()[..] else { panic!("{name}") };
        assert_eq!(revocation.target, "/oauth2/v1/revoke", "{name}");
        assert_eq!(revocation.form("token").as_deref(), Some("t1"), "{name}");
    }
}

#[test_support::test]
async fn a_useless_token_that_cannot_be_revoked_is_said_to_live_on() {
    let refusal = r#"{"error":"invalid_client"}"#;
    let peer = Peer::start([granted("Bearer"), Act::Write(reply(401, JSON, refusal))]).await;
    let client = client(&peer, DpopConfig::new(DpopMode::Always));
    let error = client.request_token(&scopes()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("it could not be revoked"), "{error}");
    assert!(error.advice().contains("Require DPoP"), "{}", error.advice());
}

#[test_support::test]
async fn auto_tries_once_with_a_proof_whatever_the_words_of_the_demand_are() {
    for (status, body) in [
        (400, r#"{"error":"invalid_dpop_proof","error_description":"No proof was found"}"#),
        (400, r#"{"error":"invalid_dpop_proof"}"#),
        (401, r#"{"error":"use_dpop_nonce","error_description":"nonce wanted"}"#),
        (400, r#"{"error":"invalid_request","error_description":"DPoP proof is missing"}"#),
        (401, r#"{"error":"invalid_client","error_description":"client requires dpop"}"#),
        (400, r#"{"error":"invalid_request"}"#),
        (400, "{}"),
        (400, ""),
    ] {
        let refused = || Act::Write(reply(status, JSON, body));
        let peer = Peer::start([refused(), granted("DPoP"), granted("DPoP")]).await;
        let client = client(&peer, DpopConfig::default());
        for _ in 0..2 {
            let token = client.request_token(&scopes()).await.expect(body);
            assert_eq!(token.token_type(), TokenType::Dpop, "{body}");
        }
        let proofs = peer.requests().iter().map(|r| proof(r).is_some()).collect::<Vec<_>>();
        assert_eq!(proofs, [false, true, true], "{body}");

        // A refusal of the second try is final, and the next call begins as the first did.
        let peer = Peer::start([refused(), refused(), refused(), refused()]).await;
        let client = self::client(&peer, DpopConfig::default());
        for _ in 0..2 {
            client.request_token(&scopes()).await.expect_err(body);
        }
        let proofs = peer.requests().iter().map(|r| proof(r).is_some()).collect::<Vec<_>>();
        assert_eq!(proofs, [false, true, false, true], "{body}");
    }
}

#[test_support::test]
async fn a_refusal_that_gives_another_reason_leads_to_no_proof() {
    for (status, body) in [
        (400, r#"{"error":"invalid_request","error_description":"no scope"}"#),
        (400, r#"{"error":"invalid_scope"}"#),
        (401, "{}"),
        (403, r#"{"error":"invalid_request"}"#),
    ] {
        let peer = Peer::start([Act::Write(reply(status, JSON, body))]).await;
        client(&peer, DpopConfig::default()).request_token(&scopes()).await.expect_err(body);
        assert_eq!(peer.requests().len(), 1, "{body}");
    }
}

#[test_support::test]
async fn a_bound_token_is_presented_with_a_proof_of_its_own_for_each_request() -> Result<(), Error>
{
    let peer = Peer::start([granted("DPoP"), granted("Bearer")]).await;
    let bound = client(&peer, DpopConfig::new(DpopMode::Always)).request_token(&scopes()).await?;
    let first = bound.present("GET", "https://acme.okta.com/api/v1/users/a%40b?limit=1").await?;
    let second = bound.present("GET", "https://acme.okta.com/api/v1/users/a%40b?limit=1").await?;
    assert_eq!(first.authorization.expose(), "DPoP t1");
    assert_ne!(first.dpop.as_ref().unwrap().expose(), second.dpop.unwrap().expose());
    let request = Recorded {
        headers: vec![("dpop".to_owned(), first.dpop.unwrap().expose().to_owned())],
        ..Recorded::default()
    };
    let (_, claims) = proof(&request).unwrap();
    assert_eq!(claims["htm"], "GET");
    assert_eq!(claims["htu"], "https://acme.okta.com/api/v1/users/a@b");
    assert_eq!(claims["ath"], URL_SAFE_NO_PAD.encode(openssl::sha::sha256(b"t1")));

    let plain = client(&peer, DpopConfig::default()).request_token(&scopes()).await?;
    let presented = plain.present("GET", "https://acme.okta.com/").await?;
    assert_eq!(presented.authorization.expose(), "Bearer t1");
    assert!(presented.dpop.is_none());
    Ok(())
}

#[test_support::test]
async fn a_resource_gets_token_and_proof_and_its_demand_for_a_nonce_is_followed_once() {
    let challenge = [
        ("www-authenticate", r#"DPoP error="use_dpop_nonce", error_description="x""#),
        ("dpop-nonce", "r1"),
        ("content-type", JSON),
    ];
    let page = Act::Write(reply_with(200, &[("content-type", JSON), ("x-page", "1")], "[]"));
    let peer = Peer::start([
        granted("DPoP"),
        Act::Write(reply_with(401, &challenge, "{}")),
        page.clone(),
        page,
    ])
    .await;
    let users = client(&peer, DpopConfig::new(DpopMode::Always)).resource(scopes());
    let answer = users.call(&ResourceCall::get("/api/v1/users?limit=2")).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (200, b"[]".as_slice()));
    assert_eq!(answer.headers["x-page"], "1");
    users.call(&ResourceCall::get("/api/v1/users?limit=2")).await.unwrap();
    let seen: Vec<_> = nonces(&peer).into_iter().map(Option::unwrap_or_default).collect();
    assert_eq!(seen, ["", "", "r1", "r1"], "the APIs' nonce is not the token endpoint's");
    assert_eq!(peer.requests()[2].target, "/api/v1/users?limit=2");
    assert_eq!(peer.requests()[2].header("authorization"), Some("DPoP t1"));
    all_different(&peer);
}

#[test_support::test]
async fn a_token_that_a_resource_refuses_is_replaced_once() {
    let refused = || {
        Act::Write(reply(
            401,
            JSON,
            r#"{"errorCode":"E0000011","errorSummary":"Invalid token provided"}"#,
        ))
    };
    let peer = Peer::start([granted("Bearer"), refused(), granted("Bearer"), refused()]).await;
    let error = client(&peer, DpopConfig::default())
        .resource(scopes())
        .call(&ResourceCall::get("/api/v1/users"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientRefused);
    assert_eq!(peer.requests().len(), 4);
}

#[test_support::test]
async fn a_call_that_may_have_been_carried_out_is_not_repeated() {
    let busy = |status| Act::Write(reply(status, JSON, "{}"));
    for (call, status, requests) in [
        (ResourceCall::get("/a"), 503, 3),
        (ResourceCall::json(Method::PUT, "/a", "{}"), 503, 3),
        (ResourceCall::json(Method::POST, "/a", "{}"), 503, 1),
        (ResourceCall::json(Method::POST, "/a", "{}"), 429, 3),
    ] {
        let peer = Peer::start(
            std::iter::once(granted("Bearer")).chain((0..requests).map(|_| busy(status))),
        )
        .await;
        let error =
            client(&peer, DpopConfig::default()).resource(scopes()).call(&call).await.unwrap_err();
        assert_eq!(error.attempts().unwrap().count, requests, "{call:?} {status}");
    }
}

#[test_support::test]
async fn a_path_that_leads_elsewhere_never_sees_the_token() {
    let peer = Peer::start([]).await;
    let users = client(&peer, DpopConfig::default()).resource(scopes());
    for path in [
        "https://evil.example/api",
        "//evil.example/api",
        "http://u:p@127.0.0.1/",
        "http://127.0.0.1:1/",
    ] {
        let error = users.call(&ResourceCall::get(path)).await.expect_err(path);
        assert_eq!(error.kind(), ErrorKind::Input, "{path}");
    }
    assert!(peer.requests().is_empty());
}

#[test_support::test]
async fn a_renewal_after_the_first_costs_exactly_one_request() {
    let peer = Peer::start([
        refused(MISSING),
        demands("n1"),
        granted("DPoP"),
        granted("DPoP"),
        granted("DPoP"),
    ])
    .await;
    let client = client(&peer, DpopConfig::default());
    let source = client.token_source(scopes());
    source.token().await.unwrap();
    assert_eq!(peer.requests().len(), 3);
    for renewals in 1..=2 {
        let token = source.token().await.unwrap();
        source.invalidate(&token);
        source.token().await.unwrap();
        assert_eq!(peer.requests().len(), 3 + renewals);
    }
}

#[test_support::test]
async fn requests_that_meet_the_demand_together_all_try_again_with_a_proof() {
    let held = |act| match act {
        Act::Write(bytes) => Act::Hold(bytes),
        other => other,
    };
    let acts = [held(refused(MISSING)), held(refused(MISSING)), granted("DPoP"), granted("DPoP")];
    let peer = Peer::start(acts).await;
    let client = client(&peer, DpopConfig::default());
    let requests = [0, 1].map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.request_token(&scopes()).await })
    });
    peer.received(2).await;
    peer.release();
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().token_type(), TokenType::Dpop);
    }
    all_different(&peer);
}
