//! Universal Logout.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Request;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::world::{
    AUDIENCE, CLIENT, ENDPOINT, KEYS, NOW, ORG, Sent, World, encode, jwt, login, post, request,
    signed, user, with,
};
use crate::key::{Algorithm, SigningKey};
use crate::signals::{Applied, SignalReceiver};

fn header() -> Value {
    json!({"alg": "RS256", "kid": "k1", "typ": "global-token-revocation+jwt"})
}

/// What Okta signs; `jti` makes it one of its own.
fn claims(jti: &str) -> Value {
    json!({
        "jti": jti, "iss": ORG, "sub": CLIENT, "aud": ENDPOINT,
        "iat": NOW, "nbf": NOW - 300, "exp": NOW + 300,
    })
}

const EMAIL: &str = r#"{"sub_id":{"format":"email","email":"ada@acme.example"}}"#;

fn logout(jwt: &str, body: Sent) -> Request<Sent> {
    post(&[("authorization", &format!("Bearer {jwt}"))], body)
}

fn good(jti: &str) -> Request<Sent> {
    logout(&jwt(&header(), &claims(jti)), Sent::text(EMAIL))
}

#[test_support::test]
async fn a_user_is_named_by_email_or_by_the_id_at_an_issuer() {
    let world = World::new();
    let response = world.send(good("1")).await;
    assert_eq!((response.status().as_u16(), response.body().as_str()), (204, ""));
    assert_eq!(world.applied(), [(vec![login("ada@acme.example")], Applied::New)]);
    let body = r#"{"sub_id":{"format":"iss_sub","iss":"https://acme.okta.com","sub":"00u1"}}"#;
    let response = world.send(logout(&jwt(&header(), &claims("2")), Sent::text(body))).await;
    assert_eq!(response.status().as_u16(), 204);
    assert_eq!(world.applied(), [(vec![user("00u1")], Applied::New)]);
    // A name that the app gave to the user may be either.
    let body = r#"{"sub_id":{"format":"iss_sub","iss":"https://acme.okta.com","sub":"ada"}}"#;
    let response = world.send(logout(&jwt(&header(), &claims("4")), Sent::text(body))).await;
    assert_eq!(response.status().as_u16(), 204);
    assert_eq!(world.applied(), [(vec![user("ada"), login("ada")], Applied::New)]);
    // Nobody whom a checker knows: that is not told.
    let body = r#"{"sub_id":{"format":"email","email":"nobody@nowhere.example"}}"#;
    let response = world.send(logout(&jwt(&header(), &claims("3")), Sent::text(body))).await;
    assert_eq!(response.status().as_u16(), 204);
    let accepted = world.receiver.metrics().accepted;
    assert_eq!((accepted["universal_logout"], accepted["event_hook"]), (4, 0));
}

#[test_support::test]
async fn a_request_is_good_once_even_without_an_id_and_from_two_at_once() {
    let world = World::new();
    for jti in [json!("1"), Value::Null] {
        let jwt = jwt(&header(), &with(claims("1"), json!({ "jti": jti })));
        let request = || logout(&jwt, Sent::text(EMAIL));
        let both = tokio::join!(world.send(request()), world.send(request()));
        let mut statuses = [both.0.status().as_u16(), both.1.status().as_u16()];
        statuses.sort_unstable();
        assert_eq!((statuses, world.applied().len()), ([204, 401], 1));
        world.refuses("replayed", request(), ("universal_logout", "replayed", 401)).await;
        // Up to the last moment at which it would be good.
        let other = r#"{"sub_id":{"format":"email","email":"eve@evil.example"}}"#;
        let again = logout(&jwt, Sent::text(other));
        world.refuses("other body", again, ("universal_logout", "replayed", 401)).await;
    }
}

#[test_support::test]
async fn what_cannot_be_read_does_not_use_a_request_up() {
    let world = World::new();
    let jwt = jwt(&header(), &claims("1"));
    let cut = logout(&jwt, Sent::text(&EMAIL[..30]));
    world.refuses("cut off", cut, ("universal_logout", "malformed", 400)).await;
    assert_eq!(world.send(logout(&jwt, Sent::text(EMAIL))).await.status().as_u16(), 204);
}

