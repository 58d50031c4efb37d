//! The tower layer and the axum extractor: what is let in, and what the others are answered.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::routing::{delete, get, post};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use okta_introspect::adapter::{
    Active, Gate, RequestHead, Require, Required, Rules, matched_path, original_uri,
};
use okta_introspect::checker::{Authorized, Requirement};
use okta_introspect::{Algorithm, ErrorKind, ManualClock, SigningKey};
use serde_json::json;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::script::{Script, checker, proof};
use crate::support::{seconds, start};

const TOKEN: &str = "t0ken-that-must-never-show";
const ORIGIN: &str = "https://api.acme.example";

struct Orders;

impl Require<App> for Orders {
    fn requirement<'a>(app: &'a App, _: &RequestHead<'a>) -> Option<Required<'a>> {
        Some((&app.orders).into())
    }
}

#[derive(Clone)]
struct App {
    gate: Gate,
    orders: Requirement,
}

impl FromRef<App> for Gate {
    fn from_ref(app: &App) -> Self {
        app.gate.clone()
    }
}

fn script() -> (ManualClock, Script) {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    let orders = "orders.read orders.write";
    script.active(TOKEN, json!({"scope": orders, "username": "ada@acme.example"}));
    script.active("reader", json!({"scope": "orders.read"}));
    (clock, script)
}

fn gate(script: &Script) -> Gate {
    Gate::new(checker(script, |_| {}))
}

