//! `POST /introspect`, for services.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use okta_introspect::sandbox::Fault;
use okta_introspect_serve::Mode;
use serde_json::{Value, json};

use crate::http::{Reply, ask, request};
use crate::world::{RULES, USER, World, listeners, start_of_time};

const FORM: &str = "application/x-www-form-urlencoded";

/// A sidecar whose listeners serve `/introspect`, with these callers.
async fn world(callers: &str) -> World {
    let mut world = World::org(start_of_time()).await;
    let listeners = listeners(", introspection: true");
    world.write_whole(&format!("{}{listeners}{RULES}{callers}", world.okta()));
    world.start().await.unwrap();
    world.ready().await;
    world
}

/// A line of the configuration.
fn caller(name: &str, limits: &str) -> String {
    let hash = test_support::sha256_hex(secret(name));
    format!("  - {{name: {name}, secret_sha256: \"{hash}\"{limits}}}\n")
}

fn secret(name: &str) -> String {
    format!("the-secret-of-{name}")
}

async fn post(world: &World, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut all = vec![("content-type", FORM)];
    all.extend(headers);
    ask(&world.socket(Mode::Caddy), &request("POST", "/introspect", &all, body)).await
}

async fn by(world: &World, name: &str, token: &str) -> Reply {
    let authorization = format!("Bearer {}", secret(name));
    post(world, &[("authorization", &authorization)], &format!("token={token}")).await
}

