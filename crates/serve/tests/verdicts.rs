//! What a proxy of each mode is answered, and so what its client and its backend get.

use std::time::Duration;

use okta_introspect::sandbox::{Fault, Grant};
use okta_introspect::{Algorithm, SigningKey};
use okta_introspect_serve::Mode;
use test_support::sha256_hex;

use crate::http::Reply;
use crate::world::{Client, HOST, PORTAL, RULES, USER, World, proof, start_of_time};

const FACTS: [&str; 9] =
    ["sub", "client-id", "uid", "username", "scope", "exp", "issuer", "age-ms", "source"];

/// Each fact stands on a yes, once, and none is empty.
#[track_caller]
fn assert_yes(mode: Mode, reply: &Reply) {
    assert_eq!((reply.status, &*reply.body), (200, ""), "{mode}: {reply:?}");
    for fact in FACTS {
        assert!(!reply.one(&format!("x-auth-{fact}")).is_empty(), "{mode}: {fact}");
    }
    let removed = reply.all("x-envoy-auth-headers-to-remove");
    assert_eq!(removed.len(), usize::from(mode == Mode::Envoy), "{mode}: {removed:?}");
}

/// No fact stands on what is no yes.
#[track_caller]
fn assert_no(mode: Mode, reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{mode}: {reply:?}");
    let is_fact = |name: &str| name.to_ascii_lowercase().starts_with("x-auth-");
    assert!(!reply.headers.iter().any(|(name, _)| is_fact(name)), "{mode}: {reply:?}");
    match mode {
        Mode::Nginx => {
            assert_eq!(reply.body, "");
            assert!(reply.all("www-authenticate").len() <= 1, "{reply:?}");
        }
        _ => assert_eq!(reply.json()["status"], status, "{mode}"),
    }
}

fn challenges(reply: &Reply) -> String {
    reply.all("www-authenticate").join(", ")
}

#[test_support::test]
async fn a_good_token_is_let_in_with_all_facts_and_everything_else_is_not() {
    let world = World::new("").await;
    let good = world.token("orders.read");
    for mode in Mode::ALL {
        let reply = world.get(mode, "/orders?page=2", &good).await;
        assert_yes(mode, &reply);
        assert_eq!(reply.one("x-auth-uid"), USER, "{mode}");
        assert_eq!(reply.one("x-auth-client-id"), PORTAL, "{mode}");
        assert_eq!(reply.one("x-auth-scope"), "orders.read", "{mode}");

        let none = world.ask(mode, &Client::get("/orders")).await;
        assert_no(mode, &none, 401);
        let challenge = challenges(&none);
        let both = challenge.contains("Bearer realm=") && challenge.contains("DPoP realm=");
        assert!(both, "{mode}: {challenge}");
        assert!(!challenge.contains("error="), "{mode}: {challenge}");

        let made_up = world.get(mode, "/orders", "made-up-by-a-client").await;
        assert_no(mode, &made_up, 401);
        assert!(challenges(&made_up).contains("error=\"invalid_token\""), "{mode}: {made_up:?}");

        let scope = Client::get("/orders").method("POST");
        let authorization = format!("Bearer {good}");
        let scope = world.ask(mode, &scope.header("authorization", &authorization)).await;
        assert_no(mode, &scope, 403);
        let challenge = challenges(&scope);
        assert!(challenge.contains("error=\"insufficient_scope\""), "{mode}: {challenge}");
        assert!(challenge.contains("scope=\"orders.write\""), "{mode}: {challenge}");
    }
}

#[test_support::test]
async fn a_revoked_token_is_refused_when_the_bound_of_the_rule_is_over_and_at_once_where_it_is_zero()
 {
    let world = World::new("").await;
    for mode in Mode::ALL {
        let token = world.token("orders.read");
        for path in ["/orders", "/now"] {
            assert_yes(mode, &world.get(mode, path, &token).await);
        }
        assert!(world.sandbox.revoke(&*token));
        assert_no(mode, &world.get(mode, "/now", &token).await, 401);
    }
    for mode in Mode::ALL {
        let token = world.token("orders.read");
        assert_yes(mode, &world.get(mode, "/orders", &token).await);
        assert!(world.sandbox.revoke(&*token));
        world.clock.advance(Duration::from_millis(29_999));
        let last = world.get(mode, "/orders", &token).await;
        assert_yes(mode, &last);
        assert_eq!((last.one("x-auth-age-ms"), last.one("x-auth-source")), ("29999", "cache"));
        world.clock.advance(Duration::from_millis(2));
        assert_no(mode, &world.get(mode, "/orders", &token).await, 401);
    }
}