#[test_support::test]
async fn times_are_held_to_the_second() {
    for (name, change, reason) in [
        ("just not ended", json!({"exp": NOW - 59}), None),
        ("ended", json!({"exp": NOW - 60}), Some("time")),
        ("five minutes and the leeway", json!({"exp": NOW + 360}), None),
        ("longer", json!({"exp": NOW + 361}), Some("malformed_jwt")),
        ("a fast clock", json!({"iat": NOW + 60}), None),
        ("from the future", json!({"iat": NOW + 61}), Some("time")),
        ("not yet", json!({"nbf": NOW + 61}), Some("time")),
        ("five minutes old", json!({"iat": NOW - 359}), None),
        ("older", json!({"iat": NOW - 360}), Some("time")),
        ("no end", json!({"exp": null}), Some("malformed_jwt")),
        ("no beginning", json!({"iat": null}), Some("malformed_jwt")),
        ("text", json!({"exp": "soon"}), Some("malformed_jwt")),
        ("the end of numbers", json!({"exp": i64::MAX}), Some("malformed_jwt")),
        ("the beginning of numbers", json!({"iat": i64::MIN}), Some("malformed_jwt")),
        ("milliseconds", json!({"exp": (NOW + 300) * 1000}), Some("malformed_jwt")),
    ] {
        let world = World::new();
        let sent = logout(&jwt(&header(), &with(claims("1"), change)), Sent::text(EMAIL));
        match reason {
            Some(reason) => world.refuses(name, sent, ("universal_logout", reason, 401)).await,
            None => assert_eq!(world.send(sent).await.status().as_u16(), 204, "{name}"),
        }
    }
}

/// HMAC with what everybody knows of the org: its public key, in each of its forms.
fn symmetric(secret: &[u8]) -> String {
    let key = PKey::hmac(secret).unwrap();
    let header = with(header(), json!({"alg": "HS256"}));
    let input = format!("{}.{}", encode(header.to_string()), encode(claims("1").to_string()));
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    format!("{input}.{}", encode(signer.sign_oneshot_to_vec(input.as_bytes()).unwrap()))
}

