//! What the adapter's types show.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::FromRequestParts as _;
use okta_introspect::adapter::{
    Active, Anyone, Bare, BodyFault, ByRules, Gate, McpBody, McpRules, ProblemDetails, Required,
    ResourceMetadata, Rules,
};
use okta_introspect::*;
use test_support::secrets::Secrets;

use crate::org::Org;
use crate::said::{CLIENT, PASSPHRASE, TOKEN, scopes};

/// The lines of the adapter's types, with a request that is let in and one that is not.
pub(super) async fn guarded(org: &Org, secrets: &mut Secrets) -> BTreeMap<&'static str, String> {
    let client = org.client(CLIENT).build().unwrap();
    let token = client.request_token(&scopes("okta.users.read")).await.unwrap();
    secrets.add("a token behind the gate", token.token().expose());
    let checker = Checker::builder(client).clock(org.clock.clone()).build().unwrap();
    let gate = Gate::new(checker).realm("orders").origin("https://api.acme.example").unwrap();
    let heads = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&heads);
    let gate = gate.on_rejection(move |_, request| *heard.lock().unwrap() += &said!(*request));
    let rules = Rules::new().on(http::Method::GET, "/orders", Requirement::new());
    let required = Required::from(Arc::new(Requirement::new()));
    let request = |token: &str| {
        let request =
            http::Request::get("/orders").header("authorization", format!("Bearer {token}"));
        request.body(String::new()).unwrap()
    };
    let mut extracted = Vec::new();
    for presented in [token.token().expose(), TOKEN] {
        let (mut parts, _) = request(presented).into_parts();
        extracted.push(Active::<Anyone>::from_request_parts(&mut parts, &gate).await);
    }
    let refused = extracted.pop().unwrap().unwrap_err();
    let layer = gate.layer(Requirement::new().scope("okta.users.read"));
    let inner = tower::service_fn(async |_: http::Request<String>| {
        Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
    });
    let mut gated = tower::Layer::layer(&layer, inner);
    let pending = tower::Service::call(&mut gated, request(TOKEN));
    let resource = ResourceMetadata::builder("https://api.acme.example/mcp");
    let resource = resource.authorization_server(&org.sandbox.issuer());
    let metadata = resource.clone().build().unwrap();
    let mcp_rules = McpRules::new(Requirement::new()).tool("drop", Requirement::new());
    let mcp_layer = gate.mcp_layer(mcp_rules.clone());
    let bodies = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&bodies);
    let inner = tower::service_fn(move |request: http::Request<McpBody>| {
        *seen.lock().unwrap() += &said!(request.body());
        async { Ok::<_, std::convert::Infallible>(http::Response::new(String::new())) }
    });
    // A body with a secret in it, as the arguments of a tool may have one.
    let body = format!(r#"{{"method":"ping","params":{{"secret":"{PASSPHRASE}"}}}}"#);
    let message = request(token.token().expose()).map(|_| axum::body::Body::from(body));
    let guarded = tower::ServiceExt::oneshot(tower::Layer::layer(&mcp_layer, inner), message).await;
    assert_eq!(guarded.unwrap().status(), 200);

    BTreeMap::from([
        ("Active", said!(extracted)),
        ("Anyone", said!(Anyone)),
        ("Bare", said!(Bare)),
        ("BodyFault", said!(BodyFault::Ambiguous)),
        ("ByRules", said!(ByRules)),
        ("Cause", said!(*refused.cause())),
        ("Gate", said!(gate)),
        ("GateLayer", said!(layer)),
        ("Gated", said!(tower::Layer::layer(&layer, ()))),
        ("McpBody", bodies.lock().unwrap().clone()),
        ("McpGuarded", said!(tower::Layer::layer(&mcp_layer, ()))),
        ("McpLayer", said!(mcp_layer)),
        ("McpRules", said!(mcp_rules)),
        ("MetadataService", said!(metadata.service::<String>())),
        ("ProblemDetails", said!(ProblemDetails)),
        ("Rejection", said!(refused) + &refused.problem()),
        ("RequestHead", heads.lock().unwrap().clone()),
        ("Required", said!(required)),
        ("ResourceMetadata", said!(metadata)),
        ("ResourceMetadataBuilder", said!(resource)),
        ("ResponseFuture", said!(pending)),
        ("Rules", said!(rules) + &said!(Rules::by(|_| None))),
    ])
}