#[test_support::test]
async fn a_service_asks_by_bearer_or_basic_and_nobody_else_is_answered() {
    let world = world(&format!("callers:\n{}", caller("orders", ""))).await;
    let (token, secret) = (world.token("orders.read"), secret("orders"));
    let basic =
        |name: &str, secret: &str| format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")));
    let body = format!("token={token}");
    for authorization in [format!("Bearer {secret}"), basic("orders", &secret)] {
        let reply = post(&world, &[("authorization", &authorization)], &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let answer = reply.json();
        assert_eq!((&answer["active"], &answer["uid"]), (&json!(true), &json!(USER)));
        assert!(answer["okta_introspect"]["age_ms"].is_u64(), "{answer}");
        assert_eq!(reply.one("cache-control"), "no-store");
    }
    let asked = world.asked();
    let wrong = [
        Vec::new(),
        vec![format!("Bearer {token}")],
        vec!["Bearer the-secret-of-nobody".to_owned()],
        vec![basic("billing", &secret)],
        vec![format!("Bearer {secret}"), format!("Bearer {secret}")],
        vec![format!("Bearer {secret}, Bearer {secret}")],
        vec!["Negotiate abc".to_owned()],
    ];
    for wrong in &wrong {
        let headers: Vec<_> = wrong.iter().map(|value| ("authorization", value.as_str())).collect();
        let reply = post(&world, &headers, &body).await;
        assert_eq!((reply.status, &*reply.body), (401, ""), "{reply:?}");
        assert!(reply.one("www-authenticate").contains("Basic"), "{reply:?}");
    }
    // The header of proxies is none here.
    let reply = post(&world, &[("x-okta-introspect-key", &secret)], &body).await;
    assert_eq!(reply.status, 401);
    // Guesses are limited, and do not lock out whoever has the secret.
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(by(&world, "nobody", &token).await.status);
    }
    assert!(statuses.contains(&401) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(by(&world, "orders", &token).await.status, 200);
    assert_eq!(world.asked(), asked);
}

#[test_support::test]
async fn a_caller_that_is_turned_away_is_counted_and_written_down_without_its_secret() {
    let callers = [
        caller("loud", ", requests_per_second: 2, misses_per_second: 1"),
        caller("orders", ", misses_per_second: 1"),
    ];
    let world = world(&format!("callers:\n{}", callers.concat())).await;
    let refused = |reason| format!("okta_introspect_refusals_total{{reason=\"{reason}\"}}");
    let statuses = [
        by(&world, "nobody", "a-token").await.status,
        post(&world, &[], "token=a-token").await.status,
        by(&world, "loud", "one").await.status,
        by(&world, "loud", "two").await.status,
        by(&world, "loud", "three").await.status,
        by(&world, "orders", "four").await.status,
        by(&world, "orders", "five").await.status,
    ];
    assert_eq!(statuses, [401, 401, 200, 429, 429, 200, 429]);
    for (reason, count) in
        [("wrong_caller_secret", 1.0), ("no_caller_credentials", 1.0), ("caller_over_budget", 3.0)]
    {
        assert_eq!(world.metric(&refused(reason)).await, count, "{reason}");
    }
    let log = world.log.text();
    let lines: Vec<_> =
        log.lines().filter(|line| line.contains("at /introspect is not answered")).collect();
    assert_eq!(lines.len(), 5, "{log}");
    for (line, parts) in [
        (lines[0], [r#"verdict="refused""#, r#"reason="wrong_caller_secret""#, "status=401"]),
        (lines[2], [r#"caller="loud""#, r#"reason="caller_over_budget""#, "status=429"]),
        (lines[4], [r#"caller="orders""#, r#"reason="caller_over_budget""#, "status=429"]),
    ] {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    assert!(!log.contains("the-secret-of"), "{log}");
    let socket = world.socket(Mode::Caddy);
    let count = |outcome| {
        let listener = format!("listener=\"unix {} (0660)\"", socket.display());
        format!("http_server_request_duration_seconds_count{{{listener},outcome=\"{outcome}\"}}")
    };
    assert_eq!(world.metric(&count("refused")).await, 5.0);
    // Guesses beyond those that are answered are counted alone.
    for _ in 0..20 {
        by(&world, "nobody", "a-token").await;
    }
    assert!(world.metric(&refused("too_many_caller_attempts")).await > 0.0);
    assert_eq!(world.log.count("too_many_caller_attempts"), 0);
}

#[test_support::test]
async fn where_introspection_is_not_declared_nothing_is_there() {
    let world = World::new("").await;
    let reply = post(&world, &[], "token=abc").await;
    assert_eq!(reply.status, 404, "{reply:?}");
}

#[test_support::test]
async fn a_caller_that_asks_too_often_has_to_wait_and_others_do_not() {
    let callers = [caller("loud", ", requests_per_second: 2"), caller("quiet", "")];
    let world = world(&format!("callers:\n{}", callers.concat())).await;
    let token = world.token("orders.read");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(by(&world, "loud", &token).await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(by(&world, "loud", &token).await.one("retry-after"), "1");
    assert_eq!(by(&world, "quiet", &token).await.status, 200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(by(&world, "loud", &token).await.status, 200);
}

#[test_support::test]
async fn a_flood_of_made_up_tokens_uses_up_the_budget_of_its_caller_alone() {
    let callers =
        [caller("flooder", ", misses_per_second: 5"), caller("orders", ", misses_per_second: 5")];
    let world = world(&format!("callers:\n{}", callers.concat())).await;
    let known = world.token("orders.read");
    assert_eq!(by(&world, "flooder", &known).await.status, 200);
    let before = world.asked();
    let mut statuses = Vec::new();
    for number in 0..200 {
        statuses.push(by(&world, "flooder", &format!("made-up-{number}")).await.status);
    }
    let allowed = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!((allowed, world.asked() - before), (4, 4), "{statuses:?}");
    assert!(statuses[4..].iter().all(|status| *status == 429), "{statuses:?}");
    // What is known costs nothing, and so is told all the same.
    assert_eq!(by(&world, "flooder", &known).await.json()["active"], true);
    for _ in 0..5 {
        let token = world.token("orders.read");
        assert_eq!(by(&world, "orders", &token).await.json()["active"], true);
    }
}

#[test_support::test]
async fn a_flood_through_a_proxy_uses_up_the_budget_of_that_proxy_alone() {
    let callers =
        [caller("flooder", ", misses_per_second: 5"), caller("gateway", ", misses_per_second: 5")];
    let world = world(&format!("callers:\n{}", callers.concat())).await;
    let through = async |name: &str, mode: Mode, token: &str| {
        let (authorization, secret) = (format!("Bearer {token}"), secret(name));
        let client = crate::world::Client::get("/orders").header("authorization", &authorization);
        world.ask(mode, &client.header("x-okta-introspect-key", &secret)).await
    };
    for mode in Mode::ALL {
        let before = world.asked();
        let mut statuses = Vec::new();
        for number in 0..50 {
            let token = format!("made-up-{mode}-{number}");
            statuses.push(through("flooder", mode, &token).await.status);
        }
        assert_eq!(world.asked() - before, 5, "{mode}: {statuses:?}");
        assert!(statuses[5..].iter().all(|status| *status == 503), "{mode}: {statuses:?}");
        let good = world.token("orders.read");
        assert_eq!(through("gateway", mode, &good).await.status, 200, "{mode}");
        // The caller's secret is no token, and a token no secret.
        assert_eq!(through("nobody", mode, &good).await.status, 500, "{mode}");
        world.clock.advance(Duration::from_secs(1));
    }
}

#[test_support::test]
async fn a_revoked_token_is_inactive_when_the_bound_is_over_and_unknown_in_an_outage() {
    let world = world("").await;
    let token = world.token("orders.read");
    let now = format!("token={token}&max_age=0");
    let body = format!("token={token}");
    assert_eq!(post(&world, &[], &body).await.json()["active"], true);
    world.sandbox.faults().set_outage(Some(Fault::empty(503)));
    let unknown = post(&world, &[], &now).await;
    assert_eq!((unknown.status, unknown.json().get("active")), (503, None));
    assert!(!unknown.one("retry-after").is_empty());
    assert_eq!(world.log.count("a question at /introspect is not answered"), 1);
    world.sandbox.faults().set_outage(None);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(post(&world, &[], &body).await.json()["active"], true);
    world.sandbox.revoke(&*token);
    world.clock.advance(Duration::from_millis(29_999));
    assert_eq!(post(&world, &[], &body).await.json()["active"], true);
    world.clock.advance(Duration::from_millis(2));
    assert_eq!(post(&world, &[], &body).await.json(), json!({"active": false}));
}

#[test_support::test]
async fn a_token_of_a_file_is_read_and_one_of_another_issuer_gets_no_verdict() {
    let world = world("").await;
    let token = world.token("orders.read");
    let reply = post(&world, &[], &format!("token={token}%0A")).await;
    assert_eq!(reply.json()["active"], true);
    let claims = URL_SAFE_NO_PAD.encode(json!({"iss": "https://other.example"}).to_string());
    let foreign = format!("eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln");
    let reply = post(&world, &[], &format!("token={foreign}")).await;
    assert_eq!((reply.status, reply.json().get("active")), (400, None), "{reply:?}");
    assert_eq!(
        reply.json()["error_description"],
        "the token is of an issuer that is not asked here"
    );
}

#[test_support::test]
async fn an_answer_is_signed_with_a_key_that_the_sidecar_publishes() {
    let world = world(&format!("callers:\n{}", caller("orders", ""))).await;
    let (token, authorization) =
        (world.token("orders.read"), format!("Bearer {}", secret("orders")));
    let accept = ("accept", "application/token-introspection+jwt");
    let headers = [("authorization", &*authorization), accept];
    let reply = post(&world, &headers, &format!("token={token}")).await;
    assert_eq!(reply.one("content-type"), "application/token-introspection+jwt");
    let part = |at: usize| -> Value {
        let part = reply.body.split('.').nth(at).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    assert_eq!(
        (&claims["aud"], &header["typ"]),
        (&json!("orders"), &json!("token-introspection+jwt"))
    );
    assert_eq!(claims["token_introspection"]["uid"], USER);
    assert_eq!((claims.get("sub"), claims.get("exp")), (None, None));
    let jwks = request("GET", "/.well-known/jwks.json", &[], "");
    let jwks = ask(&world.socket(Mode::Caddy), &jwks).await.json();
    assert_eq!(world.management("/.well-known/jwks.json").await.json(), jwks);
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]);
    assert!(is_signed_by(key.unwrap(), &reply.body));
}

/// Whether ECDSA with P-256 and SHA-256 says so, as OpenSSL computes it.
fn is_signed_by(jwk: &Value, jwt: &str) -> bool {
    use openssl::bn::BigNum;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::ecdsa::EcdsaSig;
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let number = |bytes: &[u8]| BigNum::from_slice(bytes).unwrap();
    let group = EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let (x, y) = (bytes(jwk["x"].as_str().unwrap()), bytes(jwk["y"].as_str().unwrap()));
    let key = EcKey::from_public_key_affine_coordinates(&group, &number(&x), &number(&y)).unwrap();
    let (input, signature) = jwt.rsplit_once('.').unwrap();
    let signature = bytes(signature);
    let (r, s) = signature.split_at(32);
    let signature = EcdsaSig::from_private_components(number(r), number(s)).unwrap();
    signature.verify(&openssl::sha::sha256(input.as_bytes()), &key).unwrap()
}
