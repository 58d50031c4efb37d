//! The endpoint over a scripted authorization server, and over the sandbox.

use super::*;
use crate::identity::sample::{START, Script, claims_of, header_of};
use okta_introspect::ErrorKind;
use okta_introspect::sandbox::{App, Fault, Grant, Sandbox, User};
use okta_introspect::{
    Algorithm, CircuitConfig, Client, ManualClock, RetryConfig, SigningKey, Token,
};
use serde_json::json;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

const FORM: &str = "application/x-www-form-urlencoded";
const READER: Reader<'static> = Reader { name: "orders", admit_miss: &|| Ok(()) };

fn endpoint(script: &Script) -> IntrospectionEndpoint {
    let signer = JwtSigner::generate("https://sidecar.internal").unwrap();
    let clock = Arc::new(script.clock.clone());
    IntrospectionEndpoint::new(script.checker.clone(), &CheckerConfig::default(), signer, clock)
}

fn request(body: &str, accept: &str) -> Request<Full<Bytes>> {
    let request =
        Request::post("/introspect").header("content-type", FORM).header("accept", accept);
    request.body(Full::from(body.to_owned())).unwrap()
}

async fn text(response: Response<Full<Bytes>>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

async fn ask(endpoint: &IntrospectionEndpoint, body: &str) -> (u16, Value, http::HeaderMap) {
    let response = endpoint.answer(request(body, "*/*"), READER).await;
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/json");
    let (status, body) = text(response).await;
    (status.as_u16(), serde_json::from_str(&body).unwrap(), headers)
}

#[test_support::test]
async fn an_active_token_has_the_servers_members_and_how_fresh_they_are() {
    let script = Script::new();
    let endpoint = endpoint(&script);
    let token = script.token(json!({
        "sub": "ada", "scope": "a b", "exp": START + 900, "groups": ["x"],
        "okta_introspect": {"source": "forged"},
    }));
    let body = format!("token={token}&token_type_hint=access_token");
    let mut expected = json!({
        "active": true, "sub": "ada", "scope": "a b", "exp": START + 900, "groups": ["x"],
        "okta_introspect": {"age_ms": 0, "source": "introspected", "checked_at": START},
    });
    let (status, answer, headers) = ask(&endpoint, &body).await;
    assert_eq!((status, &answer), (200, &expected));
    assert_eq!(headers["cache-control"], "no-store");
    assert!(!headers.contains_key("age"));
    script.advance(2750);
    expected["okta_introspect"] = json!({"age_ms": 2750, "source": "cache", "checked_at": START});
    assert_eq!(ask(&endpoint, &body).await.1, expected);
    assert_eq!(script.calls(), 1);
}

#[test_support::test]
async fn of_an_inactive_token_nothing_more_is_said() {
    let script = Script::new();
    let endpoint = endpoint(&script);
    let ended = script.token(json!({"sub": "ada", "exp": START}));
    let to_come = script.token(json!({"sub": "ada", "nbf": START + 1}));
    for token in ["never-issued", &ended, &to_come] {
        let (status, answer, headers) = ask(&endpoint, &format!("token={token}")).await;
        assert_eq!((status, answer), (200, json!({"active": false})), "{token}");
        assert_eq!(headers["cache-control"], "no-store");
    }
}

#[test_support::test]
async fn what_cannot_be_a_token_is_refused_and_never_called_inactive() {
    let script = Script::new();
    let endpoint = endpoint(&script);
    for body in ["token=null", "token=a%20b", "token=", "", "token=a&token=b"] {
        let (status, answer, _) = ask(&endpoint, body).await;
        assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")), "{body}");
        assert_eq!(answer.get("active"), None);
    }
    assert_eq!(script.calls(), 0);
    let get = Request::get("/introspect?token=abc").body(Full::default()).unwrap();
    let response = endpoint.answer(get, READER).await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
}

#[test_support::test]
async fn a_token_of_an_issuer_that_is_not_asked_gets_no_verdict() {
    let script = Script::new();
    let endpoint = endpoint(&script);
    let of_another_issuer = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUifQ.c2ln";
    let (status, answer, headers) = ask(&endpoint, &format!("token={of_another_issuer}")).await;
    let expected = json!({
        "error": "invalid_request",
        "error_description": "the token is of an issuer that is not asked here",
    });
    assert_eq!((status, answer), (400, expected));
    assert_eq!(headers["cache-control"], "no-store");
    let signed =
        endpoint.answer(request(&format!("token={of_another_issuer}"), accept::JWT), READER);
    assert_eq!(signed.await.status(), 400);
    assert_eq!(script.calls(), 0);
}

#[test_support::test]
async fn when_nothing_is_known_the_answer_is_503_and_when_to_ask_again() {
    let script = Script::new();
    let endpoint = endpoint(&script);
    let token = script.token(json!({"sub": "ada"}));
    for (wait, seconds) in
        [(None, "1"), (Some(Duration::ZERO), "1"), (Some(Duration::from_millis(6001)), "7")]
    {
        script.fail(ErrorKind::ServerFailed, wait);
        let (status, answer, headers) = ask(&endpoint, &format!("token={token}")).await;
        assert_eq!((status, answer.get("active")), (503, None));
        assert_eq!(headers["retry-after"], seconds);
        assert_eq!(headers["cache-control"], "no-store");
    }
}

#[test_support::test]
async fn the_reader_chooses_the_freshness_within_the_configured_bounds() {
    let script = Script::with(|config| config.max_age_limit = Duration::from_secs(60));
    let signer = JwtSigner::generate("s").unwrap();
    let mut config = CheckerConfig::default();
    config.max_age_limit = Duration::from_secs(60);
    let clock = Arc::new(script.clock.clone());
    let endpoint = IntrospectionEndpoint::new(script.checker.clone(), &config, signer, clock);
    let token = script.token(json!({}));
    for (elapsed, max_age, calls) in [
        (0, "", 1),
        (30, "", 1),
        (1, "", 2),
        (6, "&max_age=5", 3),
        (5, "&max_age=5", 3),
        (0, "&max_age=0", 4),
        (60, "&max_age=99999", 4),
        (1, "&max_age=99999", 5),
    ] {
        script.advance(elapsed * 1000);
        ask(&endpoint, &format!("token={token}{max_age}")).await;
        assert_eq!(script.calls(), calls, "after {elapsed} s, {max_age}");
    }
}

#[test_support::test]
async fn a_revoked_token_is_inactive_as_soon_as_the_bound_is_over() {
    let script = Script::new();
    let endpoint = endpoint(&script);
    let token = script.token(json!({}));
    let body = format!("token={token}&max_age=5");
    assert_eq!(ask(&endpoint, &body).await.1["active"], true);
    script.revoke(&token);
    script.advance(5000);
    assert_eq!(ask(&endpoint, &body).await.1["active"], true);
    script.advance(1);
    assert_eq!(ask(&endpoint, &body).await.1, json!({"active": false}));
}

#[test_support::test]
async fn trap_a_bound_token_is_told_with_its_key_and_never_kept() {
    let script = Script::new();
    let endpoint = endpoint(&script).downstream_cache(true);
    let by_key = json!({"sub": "ada", "cnf": {"jkt": "thumb"}, "token_type": "DPoP"});
    for members in [by_key, json!({"token_type": "DPoP"}), json!({"cnf": {"x5t#S256": "c"}})] {
        let token = script.token(members.clone());
        for source in ["introspected", "cache"] {
            let (status, answer, headers) = ask(&endpoint, &format!("token={token}")).await;
            assert_eq!((status, &answer["active"]), (200, &json!(true)));
            assert_eq!(
                (answer.get("cnf"), answer.get("token_type")),
                (members.get("cnf"), members.get("token_type"))
            );
            assert_eq!(answer["okta_introspect"]["source"], source);
            assert_eq!(headers["cache-control"], "no-store");
        }
    }
    let ended = script.token(json!({"cnf": {"jkt": "thumb"}, "exp": START}));
    assert_eq!(ask(&endpoint, &format!("token={ended}")).await.1, json!({"active": false}));
}

#[test_support::test]
async fn of_a_token_that_is_no_access_token_its_kind_is_told() {
    let script = Script::new();
    let token = script.token(json!({"token_type": "Bearer", "jti": "ID.1", "sub": "ada"}));
    let (status, answer, _) = ask(&endpoint(&script), &format!("token={token}")).await;
    assert_eq!((status, &answer["active"], &answer["jti"]), (200, &json!(true), &json!("ID.1")));
}

#[test_support::test]
async fn a_reader_may_keep_an_answer_for_what_is_left_of_the_bound_and_of_the_token() {
    let script = Script::new();
    let endpoint = endpoint(&script).downstream_cache(true);
    for (exp, elapsed, max_age, expected) in [
        (900, 0, 30, "private, max-age=30"),
        (900, 10_001, 30, "private, max-age=19"),
        (900, 29_000, 30, "private, max-age=1"),
        (900, 29_001, 30, "no-store"),
        (900, 30_000, 30, "no-store"),
        (20, 0, 30, "private, max-age=20"),
        (20, 18_500, 30, "private, max-age=1"),
        (20, 19_500, 30, "no-store"),
        (900, 0, 0, "no-store"),
        (9000, 0, 999_999, "private, max-age=600"),
    ] {
        let now = script.clock.now().timestamp() + 1;
        script.clock.set_wall(chrono::DateTime::from_timestamp(now, 0).unwrap());
        let token = script.token(json!({"exp": now + exp}));
        let body = format!("token={token}&max_age={max_age}");
        ask(&endpoint, &body).await;
        script.advance(elapsed);
        let (_, _, headers) = ask(&endpoint, &body).await;
        assert_eq!(headers["cache-control"], expected, "{exp} {elapsed} {max_age}");
        assert_eq!(headers["vary"], "accept");
    }
}

#[test_support::test]
async fn an_answer_beyond_the_bound_says_so_and_is_not_kept() {
    let script = Script::with(|config| config.stale_if_error = Duration::from_secs(60));
    let endpoint = endpoint(&script).downstream_cache(true);
    let token = script.token(json!({}));
    let body = format!("token={token}");
    ask(&endpoint, &body).await;
    script.fail(ErrorKind::ServerFailed, None);
    script.advance(40_000);
    let (status, answer, headers) = ask(&endpoint, &body).await;
    assert_eq!(status, 200);
    let expected = json!({"age_ms": 40_000, "source": "stale_on_error", "checked_at": START});
    assert_eq!(answer["okta_introspect"], expected);
    assert_eq!(headers["cache-control"], "no-store");
}

#[test_support::test]
async fn a_signed_answer_is_of_its_own_type_and_for_the_reader() {
    let script = Script::new();
    let endpoint = endpoint(&script);
    let active = script.token(json!({"sub": "ada"}));
    let fresh = json!({"age_ms": 0, "source": "introspected", "checked_at": START});
    let of_active = json!({"active": true, "sub": "ada", "okta_introspect": fresh});
    for (token, members) in [(&*active, of_active), ("never-issued", json!({"active": false}))] {
        let request = request(&format!("token={token}"), accept::JWT);
        let response = endpoint.answer(request, READER).await;
        assert_eq!(response.headers()["content-type"], "application/token-introspection+jwt");
        let (status, jwt) = text(response).await;
        assert_eq!(
            (status, &header_of(&jwt)["typ"]),
            (StatusCode::OK, &json!("token-introspection+jwt"))
        );
        let expected = json!({
            "iss": "https://sidecar.internal", "aud": "orders", "iat": START,
            "token_introspection": members,
        });
        assert_eq!(claims_of(&jwt, &endpoint.signer), expected);
    }
    let refused = endpoint.answer(request("token=null", accept::JWT), READER).await;
    assert_eq!(refused.headers()["content-type"], "application/json");
}

#[test_support::test]
async fn a_reader_that_has_asked_enough_still_gets_what_is_known() {
    let script = Script::new();
    let endpoint = endpoint(&script);
    let asked = AtomicUsize::new(0);
    let admit_miss = || match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(()),
        _ => Err(Duration::from_millis(1500)),
    };
    let reader = Reader { name: "orders", admit_miss: &admit_miss };
    let (known, unknown) = (script.token(json!({})), script.token(json!({})));
    for (token, expected) in [(&known, 200), (&unknown, 429), (&known, 200)] {
        let response = endpoint.answer(request(&format!("token={token}"), "*/*"), reader).await;
        assert_eq!(response.status().as_u16(), expected);
        if expected == 429 {
            assert_eq!(response.headers()["retry-after"], "2");
        }
    }
    assert_eq!((script.calls(), asked.into_inner()), (1, 2));
}