/// Every forged or misused JWT, and the reason for which it is refused.
fn forgeries() -> Vec<(String, String, &'static str)> {
    let right = jwt(&header(), &claims("1"));
    let of = |change: Value| jwt(&header(), &with(claims("1"), change));
    let headed = |change: Value| jwt(&with(header(), change), &claims("1"));
    let unsigned = |alg: &str| {
        let header = with(header(), json!({ "alg": alg }));
        format!("{}.{}.", encode(header.to_string()), encode(claims("1").to_string()))
    };
    let jwk = KEYS[0].public_jwk().to_json();
    let ec = SigningKey::generate(Algorithm::Es256).unwrap();
    let es256 = signed(&ec, &with(header(), json!({"alg": "ES256"})), &claims("1"));
    let own: Value = serde_json::from_str(&KEYS[1].public_jwk().to_json()).unwrap();
    let brought = signed(&KEYS[1], &with(header(), json!({ "jwk": own })), &claims("1"));
    let twice = format!(
        "{}.{}.c2ln",
        encode(r#"{"alg":"none","alg":"RS256","typ":"global-token-revocation+jwt"}"#),
        encode(claims("1").to_string())
    );
    let mut tampered = right.clone();
    tampered
        .replace_range(tampered.rfind('.').unwrap() + 1..tampered.rfind('.').unwrap() + 3, "AA");
    let (input, signature) = right.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let cut = format!("{input}.{}", encode(&signature[..signature.len() - 1]));
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let deep = format!("{}.{}.c2ln", encode(header().to_string()), encode(deep));
    [
        ("none", unsigned("none"), "signature"),
        ("NoNe", unsigned("NoNe"), "signature"),
        ("no alg", headed(json!({"alg": null})), "malformed_jwt"),
        ("HS256 with the JWK", symmetric(jwk.as_bytes()), "signature"),
        ("HS256 with the JWK in Base64", symmetric(STANDARD.encode(jwk).as_bytes()), "signature"),
        ("other org's key, same id", signed(&KEYS[1], &header(), &claims("1")), "signature"),
        ("the sender's own key", brought, "signature"),
        ("a URL of keys", headed(json!({"jku": "https://evil.example/keys"})), "signature"),
        ("unknown key", headed(json!({"kid": "k2"})), "signature"),
        ("ES256", es256, "signature"),
        ("extensions", headed(json!({"crit": ["b64"], "b64": false})), "malformed_jwt"),
        ("signature changed", tampered, "signature"),
        ("signature cut off", cut, "signature"),
        ("header twice", twice, "malformed_jwt"),
        ("nested", deep, "malformed_jwt"),
        ("huge", of(json!({"x": "x".repeat(20_000)})), "malformed_jwt"),
        ("no typ", headed(json!({"typ": null})), "jwt_type"),
        ("an access token's typ", headed(json!({"typ": "at+jwt"})), "jwt_type"),
        ("JWT", headed(json!({"typ": "JWT"})), "jwt_type"),
        ("an event's typ", headed(json!({"typ": "secevent+jwt"})), "jwt_type"),
        ("other org", of(json!({"iss": "https://evil.okta.com"})), "issuer"),
        ("custom server", of(json!({"iss": format!("{ORG}/oauth2/default")})), "issuer"),
        ("slash", of(json!({"iss": format!("{ORG}/")})), "issuer"),
        ("no issuer", of(json!({"iss": null})), "malformed_jwt"),
        ("other client", of(json!({"sub": "0oaevil"})), "client"),
        ("no client", of(json!({"sub": null})), "malformed_jwt"),
        ("other endpoint", of(json!({"aud": "https://api.acme.example/other"})), "audience"),
        ("the events' audience", of(json!({"aud": AUDIENCE})), "audience"),
        ("slash behind", of(json!({"aud": format!("{ENDPOINT}/")})), "audience"),
        ("others too", of(json!({"aud": [ENDPOINT, "https://evil.example"]})), "audience"),
        ("no audience", of(json!({"aud": null})), "malformed_jwt"),
        ("no audiences", of(json!({"aud": []})), "audience"),
    ]
    .map(|(name, jwt, reason)| (name.to_owned(), jwt, reason))
    .into()
}

#[test_support::test]
async fn no_forgery_signs_anybody_out() {
    let world = World::new();
    for (name, jwt, reason) in forgeries() {
        let sent = logout(&jwt, Sent::text(EMAIL));
        let read = sent.body().counter();
        world.refuses(&name, sent, ("universal_logout", reason, 401)).await;
        assert_eq!(read.load(std::sync::atomic::Ordering::SeqCst), 0, "{name}: the body is read");
    }
    // None of them has used up the id that they all have.
    assert_eq!(world.send(good("1")).await.status().as_u16(), 204);
}

#[test_support::test]
async fn one_audience_in_a_list_is_one() {
    let world = World::new();
    let jwt = jwt(&header(), &with(claims("1"), json!({"aud": [ENDPOINT]})));
    assert_eq!(world.send(logout(&jwt, Sent::text(EMAIL))).await.status().as_u16(), 204);
}

#[test_support::test]
async fn a_body_names_one_user_in_a_way_that_is_understood() {
    let world = World::new();
    let deep = format!(r#"{{"sub_id":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let long = format!(r#"{{"sub_id":{{"format":"email","email":"{}"}}}}"#, "a".repeat(2000));
    for (at, (name, body, reason)) in [
        ("nothing", "", "malformed"),
        ("cut off", &EMAIL[..EMAIL.len() - 1], "malformed"),
        ("something behind", &format!("{EMAIL}x"), "malformed"),
        ("a list", &format!("[{EMAIL}]"), "malformed"),
        ("another member", r#"{"subject":{"format":"email","email":"a@evil"}}"#, "malformed"),
        ("text", r#"{"sub_id":"ada@acme.example"}"#, "malformed"),
        ("no format", r#"{"sub_id":{"email":"ada@acme.example"}}"#, "malformed"),
        ("no e-mail", r#"{"sub_id":{"format":"email"}}"#, "malformed"),
        ("empty", r#"{"sub_id":{"format":"email","email":""}}"#, "malformed"),
        ("number", r#"{"sub_id":{"format":"email","email":1}}"#, "malformed"),
        ("control", r#"{"sub_id":{"format":"email","email":"a\u0000@evil"}}"#, "malformed"),
        ("no issuer", r#"{"sub_id":{"format":"iss_sub","sub":"00u1"}}"#, "malformed"),
        ("no sub", r#"{"sub_id":{"format":"iss_sub","iss":"https://a"}}"#, "malformed"),
        ("phone", r#"{"sub_id":{"format":"phone_number","phone_number":"1"}}"#, "subject_format"),
        ("opaque", r#"{"sub_id":{"format":"opaque","id":"00u1"}}"#, "subject_format"),
        ("aliases", r#"{"sub_id":{"format":"aliases","identifiers":[]}}"#, "subject_format"),
        ("twice", r#"{"sub_id":{"format":"email","email":"a","email":"b"}}"#, "malformed"),
        ("nested", &deep, "malformed"),
        ("long", &long, "malformed"),
    ]
    .into_iter()
    .enumerate()
    {
        let jwt = jwt(&header(), &claims(&at.to_string()));
        let sent = logout(&jwt, Sent::text(body));
        world.refuses(name, sent, ("universal_logout", reason, 400)).await;
    }
}

#[test_support::test]
async fn bodies_are_bounded_in_size_and_time() {
    let world = World::new();
    let jwt = jwt(&header(), &claims("1"));
    let too_large = ("universal_logout", "too_large", 413);
    let ten = 10 * 1024 * 1024;
    let says = logout(&jwt, Sent::chunks(160).saying(ten));
    let read = says.body().counter();
    world.refuses("10 MB that say so", says, too_large).await;
    assert_eq!(read.load(std::sync::atomic::Ordering::SeqCst), 0);
    world.refuses("10 MB in chunks", logout(&jwt, Sent::chunks(160)), too_large).await;
    let hanging = logout(&jwt, Sent::text("{").saying(100).hanging());
    let (response, ()) = tokio::join!(world.send(hanging), async {
        tokio::task::yield_now().await;
        world.clock.advance(SignalReceiver::BODY_TIMEOUT);
    });
    assert_eq!(response.status().as_u16(), 408);
    assert_eq!(world.refused("universal_logout", "too_slow"), 1);
    assert_eq!(world.applied(), []);
}

#[test_support::test]
async fn credentials_are_there_once() {
    let world = World::new();
    let bearer = format!("Bearer {}", jwt(&header(), &claims("1")));
    let email = || Sent::text(EMAIL);
    let authorization = "authorization";
    for (name, headers, source, reason, status) in [
        ("none", vec![], "unknown", "no_credentials", 401),
        ("twice", vec![(authorization, &*bearer); 2], "unknown", "several_credentials", 400),
        ("basic", vec![(authorization, "Basic YTpi")], "unknown", "wrong_credentials", 401),
        ("no JWT", vec![(authorization, "Bearer x")], "unknown", "wrong_credentials", 401),
        ("empty", vec![(authorization, "")], "unknown", "wrong_credentials", 401),
        (
            "with the secret of EventBridge",
            vec![(authorization, &*bearer), ("x-signals-key", super::world::BRIDGE_SECRET)],
            "unknown",
            "several_credentials",
            400,
        ),
    ] {
        world.refuses(name, post(&headers, email()), (source, reason, status)).await;
    }
    let response = world.send(post(&[], email())).await;
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    // Also where no other receiver looks at the header.
    let logout = world.receiver.inner.logout.clone().unwrap();
    let alone = SignalReceiver::builder(world.feed.clone()).universal_logout(logout);
    let alone = alone.clock(world.clock.clone()).build().unwrap();
    let twice = post(&[(authorization, &*bearer); 2], email());
    assert_eq!(alone.receive(twice).await.status().as_u16(), 400);
    assert_eq!(world.applied(), []);
}

#[test_support::test]
async fn the_head_of_a_request_is_as_it_should_be() {
    let world = World::new();
    let bearer = format!("Bearer {}", jwt(&header(), &claims("1")));
    let json = ("content-type", "application/json");
    let sent = |method: &str, path: &str, headers: &[(&'static str, &str)]| {
        let mut headers = headers.to_vec();
        headers.push(("authorization", &bearer));
        request(method, path, &headers, Sent::text(EMAIL))
    };
    for (name, sent, expected) in [
        ("path", sent("POST", "/signal", &[json]), ("unknown", "unknown_path", 404)),
        ("slash", sent("POST", "/signals/", &[json]), ("unknown", "unknown_path", 404)),
        ("PUT", sent("PUT", "/signals", &[json]), ("unknown", "method", 405)),
        ("DELETE", sent("DELETE", "/signals", &[json]), ("unknown", "method", 405)),
        ("no type", sent("POST", "/signals", &[]), ("unknown", "media_type", 415)),
        ("two types", sent("POST", "/signals", &[json, json]), ("unknown", "media_type", 415)),
        (
            "form",
            sent("POST", "/signals", &[("content-type", "application/x-www-form-urlencoded")]),
            ("unknown", "media_type", 415),
        ),
        (
            "packed",
            sent("POST", "/signals", &[json, ("content-encoding", "gzip")]),
            ("universal_logout", "content_encoding", 415),
        ),
    ] {
        world.refuses(name, sent, expected).await;
    }
    let allow = world.send(sent("PUT", "/signals", &[json])).await;
    assert_eq!(allow.headers()["allow"], "GET, POST");
    let charset = ("content-type", "application/json; charset=utf-8");
    let response = world.send(sent("POST", "/signals?x=1", &[charset])).await;
    assert_eq!(response.status().as_u16(), 204);
}