#[test_support::test]
async fn while_okta_is_down_nobody_can_tell_and_only_what_a_rule_allows_is_stale() {
    let world = World::new("").await;
    let token = world.token("orders.read");
    assert_yes(Mode::Caddy, &world.get(Mode::Caddy, "/stale", &token).await);
    let second = Duration::from_secs(1);
    world.clock.advance(31 * second);
    world.sandbox.faults().set_outage(Some(Fault::empty(503)));
    for mode in Mode::ALL {
        let reply = world.get(mode, "/orders", &token).await;
        assert_no(mode, &reply, 503);
        assert!(reply.one("retry-after").parse::<u64>().unwrap() >= 1, "{mode}");
        assert_eq!(challenges(&reply), "", "{mode}");
        let stale = world.get(mode, "/stale", &token).await;
        assert_yes(mode, &stale);
        assert_eq!(stale.one("x-auth-source"), "stale_on_error", "{mode}");
        assert_no(mode, &world.get(mode, "/stale", "never-seen").await, 503);
        assert_no(mode, &world.get(mode, "/now", &token).await, 503);
        assert_eq!(world.ask(mode, &Client::get("/health")).await.status, 200, "{mode}");
    }
    world.clock.advance(90 * second);
    assert_no(Mode::Caddy, &world.get(Mode::Caddy, "/stale", &token).await, 503);
    // Those who are ready stay so: an outage must not take all sidecars away.
    assert_eq!(world.management("/readyz").await.status, 200);
    world.sandbox.faults().set_outage(None);
    world.clock.advance(60 * second);
    assert_yes(Mode::Caddy, &world.get(Mode::Caddy, "/orders", &token).await);
}

/// A token that is bound to a key, and the key.
fn bound(world: &World) -> (String, SigningKey) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let grant = Grant::to_client(PORTAL).user(USER).scope("orders.read");
    (world.issue(grant.bound_to(key.public_jwk().thumbprint())), key)
}

async fn with_proof(world: &World, mode: Mode, path: &str, token: &str, proof: &str) -> Reply {
    let authorization = format!("DPoP {token}");
    let client = Client::get(path).header("authorization", &authorization);
    world.ask(mode, &client.header("dpop", proof)).await
}

#[test_support::test]
async fn a_proof_is_good_once_and_for_its_request_alone() {
    let world = World::new("dpop: {repeat_within: 0}\n").await;
    for mode in Mode::ALL {
        let (token, key) = bound(&world);
        let made = |method, path, jti| {
            proof(&world, &key, method, &format!("https://{HOST}{path}"), &token, jti)
        };
        let good = made("GET", "/orders", "a");
        assert_yes(mode, &with_proof(&world, mode, "/orders?page=2", &token, &good).await);
        let replayed = with_proof(&world, mode, "/orders?page=2", &token, &good).await;
        assert_no(mode, &replayed, 401);
        assert!(challenges(&replayed).contains("error=\"invalid_dpop_proof\""), "{replayed:?}");
        for other in [made("POST", "/orders", "b"), made("GET", "/now", "c")] {
            assert_no(mode, &with_proof(&world, mode, "/orders", &token, &other).await, 401);
        }
        let elsewhere = proof(&world, &key, "GET", "https://evil.example/orders", &token, "d");
        assert_no(mode, &with_proof(&world, mode, "/orders", &token, &elsewhere).await, 401);
        let (_, thief) = bound(&world);
        let url = format!("https://{HOST}/orders");
        let stolen = proof(&world, &thief, "GET", &url, &token, "e");
        assert_no(mode, &with_proof(&world, mode, "/orders", &token, &stolen).await, 401);
        // A proof is nothing for a token that is bound to no key.
        let free = world.token("orders.read");
        let for_free = proof(&world, &key, "GET", &url, &free, "f");
        assert_no(mode, &with_proof(&world, mode, "/orders", &free, &for_free).await, 401);
    }
}

#[test_support::test]
async fn a_used_proof_stays_used_whatever_a_reload_changes() {
    let world = World::new("").await;
    let (token, key) = bound(&world);
    let url = format!("https://{HOST}/orders");
    let used = proof(&world, &key, "GET", &url, &token, "a");
    let ask = async || with_proof(&world, Mode::Nginx, "/orders", &token, &used).await;
    assert_yes(Mode::Nginx, &ask().await);
    let origins = format!("origins: [{{url: \"https://{HOST}\"}}]\n");
    world.write(&format!("{RULES}{origins}checker: {{max_age: 31s}}\n"));
    world.reload().await;
    // Beyond the time in which the proxy may repeat it.
    world.clock.advance(Duration::from_secs(3));
    assert_no(Mode::Nginx, &ask().await, 401);
    let fresh = proof(&world, &key, "GET", &url, &token, "b");
    assert_yes(Mode::Nginx, &with_proof(&world, Mode::Nginx, "/orders", &token, &fresh).await);
}

