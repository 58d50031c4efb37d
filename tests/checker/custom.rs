//! A custom authorization server in a sandbox, and a backend's client there.

use okta_introspect::sandbox::{App, CustomServer, Sandbox};
use okta_introspect::{Algorithm, Client, ManualClock, SigningKey};

pub(crate) const AUDIENCE: &str = "api://default";

/// The server `default` with this clock, the backend's client, and the app `0oa2portal`, whose
/// tokens are asked about.
pub(crate) async fn custom_server(clock: &ManualClock) -> (Sandbox, Client) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1backend").key(key.public_jwk()))
        .app(App::web("0oa2portal"))
        .server(CustomServer::new("default").audience(AUDIENCE))
        .clock(clock.clone())
        .start()
        .await
        .unwrap();
    let issuer = sandbox.custom_issuer("default").unwrap();
    let client = Client::builder(issuer, "0oa1backend", key).clock(clock.clone()).build().unwrap();
    (sandbox, client)
}
