//! Users' refresh tokens: what is sent, what comes back, when a request is repeated, and that nothing uses
//! one twice by itself.

use std::time::Duration;

use okta_introspect::{
    Client, ClientBuilder, DpopConfig, DpopMode, Error, ErrorKind, Scopes, Token, TokenType,
};
use test_support::{Act, Peer, reply, reply_with};

use crate::support::{all_text, assert_no_secrets, builder, clock, settle};

const JSON: &str = "application/json";
const OLD: &str = "old-refresh-t0ken.must-never.show";
const NEW: &str = "new-refresh-t0ken.must-never.show";
const INVALID: &str =
    r#"{"error":"invalid_grant","error_description":"The refresh token is invalid or expired."}"#;

/// Always the upper end.
#[derive(Debug)]
struct Highest;

impl okta_introspect::Random for Highest {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn fraction(&self) -> f64 {
        1.0
    }
}

fn old() -> Token {
    Token::parse(OLD).unwrap()
}

fn settings(peer: &Peer) -> ClientBuilder {
    builder(&peer.issuer(), &clock()).random(Highest)
}

fn client(peer: &Peer) -> Client {
    settings(peer).build().unwrap()
}

fn answer(members: &str) -> Act {
    let body =
        format!(r#"{{"access_token":"a1","token_type":"Bearer","expires_in":3600{members}}}"#);
    Act::Write(reply(200, JSON, &body))
}

fn rotated() -> Act {
    answer(&format!(r#","refresh_token":"{NEW}""#))
}

fn refused(body: &str) -> Act {
    Act::Write(reply(400, JSON, body))
}

fn assert_hidden(error: &Error) {
    let said = all_text(error);
    assert!(!said.contains(OLD) && !said.contains(NEW), "{said}");
}

#[test_support::test]
async fn a_refresh_says_the_grant_the_token_and_the_scopes_if_any() {
    let peer = Peer::start([answer(""), answer("")]).await;
    let client = client(&peer);
    client.refresh(&old(), None).await.unwrap();
    let scopes = Scopes::parse("openid offline_access").unwrap();
    client.refresh(&old(), Some(&scopes)).await.unwrap();
    let requests = peer.requests();
    for (request, scope) in requests.iter().zip([None, Some("offline_access openid")]) {
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("POST", "/oauth2/v1/token")
        );
        assert_eq!(request.form("grant_type").as_deref(), Some("refresh_token"));
        assert_eq!(request.form("refresh_token").as_deref(), Some(OLD));
        assert_eq!(request.form("scope").as_deref(), scope);
        assert_eq!(request.form("token"), None);
        assert!(request.form("client_assertion").is_some());
    }
}

#[test_support::test]
async fn a_refresh_token_is_given_only_if_it_replaces_the_old_one() {
    let same = format!(r#","refresh_token":"{OLD}","scope":"read""#);
    let more = format!(r#","refresh_token":"{NEW}","id_token":"a.b.c","scope":"read""#);
    for (members, refresh_token, id_token) in
        [("", None, None), (same.as_str(), None, None), (more.as_str(), Some(NEW), Some("a.b.c"))]
    {
        let peer = Peer::start([answer(members)]).await;
        let refreshed = client(&peer).refresh(&old(), None).await.unwrap();
        assert_eq!(refreshed.access_token.token().expose(), "a1");
        assert_eq!(refreshed.access_token.lifetime(), Some(Duration::from_secs(3600)));
        assert_eq!(refreshed.refresh_token.as_ref().map(Token::expose), refresh_token);
        assert_eq!(refreshed.id_token.as_ref().map(Token::expose), id_token);
        let shown = format!("{refreshed:?}");
        assert!(!shown.contains(NEW) && !shown.contains("a.b.c") && !shown.contains("a1\""));
    }
}

#[test_support::test]
async fn a_bad_refresh_token_is_told_as_one_and_only_where_one_was_sent() {
    let foreign = r#"{"error":"invalid_grant","error_description":"grant request is invalid"}"#;
    for body in [INVALID, foreign, r#"{"error":"invalid_grant"}"#] {
        let peer = Peer::start([refused(body), refused(body)]).await;
        let error = client(&peer).refresh(&old(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidGrant, "{body}");
        assert!(error.advice().contains("sign in again"), "{body}: {}", error.advice());
        assert!(!error.may_have_taken_effect() && !error.kind().is_temporary());
        assert_hidden(&error);
        let scopes = Scopes::parse("okta.users.read").unwrap();
        let error = client(&peer).request_token(&scopes).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RequestRefused, "{body}");
    }
    for (body, kind) in [
        (r#"{"error":"invalid_scope"}"#, ErrorKind::RequestRefused),
        (r#"{"error":"unauthorized_client"}"#, ErrorKind::RequestRefused),
        (r#"{"error":"invalid_client"}"#, ErrorKind::ClientRefused),
    ] {
        let peer = Peer::start([refused(body)]).await;
        let error = client(&peer).refresh(&old(), None).await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_taken_effect()), (kind, false), "{body}");
    }
}

/// What loses an answer, and the kind of error that comes of it.
fn losses() -> [(Act, ErrorKind); 5] {
    let whole = reply(200, JSON, &format!(r#"{{"access_token":"a1","refresh_token":"{NEW}"}}"#));
    [
        (Act::Write(Vec::new()), ErrorKind::Unreachable),
        (Act::WriteAndReset(whole[..40].to_vec()), ErrorKind::Unreachable),
        (Act::Write(reply(502, "text/html", "bad gateway")), ErrorKind::ServerFailed),
        (Act::Write(reply_with(503, &[("retry-after", "0")], "")), ErrorKind::ServerFailed),
        (Act::Write(reply(504, JSON, "{}")), ErrorKind::ServerFailed),
    ]
}

#[test_support::test]
async fn what_may_have_reached_the_server_is_not_repeated() {
    for (lost, kind) in losses() {
        let peer = Peer::always(lost.clone()).await;
        let error = client(&peer).refresh(&old(), None).await.unwrap_err();
        assert_eq!((error.kind(), peer.requests().len()), (kind, 1), "{lost:?}");
        assert!(error.may_have_taken_effect(), "{lost:?}");
        assert!(error.advice().contains("grace period"), "{}", error.advice());
        assert_hidden(&error);
        assert_no_secrets(&all_text(&error), &peer, "a lost answer");
    }
}

#[test_support::test]
async fn within_half_of_the_grace_period_it_is_repeated() {
    // The pauses are 250 ms and 500 ms.
    for (grace_millis, requests) in
        [(0, 1), (499, 1), (500, 1), (501, 2), (502, 2), (1500, 2), (1501, 3), (60_000, 3)]
    {
        let peer = Peer::always(Act::Write(Vec::new())).await;
        let grace = Duration::from_millis(grace_millis);
        let client = settings(&peer).refresh_grace_period(grace).build().unwrap();
        let error = client.refresh(&old(), None).await.unwrap_err();
        assert_eq!(peer.requests().len(), requests, "{grace:?}");
        assert!(error.may_have_taken_effect());
    }
    for (lost, _) in losses() {
        let peer = Peer::start([lost, rotated()]).await;
        let client = settings(&peer).refresh_grace_period(Duration::from_secs(30)).build().unwrap();
        let refreshed = client.refresh(&old(), None).await.unwrap();
        assert_eq!(refreshed.refresh_token.unwrap().expose(), NEW);
    }
    let late = Act::Write(reply_with(503, &[("retry-after", "15")], ""));
    let peer = Peer::always(late).await;
    let client = settings(&peer).refresh_grace_period(Duration::from_secs(30)).build().unwrap();
    assert!(
        client.refresh(&old(), None).await.is_err(),
        "the server wants to be left alone too long"
    );
    assert_eq!(peer.requests().len(), 1);
}

#[test_support::test]
async fn what_did_not_reach_the_server_is_repeated() {
    let busy = || Act::Write(reply(429, JSON, "{}"));
    let peer = Peer::start([busy(), busy(), rotated()]).await;
    let refreshed = client(&peer).refresh(&old(), None).await.unwrap();
    assert_eq!((refreshed.refresh_token.unwrap().expose(), peer.requests().len()), (NEW, 3));

    let port = {
        // Nothing listens there any more.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let nobody = builder(&format!("http://127.0.0.1:{port}"), &clock()).build().unwrap();
    let error = nobody.refresh(&old(), None).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts().unwrap().count), (ErrorKind::Unreachable, 3));
    assert!(!error.may_have_taken_effect() && !error.advice().contains("grace"), "{error:?}");
}

#[test_support::test]
async fn a_lost_answer_counts_for_the_whole_call() {
    let busy = Act::Write(reply(429, JSON, "{}"));
    let peer = Peer::start([Act::Write(Vec::new()), busy.clone(), busy]).await;
    let client = settings(&peer).refresh_grace_period(Duration::from_secs(30)).build().unwrap();
    let error = client.refresh(&old(), None).await.unwrap_err();
    assert_eq!((error.kind(), peer.requests().len()), (ErrorKind::RateLimited, 3));
    assert!(error.may_have_taken_effect());
}

#[test_support::test]
async fn calls_at_once_with_one_token_share_one_request() {
    let Act::Write(first) = rotated() else { unreachable!() };
    let peer = Peer::start([Act::Hold(first), rotated(), rotated()]).await;
    let client = client(&peer);
    let call = || {
        let client = client.clone();
        tokio::spawn(async move { client.refresh(&old(), None).await })
    };
    let calls: Vec<_> = (0..100).map(|_| call()).collect();
    peer.received(1).await;
    settle().await;
    peer.release();
    for call in calls {
        let refreshed = call.await.unwrap().unwrap();
        assert_eq!(refreshed.refresh_token.unwrap().expose(), NEW);
    }
    assert_eq!(peer.requests().len(), 1);
    // Later, with another token, or with other scopes: another request.
    client.refresh(&old(), None).await.unwrap();
    client.refresh(&Token::parse(NEW).unwrap(), None).await.unwrap();
    assert_eq!(peer.requests().len(), 3);
}

#[test_support::test]
async fn other_scopes_are_another_request() {
    let Act::Write(first) = rotated() else { unreachable!() };
    let peer = Peer::start([Act::Hold(first.clone()), Act::Hold(first)]).await;
    let client = client(&peer);
    let calls = ["read", "write"].map(|scope| {
        let client = client.clone();
        let scopes = Scopes::parse(scope).unwrap();
        tokio::spawn(async move { client.refresh(&old(), Some(&scopes)).await })
    });
    peer.received(2).await;
    peer.release();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[test_support::test]
async fn a_dropped_call_goes_on_and_the_next_one_gets_its_answer() {
    let Act::Write(first) = rotated() else { unreachable!() };
    let peer = Peer::start([Act::Hold(first)]).await;
    let client = client(&peer);
    let dropped = tokio::spawn({
        let client = client.clone();
        async move { client.refresh(&old(), None).await }
    });
    peer.received(1).await;
    dropped.abort();
    let next = tokio::spawn(async move { client.refresh(&old(), None).await });
    settle().await;
    peer.release();
    assert_eq!(next.await.unwrap().unwrap().refresh_token.unwrap().expose(), NEW);
    assert_eq!(peer.requests().len(), 1);
}

#[test_support::test]
async fn a_bound_refresh_follows_the_demand_for_a_proof_and_a_nonce() {
    let missing = r#"{"error":"invalid_dpop_proof","error_description":"The DPoP proof JWT header is missing."}"#;
    let nonce = r#"{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce in DPoP proof."}"#;
    let demand =
        Act::Write(reply_with(400, &[("content-type", JSON), ("dpop-nonce", "n1")], nonce));
    let body = format!(r#"{{"access_token":"a1","token_type":"DPoP","refresh_token":"{NEW}"}}"#);
    let bound = Act::Write(reply(200, JSON, &body));
    let peer = Peer::start([refused(missing), demand, bound]).await;
    let refreshed = client(&peer).refresh(&old(), None).await.unwrap();
    assert_eq!(refreshed.access_token.token_type(), TokenType::Dpop);
    let proofs: Vec<_> = peer.requests().iter().map(|r| r.header("dpop").is_some()).collect();
    assert_eq!(proofs, [false, true, true]);
    let presented = refreshed.access_token.present("GET", "https://api.example/x").await.unwrap();
    assert!(presented.dpop.is_some());
}

#[test_support::test]
async fn an_access_token_that_should_be_bound_and_is_not_is_revoked() {
    let peer = Peer::start([rotated(), Act::Write(reply(200, JSON, ""))]).await;
    let client = settings(&peer).dpop(DpopConfig::new(DpopMode::Always)).build().unwrap();
    let error = client.refresh(&old(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(peer.requests()[1].form("token").as_deref(), Some("a1"));
    assert_eq!(error.refresh_token().as_ref().map(Token::expose), Some(NEW));
    assert!(error.may_have_taken_effect());
    for part in ["has replaced the refresh token", "Require DPoP"] {
        assert!(error.advice().contains(part), "{}", error.advice());
    }
    assert_hidden(&error);
}

#[test_support::test]
async fn an_answer_that_is_none_hides_the_tokens_in_it() {
    let shapes = [
        format!(r#"{{"access_token":["{NEW}"],"refresh_token":"{NEW}"}}"#),
        format!(r#"{{"access_token":"a1","token_type":"MAC","refresh_token":"{NEW}"}}"#),
        format!(r#"{{"refresh_token":"{NEW}"}}"#),
        format!("<p>{OLD}</p>"),
    ];
    for shape in shapes {
        let content_type = if shape.starts_with('<') { "text/html" } else { JSON };
        let peer = Peer::always(Act::Write(reply(200, content_type, &shape))).await;
        let error = client(&peer).refresh(&old(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{shape}");
        assert_hidden(&error);
    }
}

#[test_support::test]
async fn an_answer_of_no_other_use_gives_the_new_refresh_token() {
    let new = format!(r#""refresh_token":"{NEW}""#);
    let same = format!(r#""refresh_token":"{OLD}""#);
    for (content_type, members, is_given) in [
        (
            JSON,
            format!(r#""access_token":"a1","token_type":"Bearer","expires_in":"x",{new}"#),
            true,
        ),
        (JSON, format!(r#""access_token":"a1","token_type":"MAC",{new}"#), true),
        (JSON, format!(r#""access_token":"a1",{new}"#), true),
        (JSON, new.clone(), true),
        ("text/plain", format!(r#""access_token":"a1","token_type":"Bearer",{new}"#), true),
        (JSON, same, false),
        (JSON, r#""refresh_token":"a b""#.to_owned(), false),
        (JSON, r#""refresh_token":null"#.to_owned(), false),
    ] {
        let peer = Peer::always(Act::Write(reply(200, content_type, &format!("{{{members}}}"))));
        let error = client(&peer.await).refresh(&old(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{members}");
        assert_eq!(
            error.refresh_token().as_ref().map(Token::expose),
            is_given.then_some(NEW),
            "{members}"
        );
        let fate = if is_given { "has replaced" } else { "may have replaced" };
        assert!(error.advice().contains(fate) && error.may_have_taken_effect(), "{members}");
        assert_hidden(&error);
    }
    for status in [201, 204, 302] {
        let peer = Peer::start([Act::Write(reply(status, JSON, "{}"))]).await;
        let error = client(&peer).refresh(&old(), None).await.unwrap_err();
        assert!(error.advice().contains("may have replaced"), "{status}: {error:?}");
    }
}

#[test]
fn a_grace_period_is_a_minute_at_most() {
    let build = |seconds| {
        let client = builder("https://acme.okta.com", &clock());
        client.refresh_grace_period(Duration::from_secs(seconds)).build()
    };
    assert!(build(60).is_ok());
    assert_eq!(build(61).unwrap_err().kind(), ErrorKind::Configuration);
}

/// At a server that rotates, and keeps no grace period.
#[cfg(feature = "sandbox")]
mod at_the_sandbox {
    use okta_introspect::sandbox::{App, CustomServer, Fault, Sandbox, SignIn, Times, User};
    use okta_introspect::{Algorithm, ManualClock, SigningKey, TokenTypeHint};

    use super::*;
    use crate::support::start;

    const CLIENT: &str = "0oa2web";
    const USER: &str = "00u1ada";

    async fn sandbox(app: fn(App) -> App) -> (Sandbox, Client, ManualClock) {
        let clock = ManualClock::new(start());
        let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".into()));
        let app = app(App::web(CLIENT).key(key.public_jwk()));
        let server = CustomServer::new("default").scope("read");
        let sandbox = Sandbox::builder().app(app).user(User::new(USER, "ada@acme.example"));
        let sandbox = sandbox.server(server).clock(clock.clone()).start().await.unwrap();
        let issuer = sandbox.custom_issuer("default").unwrap();
        let client = Client::builder(issuer, CLIENT, key)
            .clock(clock.clone())
            .retry(okta_introspect::RetryConfig::off())
            .build()
            .unwrap();
        (sandbox, client, clock)
    }

    fn signed_in(sandbox: &Sandbox) -> Token {
        let sign_in = SignIn::new(CLIENT, USER).server("default");
        let sign_in = sign_in.scope("offline_access").scope("read");
        sandbox.sign_in(&sign_in).unwrap().refresh_token.unwrap()
    }

    #[test_support::test]
    async fn a_refresh_token_used_twice_ends_the_sign_in() {
        let (sandbox, client, clock) = sandbox(|app| app.rotates_refresh_tokens(30)).await;
        let first = signed_in(&sandbox);
        let refreshed = client.refresh(&first, None).await.unwrap();
        let second = refreshed.refresh_token.unwrap();
        let hint = Some(TokenTypeHint::RefreshToken);
        assert!(client.introspect(&second, hint).await.unwrap().active);
        clock.advance(Duration::from_secs(30));
        let error = client.refresh(&first, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidGrant);
        assert_eq!(error.diagnosis().unwrap().about, "refresh token");
        for token in [refreshed.access_token.token(), &second, &first] {
            assert!(!client.introspect(token, None).await.unwrap().active);
        }
        let told = sandbox.log().iter().any(|e| e.event_type == "app.oauth2.as.token.detect_reuse");
        assert!(told);
    }

    #[test_support::test]
    async fn a_lost_answer_is_made_good_within_the_grace_period() {
        let (sandbox, client, clock) = sandbox(|app| app.rotates_refresh_tokens(30)).await;
        let first = signed_in(&sandbox);
        let lost = Fault::truncated().at("/oauth2/default/v1/token").acting_first(true);
        sandbox.faults().inject(lost, Times::Once);
        let error = client.refresh(&first, None).await.unwrap_err();
        assert!(error.may_have_taken_effect());
        clock.advance(Duration::from_secs(29));
        let refreshed = client.refresh(&first, None).await.unwrap();
        assert!(refreshed.refresh_token.is_some());
    }

    #[test_support::test]
    async fn narrowed_scopes_and_the_token_that_stays() {
        let (sandbox, client, _) = sandbox(|app| app).await;
        let token = signed_in(&sandbox);
        let scopes = Scopes::parse("read").unwrap();
        let narrow = client.refresh(&token, Some(&scopes)).await.unwrap();
        assert_eq!(narrow.access_token.scopes(), Some(&scopes));
        assert!(narrow.refresh_token.is_none() && narrow.id_token.is_none());
        let whole = client.refresh(&token, None).await.unwrap();
        assert!(whole.refresh_token.is_none() && whole.id_token.is_some());
        let wide = Scopes::parse("read write").unwrap();
        let error = client.refresh(&token, Some(&wide)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RequestRefused);
    }

    #[test_support::test]
    async fn a_bound_refresh_at_an_app_that_demands_dpop() {
        let (sandbox, client, _) = sandbox(|app| app.dpop_required(true)).await;
        let refreshed = client.refresh(&signed_in(&sandbox), None).await.unwrap();
        assert_eq!(refreshed.access_token.token_type(), TokenType::Dpop);
        let answer = client.introspect(refreshed.access_token.token(), None).await.unwrap();
        assert!(answer.active && answer.cnf.is_some());
    }
}