/// Over gRPC a real Envoy shows it, in `tests/interop/proxies`.
#[test_support::test]
async fn trap_a_bound_token_as_plain_bearer_is_refused() {
    let world = World::new("").await;
    for mode in Mode::ALL {
        assert_yes(mode, &world.get(mode, "/orders", &world.token("orders.read")).await);
        let (token, key) = bound(&world);
        let authorization = format!("DPoP {token}");
        let client = Client::get("/orders").header("authorization", &authorization);
        assert_no(mode, &world.ask(mode, &client).await, 401);
        let reply = world.get(mode, "/orders", &token).await;
        assert_no(mode, &reply, 401);
        let url = format!("https://{HOST}/orders");
        let proof = proof(&world, &key, "GET", &url, &token, "a");
        assert_yes(mode, &with_proof(&world, mode, "/orders", &token, &proof).await);
        // That the proof is there does not help where the scheme is not DPoP's.
        let authorization = format!("Bearer {token}");
        let client = Client::get("/orders").header("authorization", &authorization);
        assert_no(mode, &world.ask(mode, &client.header("dpop", &proof)).await, 401);
    }
}

#[test_support::test]
async fn a_proxy_that_asks_again_uses_a_proof_once_and_another_proxy_does_not() {
    let callers = format!(
        "callers:\n  - {{name: one, secret_sha256: \"{}\"}}\n  - {{name: two, secret_sha256: \"{}\"}}\n",
        sha256_hex("the-secret-of-one"),
        sha256_hex("the-secret-of-two"),
    );
    let world = World::new(&format!("{callers}dpop: {{repeat_within: 2s}}\n")).await;
    for mode in Mode::ALL {
        let (token, key) = bound(&world);
        let url = format!("https://{HOST}/orders");
        let proof = proof(&world, &key, "GET", &url, &token, "a");
        let authorization = format!("DPoP {token}");
        let by = async |secret: &str, path: &str| {
            let client = Client::get(path).header("authorization", &authorization);
            let client = client.header("dpop", &proof).header("x-okta-introspect-key", secret);
            world.ask(mode, &client).await
        };
        assert_yes(mode, &by("the-secret-of-one", "/orders?page=1").await);
        assert_no(mode, &by("the-secret-of-two", "/orders?page=1").await, 401);
        assert_no(mode, &by("the-secret-of-one", "/orders?page=2").await, 401);
        world.clock.advance(Duration::from_millis(1_900));
        assert_yes(mode, &by("the-secret-of-one", "/orders?page=1").await);
        world.clock.advance(Duration::from_millis(200));
        assert_no(mode, &by("the-secret-of-one", "/orders?page=1").await, 401);
    }
}

#[test_support::test]
async fn proofs_name_what_the_client_called_behind_a_proxy_that_rewrites() {
    let mut world = World::org(start_of_time()).await;
    world.write(&format!(
        "rules: [{{path: \"/internal/{{*rest}}\", require: {{}}}}]\n\
         origins: [{{url: \"https://{HOST}\", strip_prefix: /internal, add_prefix: /v1}}]\n"
    ));
    world.start().await.unwrap();
    for mode in Mode::ALL {
        let (token, key) = bound(&world);
        let made =
            |path, jti| proof(&world, &key, "GET", &format!("https://{HOST}{path}"), &token, jti);
        let called = made("/v1/orders", "a");
        assert_yes(mode, &with_proof(&world, mode, "/internal/orders", &token, &called).await);
        for (path, jti) in [("/internal/orders", "b"), ("/orders", "c")] {
            let seen = made(path, jti);
            assert_no(
                mode,
                &with_proof(&world, mode, "/internal/orders", &token, &seen).await,
                401,
            );
        }
    }
}