/// A body that comes in pieces for ever, or not at all.
struct Endless(bool);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        match self.0 {
            true => {
                std::task::Poll::Ready(Some(Ok(http_body::Frame::data(vec![b'a'; 1000].into()))))
            }
            false => std::task::Poll::Pending,
        }
    }
}

#[test_support::test]
async fn a_body_is_bounded_in_length_and_in_time() {
    let script = Script::new();
    let endpoint = endpoint(&script);
    let request = |flows| {
        Request::post("/introspect").header("content-type", FORM).body(Endless(flows)).unwrap()
    };
    assert_eq!(endpoint.answer(request(true), READER).await.status(), 413);
    for (len, status) in [(form::MAX_BODY, 200), (form::MAX_BODY + 1, 413)] {
        let padding = "x".repeat(len - "token=abc&x=".len());
        let request = self::request(&format!("token=abc&x={padding}"), "*/*");
        assert_eq!(endpoint.answer(request, READER).await.status(), status, "{len}");
    }
    let wait = endpoint.answer(request(false), READER);
    let advance = async { script.advance(5000) };
    let (response, ()) = tokio::join!(wait, advance);
    assert_eq!(response.status(), 408);
}

#[test_support::test]
async fn at_the_sandbox_a_token_is_active_until_it_is_revoked_and_unknown_in_an_outage() {
    let clock = ManualClock::new(chrono::DateTime::from_timestamp(START, 0).unwrap());
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1backend").key(key.public_jwk()))
        .app(App::web("0oa2portal"))
        .user(User::new("00u1ada", "ada@acme.example"))
        .clock(clock.clone());
    let sandbox = sandbox.start().await.unwrap();
    let client = Client::builder(sandbox.issuer(), "0oa1backend", key)
        .clock(clock.clone())
        .retry(RetryConfig::off())
        .circuit(CircuitConfig::off());
    let checker = Checker::builder(client.build().unwrap()).clock(clock.clone()).build().unwrap();
    let signer = JwtSigner::generate("s").unwrap();
    let clock = Arc::new(clock);
    let config = CheckerConfig::default();
    let endpoint = IntrospectionEndpoint::new(checker.clone(), &config, signer, clock);
    let token: Token = sandbox.issue(&Grant::to_client("0oa2portal").user("00u1ada")).unwrap();
    let body = format!("token={}", token.expose());

    let answer = ask(&endpoint, &body).await.1;
    assert_eq!(
        (&answer["active"], &answer["username"]),
        (&json!(true), &json!("ada@acme.example"))
    );
    assert_eq!(answer["okta_introspect"]["source"], "introspected");
    sandbox.faults().set_outage(Some(Fault::html(503)));
    assert_eq!(ask(&endpoint, &body).await.1["okta_introspect"]["source"], "cache");
    assert_eq!(ask(&endpoint, &format!("{body}&max_age=0")).await.0, 503);
    sandbox.faults().set_outage(None);
    sandbox.revoke(&token);
    assert_eq!(ask(&endpoint, &format!("{body}&max_age=0")).await.1, json!({"active": false}));
}

#[test]
fn debug_shows_settings_and_no_key() {
    let script = Script::new();
    let shown = format!("{:?} {READER:?}", endpoint(&script));
    assert!(shown.contains("max_age: 30s") && shown.contains("orders"), "{shown}");
    assert!(!shown.contains("PRIVATE") && !shown.contains("\"d\""), "{shown}");
}
