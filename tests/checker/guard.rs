//! The guard of a protected resource: its metadata, and the audience that its tokens must have.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use okta_introspect::adapter::{Active, Gate, McpRules, ResourceMetadata};
use okta_introspect::checker::{Invalidation, Requirement};
use okta_introspect::{Issuer, ManualClock};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::script::{ISSUER, Script, checker};
use crate::support::start;

pub(crate) const RESOURCE: &str = "https://api.acme.example/mcp";
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource/mcp";

fn resource() -> ResourceMetadata {
    let issuer = Issuer::parse(ISSUER).unwrap();
    let builder = ResourceMetadata::builder(RESOURCE).authorization_server(&issuer);
    builder.scope("orders.read").build().unwrap()
}

pub(crate) fn script() -> (ManualClock, Script) {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    for (token, scope) in [("reader", "orders.read"), ("writer", "orders.read orders.delete")] {
        script.active(token, json!({"scope": scope, "aud": [RESOURCE, "api://other"]}));
    }
    (clock, script)
}

pub(crate) fn gate(script: &Script) -> Gate {
    Gate::new(checker(script, |_| {})).resource(resource())
}

pub(crate) fn challenge(headers: &HeaderMap) -> &str {
    headers["www-authenticate"].to_str().unwrap()
}

/// A layer, an extractor and the layer for MCP, behind one gate.
fn all_guards(gate: &Gate, requirement: &Requirement) -> Vec<(&'static str, Router)> {
    let of = |requirement: &Requirement| requirement.clone();
    let plain = || Router::new().route("/mcp", get(async || "in"));
    let extracting = Router::new().route("/mcp", get(async |_: Active| "in"));
    vec![
        ("layer", plain().layer(gate.layer(of(requirement)))),
        ("layer for MCP", plain().layer(gate.mcp_layer(McpRules::new(of(requirement))))),
        ("extractor", extracting.with_state(gate.clone().rules(of(requirement)))),
    ]
}

#[test_support::test]
async fn a_token_for_another_resource_is_refused_whatever_the_requirement_says() {
    let (_, script) = script();
    let slash = "Bearer error=\"invalid_token\", error_description=\"the access token's audience \
        differs from the one wanted here by a trailing slash\", ";
    let other = "Bearer error=\"invalid_token\", ";
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let gate = gate(&script).on_rejection(move |rejection, _| {
        told.lock().unwrap().push((rejection.reason(), rejection.to_string().contains("slash")));
    });
    let any = Requirement::new();
    let asking = Requirement::new().audience("api://other");
    for (requirement, audience, expected) in [
        (&any, json!(RESOURCE), None),
        (&any, json!(["api://x", RESOURCE]), None),
        (&any, json!("https://api.acme.example/mcp/"), Some(slash)),
        (&any, json!(["api://x", "https://api.acme.example/mcp/"]), Some(slash)),
        (&any, json!("https://api.acme.example"), Some(other)),
        (&any, json!("https://api.acme.example/MCP"), Some(other)),
        (&any, json!("api://default"), Some(other)),
        (&any, json!([]), Some(other)),
        (&any, Value::Null, Some(other)),
        (&asking, json!("api://other"), Some(other)),
        (&asking, json!(RESOURCE), Some(other)),
        (&asking, json!([RESOURCE, "api://other"]), None),
    ] {
        script.active("presented", json!({"aud": audience}));
        gate.checker().invalidate(Invalidation::Everything);
        for (name, router) in all_guards(&gate, requirement) {
            let request = Request::get("/mcp").header("authorization", "Bearer presented");
            let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let status = if expected.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
            assert_eq!(response.status(), status, "{name} {audience} {:?}", response.headers());
            let heard = std::mem::take(&mut *heard.lock().unwrap());
            let Some(expected) = expected else { continue };
            let challenge = challenge(response.headers());
            assert!(challenge.starts_with(expected), "{name} {audience}: {challenge}");
            assert_eq!(heard, [("audience", expected == slash)], "{name} {audience}");
        }
    }
}

#[test_support::test]
async fn where_bound_tokens_are_demanded_no_other_gets_in() {
    let (_, script) = script();
    let issuer = Issuer::parse(ISSUER).unwrap();
    let resource = ResourceMetadata::builder(RESOURCE).authorization_server(&issuer);
    let resource = resource.dpop_required().build().unwrap();
    let gate = Gate::new(checker(&script, |_| {})).resource(resource);
    for (name, router) in all_guards(&gate, &Requirement::new()) {
        for (token, error) in [(None, ""), (Some("reader"), r#", error="invalid_token""#)] {
            let mut request = Request::get("/mcp");
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
            let response = response.unwrap();
            assert_eq!(response.status(), 401, "{name}");
            let start = format!(r#"DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512"{error}"#);
            let challenge = challenge(response.headers());
            assert!(challenge.starts_with(&start), "{name}: {challenge}");
        }
    }
}

#[test_support::test]
async fn the_metadata_is_served_to_everybody_under_its_path() {
    let (_, script) = script();
    let (resource, gate) = (resource(), gate(&script));
    let guarded = Router::new().route("/mcp", get(async || "in"));
    let guarded = guarded.layer(gate.layer(Requirement::new()));
    let router: Router = guarded.merge(resource.router());
    let slash = format!("{WELL_KNOWN}/");
    for (method, path, status) in [
        ("GET", WELL_KNOWN, 200),
        ("HEAD", WELL_KNOWN, 200),
        ("GET", &slash, 200),
        ("OPTIONS", WELL_KNOWN, 204),
        ("POST", WELL_KNOWN, 405),
        ("DELETE", WELL_KNOWN, 405),
        ("GET", "/.well-known/oauth-protected-resource", 404),
        ("GET", "/mcp/.well-known/oauth-protected-resource", 404),
        ("GET", "/.well-known/oauth-protected-resource/mcp/x", 404),
        ("GET", "/mcp", 401),
    ] {
        let request = || Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let alone = resource.service::<Body>().oneshot(request()).await.unwrap();
        let routed = router.clone().oneshot(request()).await.unwrap();
        assert_eq!(routed.status(), status, "{method} {path}");
        if !path.starts_with("/.well-known") || status == 404 {
            assert_eq!(alone.status(), 404);
            continue;
        }
        for response in [alone, routed] {
            let headers = response.headers().clone();
            assert_eq!(response.status(), status, "{method} {path}");
            assert_eq!(headers["access-control-allow-origin"], "*");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            match (method, status) {
                ("GET", _) => assert_eq!(body, resource.to_json()),
                ("HEAD", _) => {
                    assert_eq!(headers["content-length"], &*resource.to_json().len().to_string())
                }
                ("OPTIONS", _) => assert_eq!(headers["access-control-allow-headers"], "*"),
                _ => assert_eq!(headers["allow"], "GET, HEAD, OPTIONS"),
            }
            if status == 200 {
                assert_eq!(headers["content-type"], "application/json");
                assert_eq!(headers["cache-control"], "public, max-age=300");
            }
            assert_eq!(body.is_empty(), method != "GET");
        }
    }
}