#[test_support::test]
async fn a_public_rule_asks_nobody_and_a_dry_run_lets_in_as_nobody() {
    let world = World::new("").await;
    for mode in Mode::ALL {
        let public = world.get(mode, "/health", "anything").await;
        assert_yes(mode, &public);
        for token in ["made-up-by-a-client", &world.token("orders.read")] {
            let reply = world.get(mode, "/new", token).await;
            assert_yes(mode, &reply);
            for fact in FACTS {
                assert_eq!(reply.one(&format!("x-auth-{fact}")), "-", "{mode} {fact}");
                assert_eq!(public.one(&format!("x-auth-{fact}")), "-", "{mode} {fact}");
            }
        }
        assert_yes(mode, &world.ask(mode, &Client::get("/new")).await);
        let full = world.get(mode, "/new", &world.token("orders.write")).await;
        assert_eq!(full.one("x-auth-scope"), "orders.write", "{mode}");
    }
    assert_eq!(world.log.count("dry run: a request would be refused"), 3 * Mode::ALL.len());
    let reasons = ["inactive", "no_token", "scope"];
    for reason in reasons {
        let log = world.log.text();
        let told = |line: &&str| line.contains("dry run") && line.contains(reason);
        assert!(log.lines().any(|line| told(&line)), "{reason}");
    }
}

#[test_support::test]
async fn the_log_says_what_was_wanted_and_what_the_token_has_by_the_words_of_the_metrics() {
    let mut world = World::org(start_of_time()).await;
    let rules = "rules: [{path: /orders, require: {scopes: [orders.read, orders.write]}}]\n";
    let origin = format!("origins: [{{url: \"https://{HOST}\", resource: {{}}}}]\n");
    world.write(&format!("{rules}{origin}"));
    world.start().await.unwrap();
    world.ready().await;
    for (origin, reason, detail) in [
        (&*origin, "audience", format!("wanted: https://{HOST}; the token has: ")),
        ("", "scope", "the token lacks scopes: orders.write".to_owned()),
    ] {
        world.write(&format!("{rules}{origin}"));
        world.reload().await;
        let token = world.token("orders.read");
        world.get(Mode::Caddy, "/orders", &token).await;
        let log = world.log.text();
        let begin = format!("verdict=\"denied\" reason=\"{reason}\"");
        let line = log.lines().find(|line| line.contains(&begin));
        let line = line.unwrap_or_else(|| panic!("no {begin} in {log}"));
        assert!(line.contains(&detail), "{line}");
        assert!(!line.contains(&token), "{line}");
    }
    world.ask(Mode::Caddy, &Client::get("//orders")).await;
    assert_eq!(world.log.count("verdict=\"refused\""), 1, "{}", world.log.text());
}

#[test_support::test]
async fn what_is_not_known_here_is_refused_before_any_token_is_looked_at() {
    let world = World::new("").await;
    let token = format!("Bearer {}", world.token("orders.read"));
    for mode in Mode::ALL {
        let client = |target| Client::get(target).header("authorization", &token);
        let elsewhere = Client { host: "evil.example", ..client("/orders") };
        assert_no(mode, &world.ask(mode, &elsewhere).await, 403);
        assert_no(mode, &world.ask(mode, &client("/invoices")).await, 403);
        let deleted = client("/orders").method("DELETE");
        assert_no(mode, &world.ask(mode, &deleted).await, 403);
        for path in
            ["/health/../orders", "//orders", "/orders%2f", "/%6frders", "/orders;a", "/health%00"]
        {
            assert_no(mode, &world.ask(mode, &client(path)).await, 400);
        }
    }
    assert_eq!(world.asked(), 0);
}

#[test_support::test]
async fn where_case_is_not_told_apart_no_spelling_reaches_another_rule() {
    let mut world = World::org(start_of_time()).await;
    let rules = "rules:
  - {path: /admin, require: {scopes: [admin]}}
  - {path: \"/{*rest}\", public: true}
";
    for (paths, expected) in [("", [403, 200, 200]), (", case_insensitive: true", [403, 403, 200])]
    {
        world.write(&format!("{rules}paths: {{decodings: [raw, once]{paths}}}\n"));
        match paths {
            "" => drop(world.start().await.unwrap()),
            _ => world.reload().await,
        }
        let token = world.token("orders.read");
        for mode in Mode::ALL {
            let mut statuses = Vec::new();
            for path in ["/admin", "/ADMIN", "/Other"] {
                statuses.push(world.get(mode, path, &token).await.status);
            }
            assert_eq!(statuses, expected, "{mode} {paths}");
            // Capital letters of Unicode that have small ones in ASCII.
            let kelvin = world.get(mode, "/%E2%84%AA", &token).await.status;
            assert_eq!(kelvin, if paths.is_empty() { 200 } else { 400 }, "{mode}");
        }
    }
}

#[test_support::test]
async fn a_proxy_that_is_not_set_up_is_told_once() {
    let world = World::new("").await;
    let token = format!("Bearer {}", world.token("orders.read"));
    for mode in Mode::ALL.into_iter().filter(|mode| *mode != Mode::Envoy) {
        let bare = crate::http::request("GET", "/authz", &[("authorization", &token)], "");
        for _ in 0..3 {
            assert_no(mode, &crate::http::ask(&world.socket(mode), &bare).await, 500);
        }
        // The headers of other modes mean nothing here.
        let other = if mode == Mode::Nginx { Mode::Caddy } else { Mode::Nginx };
        let asked = Client::get("/health").through(other);
        assert_no(mode, &crate::http::ask(&world.socket(mode), &asked).await, 500);
    }
    assert_eq!(world.log.count("is said once in five minutes"), 4);
}

#[test_support::test]
async fn trap_no_client_spends_what_is_said_of_the_proxys_configuration() {
    let world = World::new("").await;
    let whole = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", HOST),
        ("x-forwarded-uri", "/health"),
    ];
    let doubled = [&whole[..], &[("x-forwarded-uri", "/")]].concat();
    for (round, minutes) in [(1, 4), (1, 1), (2, 0)] {
        for headers in [&whole[..3], &doubled] {
            let asked = crate::http::request("GET", "/authz", headers, "");
            let socket = world.socket(Mode::Haproxy);
            assert_no(Mode::Haproxy, &crate::http::ask(&socket, &asked).await, 500);
        }
        for what in ["x-forwarded-uri is missing", "x-forwarded-uri came more than once"] {
            assert_eq!(world.log.count(what), round, "{what}");
        }
        world.clock.advance(Duration::from_secs(minutes * 60));
    }
}

