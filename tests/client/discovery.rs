//! Discovery: what it says when it fails, and what it tells besides.

use chrono::TimeDelta;
use okta_introspect::sandbox::{CustomServer, Fault, Sandbox, Times};
use okta_introspect::{Algorithm, Client, ErrorKind, Issuer, SigningKey};

async fn sandbox() -> Sandbox {
    Sandbox::builder().server(CustomServer::new("default")).start().await.unwrap()
}

fn client(issuer: &str) -> Client {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    Client::builder(Issuer::parse(issuer).unwrap(), "0oa1", key).build().unwrap()
}

#[test_support::test]
async fn the_clock_is_known_before_any_credentials_are_sent() {
    let sandbox = sandbox().await;
    sandbox.set_clock_offset(TimeDelta::minutes(10));
    let client = client(sandbox.issuer().as_str());
    assert_eq!(client.clock_offset(), None);
    client.metadata().await.unwrap();
    let offset = client.clock_offset().unwrap();
    assert!(offset.is_significant() && !offset.applied, "{offset}");
    assert_eq!((offset.millis + 30_000) / 60_000, 10);
}

#[test_support::test]
async fn a_failure_has_its_kind_and_what_is_known_of_its_cause() {
    let sandbox = sandbox().await;
    let org = sandbox.issuer().as_str().to_owned();
    let unknown = format!("{org}/oauth2/nowhere");
    let error = client(&unknown).metadata().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert_eq!(error.diagnosis().unwrap().about, "issuer");
    assert_eq!(error.refusal().unwrap().code.as_deref(), Some("E0000007"));

    sandbox.faults().inject(Fault::html(503), Times::Always);
    let error = client(&org).metadata().await.unwrap_err();
    assert_eq!((error.kind(), error.diagnosis()), (ErrorKind::ServerFailed, None));
}