fn request(headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get("/orders/7?access_token=t0ken-that-must-never-show");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

/// What is answered to a request: status, challenges, `Retry-After`, body.
async fn answer<S>(service: S, request: Request<Body>) -> (u16, Vec<String>, Option<String>, String)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let response = service.oneshot(request).await.unwrap();
    let text = |name| {
        let values: Vec<_> = values(response.headers(), name);
        values
    };
    let (challenges, retry) = (text("www-authenticate"), text("retry-after").pop());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, challenges, retry, String::from_utf8(body.to_vec()).unwrap())
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// A service behind the layer, which says who called it.
fn layered(
    gate: &Gate,
    requirement: Requirement,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + use<> {
    gate.layer(requirement).layer(service_fn(|request: Request<Body>| async move {
        let caller = request.extensions().get::<Authorized>().expect("it was checked");
        let name = caller.introspection().username.clone().unwrap_or_default();
        Ok(Response::new(Body::from(name)))
    }))
}

#[test_support::test]
async fn each_request_gets_the_answer_that_the_rfcs_ask_for() {
    let (_, script) = script();
    let gate = gate(&script).realm("or\"ders");
    let service = || layered(&gate, Requirement::new().scope("orders.write").scope("orders.read"));
    let invalid = r#"Bearer realm="orders", error="invalid_token""#;
    let request_error = r#"Bearer realm="orders", error="invalid_request""#;
    let scope =
        r#"Bearer realm="orders", error="insufficient_scope", scope="orders.write orders.read""#;
    let long = format!("Bearer {}", "x".repeat(20_000));
    for (name, headers, status, challenge) in [
        ("no token, though one in the query", &[][..], 401, r#"Bearer realm="orders""#),
        ("another scheme", &[("authorization", "Basic YTpi")], 401, r#"Bearer realm="orders""#),
        ("no token after the scheme", &[("authorization", "Bearer")], 400, request_error),
        (
            "two tokens",
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
            400,
            request_error,
        ),
        ("not a token", &[("authorization", long.as_str())], 401, invalid),
        ("inactive", &[("authorization", "Bearer unknown")], 401, invalid),
        ("too little scope", &[("authorization", "Bearer reader")], 403, scope),
    ] {
        for turn in ["from the server", "from the cache"] {
            let answer = answer(service(), request(headers)).await;
            assert_eq!(
                answer,
                (status, vec![challenge.to_owned()], None, String::new()),
                "{name}, {turn}"
            );
        }
    }
    let good = request(&[("authorization", &format!("Bearer {TOKEN}"))]);
    let expected = (200, vec![], None, "ada@acme.example".to_owned());
    assert_eq!(answer(service(), good).await, expected);
}

#[test_support::test]
async fn what_is_not_known_is_503_and_never_401() {
    let (clock, script) = script();
    let service = layered(&gate(&script), Requirement::new());
    let bearer = format!("Bearer {TOKEN}");
    let request = || request(&[("authorization", &bearer)]);
    assert_eq!(answer(service.clone(), request()).await.0, 200);
    clock.advance(seconds(31));
    for kind in [ErrorKind::Unreachable, ErrorKind::ClientRefused, ErrorKind::RateLimited] {
        script.fail(kind);
        let expected = (503, vec![], Some("7".to_owned()), String::new());
        assert_eq!(answer(service.clone(), request()).await, expected, "{kind:?}");
    }
    script.fail(None);
    script.revoke(TOKEN);
    assert_eq!(answer(service, request()).await.0, 401);
}

#[test_support::test]
async fn the_extractor_guards_each_route_by_its_own_requirement() {
    let (_, script) = script();
    let nested = Router::new().route(
        "/change",
        post(async |caller: Active<Orders>| caller.introspection().username.clone().unwrap()),
    );
    let router = Router::new()
        .route("/public", get(async || "hello"))
        .route("/any", get(async |_: Active| "any"))
        .route(
            "/maybe",
            get(async |caller: Option<Active>| if caller.is_some() { "known" } else { "unknown" }),
        )
        .nest("/orders", nested)
        .with_state(App {
            gate: gate(&script),
            orders: Requirement::new().scope("orders.write").scope("orders.read"),
        });
    let ask = async |method: &str, path: &str, token: Option<&str>| {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = answer(router.clone(), request.body(Body::empty()).unwrap()).await;
        (answer.0, answer.3)
    };
    let said = |status: u16, text: &str| (status, text.to_owned());
    assert_eq!(ask("GET", "/public", None).await, said(200, "hello"));
    assert_eq!(ask("GET", "/any", None).await, said(401, ""));
    assert_eq!(ask("GET", "/any", Some("reader")).await, said(200, "any"));
    assert_eq!(ask("GET", "/maybe", None).await, said(200, "unknown"));
    assert_eq!(ask("GET", "/maybe", Some("reader")).await, said(200, "known"));
    assert_eq!(ask("GET", "/maybe", Some("bad")).await, said(401, ""));
    assert_eq!(ask("POST", "/orders/change", Some("reader")).await, said(403, ""));
    let change = ask("POST", "/orders/change", Some(TOKEN)).await;
    assert_eq!(change, said(200, "ada@acme.example"));
}

#[test_support::test]
async fn a_bound_token_gets_in_with_a_proof_for_this_request_and_once() {
    let (_, script) = script();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jkt = key.public_jwk().thumbprint();
    script.active("bound", json!({"cnf": {"jkt": jkt}, "username": "ada@acme.example"}));
    let gate = gate(&script).origin(ORIGIN).unwrap();
    let ask = async |authorization: &str, proof: Option<&str>| {
        let mut headers = vec![("authorization", authorization)];
        headers.extend(proof.map(|proof| ("dpop", proof)));
        let service = layered(&gate, Requirement::new());
        let (status, challenges, _, _) = answer(service, request(&headers)).await;
        (status, challenges.join(" "))
    };
    let url = format!("{ORIGIN}/orders/7");
    let good = proof(&key, "GET", &url, "bound", 1);
    let refused = |error: &str| {
        let algs = "RS256 RS384 RS512 ES256 ES384 ES512";
        (401, format!(r#"DPoP algs="{algs}", error="{error}""#))
    };
    assert_eq!(ask("DPoP bound", Some(&good)).await, (200, String::new()));
    assert_eq!(ask("DPoP bound", Some(&good)).await, refused("invalid_dpop_proof"), "replayed");
    assert_eq!(ask("DPoP bound", None).await, refused("invalid_dpop_proof"), "no proof");
    assert_eq!(ask("Bearer bound", None).await, refused("invalid_token"), "as a plain one");
    let elsewhere = proof(&key, "GET", "https://other.example/orders/7", "bound", 2);
    assert_eq!(ask("DPoP bound", Some(&elsewhere)).await, refused("invalid_dpop_proof"));
    let another = SigningKey::generate(Algorithm::Es256).unwrap();
    let stolen = proof(&another, "GET", &url, "bound", 3);
    assert_eq!(ask("DPoP bound", Some(&stolen)).await, refused("invalid_token"), "another key");
    let unbound = format!("DPoP {TOKEN}");
    assert_eq!(ask(&unbound, Some(&good)).await, refused("invalid_token"), "not bound at all");
}

#[test_support::test]
async fn where_proofs_are_demanded_the_challenge_says_so() {
    let (_, script) = script();
    let gate = gate(&script).origin(ORIGIN).unwrap();
    let service = layered(&gate, Requirement::new().bound());
    let dpop = r#"DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512""#;
    let (status, challenges, ..) = answer(service.clone(), request(&[])).await;
    assert_eq!((status, challenges), (401, vec![dpop.to_owned()]));
    let bearer = format!("Bearer {TOKEN}");
    let (status, challenges, ..) = answer(service, request(&[("authorization", &bearer)])).await;
    assert_eq!((status, challenges), (401, vec![format!(r#"{dpop}, error="invalid_token""#)]));
    let either = layered(&gate, Requirement::new());
    let (_, challenges, ..) = answer(either, request(&[])).await;
    assert_eq!(challenges, ["Bearer".to_owned(), dpop.to_owned()]);
}

#[test_support::test]
async fn without_a_known_origin_no_proof_is_good() {
    let (_, script) = script();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    script.active("bound", json!({"cnf": {"jkt": key.public_jwk().thumbprint()}}));
    let proof = proof(&key, "GET", "http://localhost/orders/7", "bound", 1);
    let headers = [("authorization", "DPoP bound"), ("dpop", &*proof), ("host", "localhost")];
    let service = layered(&gate(&script), Requirement::new());
    assert_eq!(answer(service, request(&headers)).await.0, StatusCode::UNAUTHORIZED.as_u16());
}

#[test_support::test]
async fn nothing_shown_holds_the_token() {
    let (_, script) = script();
    let gate = gate(&script);
    let (parts, _) = request(&[("authorization", &format!("Bearer {TOKEN}"))]).into_parts();
    let authorized = gate.check(&parts, &Requirement::new()).await;
    let refused = gate.check(&parts, &Requirement::new().scope("other")).await;
    script.fail(ErrorKind::Unreachable);
    let unknown = gate.check(&parts, &Requirement::new().max_age(seconds(0))).await;
    let layer = gate.layer(Requirement::new());
    let shown = format!("{authorized:?} {refused:?} {unknown:?} {layer:?} {gate:?}");
    assert!(!shown.contains(TOKEN), "{shown}");
}

/// A router takes the front off a path, and with it what a proof names.
#[test_support::test]
async fn a_layer_inside_a_router_sees_the_whole_path_where_it_is_told_to_look() {
    let (_, script) = script();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    script.active("bound", json!({"cnf": {"jkt": key.public_jwk().thumbprint()}}));
    let plain = gate(&script).origin(ORIGIN).unwrap();
    let told = plain.clone().original_uri(original_uri);
    for (gate, url, status, jti) in [
        (&told, "/orders/7", 200, 1),
        (&told, "/7", 401, 2),
        (&plain, "/7", 200, 3),
        (&plain, "/orders/7", 401, 4),
    ] {
        let nested =
            Router::new().route("/7", get(async || "seven")).layer(gate.layer(Requirement::new()));
        let router: Router = Router::new().nest("/orders", nested);
        let proof = proof(&key, "GET", &format!("{ORIGIN}{url}"), "bound", jti);
        let headers = [("authorization", "DPoP bound"), ("dpop", &*proof)];
        assert_eq!(answer(router, request(&headers)).await.0, status, "{url}");
    }
}

/// Three routes as a configuration guards them.
const RULES: &str = r#"{
    "GET /orders": {"scopes": ["orders.read"]},
    "DELETE /orders/{id}": {"scopes": ["orders.write"], "max_age": 0},
    "/audit": {"client_ids": ["0oa1auditor"]}
}"#;

#[test_support::test]
async fn rules_from_a_configuration_guard_each_route_and_refuse_the_rest() {
    let (_, script) = script();
    let gate = gate(&script).rules(serde_json::from_str::<Rules>(RULES).unwrap());
    let read = async |caller: Active| {
        let kept = Authorized::from(caller.clone());
        assert_eq!(kept.introspection().username, caller.introspection().username);
        assert_eq!((kept.age(), kept.source()), (caller.age(), caller.source()));
        kept.introspection().username.clone().unwrap_or_default()
    };
    let routes = || {
        Router::new()
            .route("/orders", get(async || "read").post(async || "created"))
            .nest("/orders", Router::new().route("/{id}", delete(async || "deleted")))
            .route("/audit", get(async || "audit"))
    };
    let extracting = Router::new()
        .route("/orders", get(read).post(read))
        .nest("/orders", Router::new().route("/{id}", delete(read)))
        .route("/audit", get(read))
        .with_state(gate.clone());
    let rules = serde_json::from_str::<Rules>(RULES).unwrap();
    let told = gate.clone().route(matched_path).layer(rules.clone());
    for (name, router) in [("extractor", extracting), ("layer", routes().layer(told))] {
        for (method, path, token, status) in [
            ("GET", "/orders", "reader", 200),
            ("HEAD", "/orders", "reader", 200),
            ("POST", "/orders", TOKEN, 403),
            ("DELETE", "/orders/7", "reader", 403),
            ("DELETE", "/orders/7", TOKEN, 200),
            ("GET", "/audit", TOKEN, 403),
        ] {
            let request = Request::builder().method(method).uri(path);
            let request = request.header("authorization", format!("Bearer {token}"));
            let answer = answer(router.clone(), request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.0, status, "{name}: {method} {path} {token}");
        }
    }
    // Where nothing tells the route, only paths that are written like it are on it.
    let untold = routes().layer(gate.layer(rules));
    for (method, path, status) in [("GET", "/orders", 200), ("DELETE", "/orders/7", 403)] {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let answer = answer(untold.clone(), request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.0, status, "{method} {path}");
    }
}

#[test_support::test]
async fn a_function_of_the_request_chooses_the_requirement() {
    let (_, script) = script();
    let [read, write] =
        ["orders.read", "orders.write"].map(|scope| Arc::new(Requirement::new().scope(scope)));
    let rules = Rules::by(move |request| match *request.method() {
        Method::GET => Some(Arc::clone(&read)),
        Method::PUT => Some(Arc::clone(&write)),
        _ => None,
    });
    let gate = gate(&script).rules(rules.clone());
    let handler =
        get(async |_: Active| "in").put(async |_: Active| "in").post(async |_: Active| "in");
    let extracting = Router::new().route("/", handler).with_state(gate.clone());
    let plain = get(async || "in").put(async || "in").post(async || "in");
    let layered = Router::new().route("/", plain).layer(gate.layer(rules));
    for router in [extracting, layered] {
        for (method, status) in [("GET", 200), ("PUT", 403), ("POST", 403)] {
            let request =
                Request::builder().method(method).header("authorization", "Bearer reader");
            let answer = answer(router.clone(), request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.0, status, "{method}");
        }
    }
}

#[test_support::test]
async fn the_facts_of_a_caller_fit_the_types_of_the_service() {
    #[derive(serde::Deserialize)]
    struct Employee {
        username: String,
        groups: Vec<String>,
    }
    let (_, script) = script();
    script.active("ada", json!({"username": "ada@acme.example", "groups": ["auditors"], "exp": start().timestamp() + 60}));
    let (parts, _) = request(&[("authorization", "Bearer ada")]).into_parts();
    let caller = gate(&script).check(&parts, &Requirement::new()).await.unwrap();
    let employee: Employee = caller.claims().unwrap();
    assert_eq!((&*employee.username, &*employee.groups[0]), ("ada@acme.example", "auditors"));
    let all: serde_json::Value = caller.claims().unwrap();
    assert_eq!(all["exp"], start().timestamp() + 60);
    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code)] // it never comes to be
    struct Robot {
        username: u64,
    }
    let error = caller.claims::<Robot>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(!format!("{error} {error:?}").contains("ada"), "{error:?}");
    assert!(
        error.to_string().ends_with("`username` is a string, expected a whole number"),
        "{error}"
    );
}

#[test_support::test]
async fn each_refusal_is_handed_to_the_hook_once() {
    let (_, script) = script();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let gate = gate(&script).on_rejection(move |rejection, request| {
        told.lock().unwrap().push((rejection.reason(), request.place().to_owned()));
    });
    let layer = gate.clone().route(matched_path).layer(Requirement::new().scope("orders.write"));
    let router = Router::new()
        .route("/any", get(async |_: Active| "any"))
        .route("/maybe/{id}", get(async |_: Option<Active>| "maybe"))
        .route("/layered/{id}", get(async || "layered").layer(layer))
        .with_state(gate);
    for (path, token, reason) in [
        ("/any", None, Some(("no_token", "/any"))),
        ("/any", Some("bad"), Some(("inactive", "/any"))),
        ("/any", Some("reader"), None),
        ("/maybe/1", None, None),
        ("/maybe/1", Some("bad"), Some(("inactive", "/maybe/{id}"))),
        ("/layered/1", Some("reader"), Some(("scope", "/layered/{id}"))),
        ("/layered/1", Some("new"), Some(("inactive", "/layered/{id}"))),
        ("/layered/1", Some(TOKEN), None),
    ] {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        answer(router.clone(), request.body(Body::empty()).unwrap()).await;
        let expected: Vec<_> =
            reason.map(|(name, place)| (name, place.to_owned())).into_iter().collect();
        assert_eq!(std::mem::take(&mut *heard.lock().unwrap()), expected, "{path} {token:?}");
    }
}

#[test_support::test]
async fn programs_are_told_in_a_body_where_that_is_wanted() {
    let (_, script) = script();
    let gate = gate(&script).problem_details();
    let requirement = || Requirement::new().scope("orders.write");
    let handler = async |_: Active| "in";
    let extracting =
        Router::new().route("/", get(handler)).with_state(gate.clone().rules(requirement()));
    let layered = Router::new()
        .route("/", get(async || "in"))
        .layer(gate.layer(requirement()).problem_details());
    for router in [extracting, layered] {
        let request = Request::get("/").header("authorization", "Bearer reader");
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let expected = json!({
            "title": "Forbidden", "status": 403, "detail": "the access token does not permit this",
            "error": "insufficient_scope", "scope": "orders.write",
        });
        assert_eq!(problem, expected);
    }
}

#[test_support::test]
async fn calls_of_grpc_are_refused_as_grpc_refuses() {
    let (_, script) = script();
    let service = layered(&gate(&script), Requirement::new().scope("orders.write"));
    for (authorization, fails, code) in [
        (None, false, "16"),
        (Some("Bearer a b"), false, "3"),
        (Some("Bearer unknown"), false, "16"),
        (Some("Bearer reader"), false, "7"),
        (Some("Bearer other"), true, "14"),
    ] {
        script.fail(fails.then_some(ErrorKind::Unreachable));
        let mut headers = vec![("content-type", "application/grpc")];
        headers.extend(authorization.map(|value| ("authorization", value)));
        let response = service.clone().oneshot(request(&headers)).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], code);
        assert_eq!(response.headers()["content-type"], "application/grpc");
        assert_eq!(response.headers().contains_key("grpc-retry-pushback-ms"), fails);
        assert!(axum::body::HttpBody::is_end_stream(response.body()), "headers alone");
    }
    let good =
        [("content-type", "application/grpc"), ("authorization", &*format!("Bearer {TOKEN}"))];
    script.fail(None);
    assert_eq!(answer(service, request(&good)).await.3, "ada@acme.example");
}