/// A caller with a secret, without which nobody may ask.
fn one_caller() -> String {
    let hash = openssl::sha::sha256(b"the-secret-of-one");
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("callers: [{{name: one, secret_sha256: \"{hash}\"}}]\n")
}

#[test_support::test]
async fn trap_what_is_wrong_with_a_question_is_told_of_callers_alone() {
    let world = World::new(&one_caller()).await;
    let key = ("x-okta-introspect-key", "the-secret-of-one");
    let modes = [Mode::Nginx, Mode::Caddy, Mode::Traefik, Mode::Haproxy];
    for (headers, callers) in [(&[][..], 0), (&[key], 1)] {
        for (count, mode) in modes.into_iter().enumerate() {
            let bare = crate::http::request("GET", "/authz", headers, "");
            assert_no(mode, &crate::http::ask(&world.socket(mode), &bare).await, 500);
            let told = world.log.count("is missing; let the proxy set it on every request");
            assert_eq!(told, callers * (count + 1), "{mode}");
        }
        assert_eq!(world.log.count("the caller brings no secret"), modes.len());
    }
}

#[test_support::test]
async fn guesses_of_a_callers_secret_are_written_down_as_long_as_they_are_answered() {
    let world = World::new(&one_caller()).await;
    for mode in Mode::ALL {
        let guess = Client::get("/health").header("x-okta-introspect-key", "guess");
        for _ in 0..20 {
            assert_no(mode, &world.ask(mode, &guess).await, 500);
        }
    }
    let lines = |reason: &str| {
        let log = world.log.text();
        let lines = log.lines().filter(|line| line.contains("a request is not let in"));
        lines.filter(|line| line.contains(reason)).count()
    };
    assert_eq!(lines("wrong_caller_secret"), 10 * Mode::ALL.len());
    assert_eq!(lines("too_many_caller_attempts"), 0);
    let counted = "okta_introspect_refusals_total{reason=\"too_many_caller_attempts\"}";
    assert_eq!(world.metric(counted).await, 10.0 * Mode::ALL.len() as f64);
}

#[test_support::test]
async fn the_host_whose_metadata_is_asked_for_has_no_case() {
    let mut world = World::org(start_of_time()).await;
    let origin = |host: &str| format!("  - {{url: \"https://{host}\", resource: {{}}}}\n");
    let origins = origin(HOST) + &origin("other.example");
    world.write(&format!("{RULES}origins:\n{origins}"));
    world.start().await.unwrap();
    world.ready().await;
    for (host, resource) in [
        (HOST, Some(HOST)),
        ("API.Acme.example", Some(HOST)),
        ("Other.example:443", Some("other.example")),
        ("evil.example", None),
    ] {
        let path = "/.well-known/oauth-protected-resource";
        let asked = crate::http::request("GET", path, &[("host", host)], "");
        let reply = crate::http::ask(&world.socket(Mode::Caddy), &asked).await;
        assert_eq!(reply.status, if resource.is_some() { 200 } else { 404 }, "{host}");
        if let Some(resource) = resource {
            assert_eq!(reply.json()["resource"], format!("https://{resource}"), "{host}");
        }
    }
}
