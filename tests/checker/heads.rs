//! Requests that are not in one piece, as a proxy asks about them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, Uri};
use okta_introspect::adapter::{Gate, RequestHead};
use okta_introspect::checker::{Replay, Requirement};
use okta_introspect::{Algorithm, ManualClock, SigningKey};
use serde_json::json;

use crate::script::{Script, checker, proof};
use crate::support::start;

const ORIGIN: &str = "https://api.acme.example";

fn headers(members: &[(&'static str, &str)]) -> HeaderMap {
    members.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test_support::test]
async fn a_head_is_checked_without_waiting_where_the_answer_is_known() {
    let script = Script::new(&ManualClock::new(start()));
    script.active("reader", json!({"scope": "read"}));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let gate = Gate::new(checker(&script, |_| {})).on_rejection(move |rejection, request| {
        told.lock().unwrap().push((rejection.reason(), request.place().to_owned()));
    });
    let (uri, [read, write]) = (
        Uri::from_static("/orders/7?x=1"),
        ["read", "write"].map(|scope| Requirement::new().scope(scope)),
    );
    let (none, reader) = (HeaderMap::new(), headers(&[("authorization", "Bearer reader")]));
    let head = |headers| RequestHead::new(&Method::GET, &uri, headers);

    assert!(gate.try_check(&head(&reader), &read).is_none(), "the server has to be asked");
    assert_eq!((script.calls(), heard.lock().unwrap().len()), (0, 0));
    gate.check_head(&head(&reader), &read).await.unwrap();
    assert_eq!(script.calls(), 1);
    gate.try_check(&head(&reader), &read).unwrap().unwrap();
    let refused = gate.try_check(&head(&reader).at("orders"), &write).unwrap().unwrap_err();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let refused = gate.try_check(&head(&none), &read).unwrap().unwrap_err();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let refused = gate.check_head(&head(&none).at("orders"), &read).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(script.calls(), 1);
    let expected = [("scope", "orders"), ("no_token", "/orders/7"), ("no_token", "orders")];
    let expected = expected.map(|(reason, place)| (reason, place.to_owned()));
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[test_support::test]
async fn each_clone_of_a_gate_has_an_origin_of_its_own_and_proofs_are_used_once_in_all() {
    let script = Script::new(&ManualClock::new(start()));
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    script.active("bound", json!({"cnf": {"jkt": key.public_jwk().thumbprint()}}));
    let checker = checker(&script, |config| config.proofs.repeat_within = Duration::from_secs(2));
    let plain = Gate::new(checker).realm("orders");
    let here = plain.clone().origin(ORIGIN).unwrap();
    let there = plain.clone().origin("https://other.acme.example/v1").unwrap();
    let proof = proof(&key, "PUT", &format!("{ORIGIN}/orders/7"), "bound", 1);
    let headers = headers(&[("authorization", "DPoP bound"), ("dpop", &proof)]);
    let [first, second] = ["/orders/7?x=1", "/orders/7?x=2"].map(Uri::from_static);
    let edge = |uri| RequestHead::new(&Method::PUT, uri, &headers).through("edge");
    let other = |uri| RequestHead::new(&Method::PUT, uri, &headers).through("other");
    let any = Requirement::new();
    for (gate, head, is_good) in [
        (&plain, edge(&first), false),
        (&there, edge(&first), false),
        (&here, edge(&first), true),
        (&here, edge(&first), true),
        (&here, edge(&second), false),
        (&here, other(&first), false),
        (&here.clone().replay(Replay::CheckOnly), other(&first), false),
        (&here.clone().replay(Replay::Off), other(&first), true),
        (&there.clone().replay(Replay::Off), other(&first), false),
    ] {
        let result = gate.check_head(&head, &any).await;
        assert_eq!(result.is_ok(), is_good, "{gate:?} {head:?}: {result:?}");
    }
}
