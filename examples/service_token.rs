//! Gets a service token and keeps it: the `client_credentials` grant with `private_key_jwt`.
//!
//! `cargo run --example service_token --features sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{Algorithm, Client, Scopes, SigningKey, TokenSource};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An org of our own, on loopback. Against a real one these lines are:
    //
    //     let issuer = Issuer::parse("https://acme.okta.com")?;
    //     let key = SigningKey::from_file("service-app.pem", &KeyOptions::default().key_id("k1"))?;
    let key = SigningKey::generate(Algorithm::Es256)?;
    let app = App::service("0oa1service").key(key.public_jwk()).grant("okta.users.read");
    let sandbox = Sandbox::builder().app(app).start().await?;
    let issuer = sandbox.issuer();

    let client = Client::builder(issuer, "0oa1service", key).build()?;
    let tokens = client.token_source(Scopes::parse("okta.users.read")?);

    // A thousand callers, one request: the source keeps the token and renews it before its end.
    for _ in 0..1000 {
        tokens.token().await?;
    }
    let token = tokens.token().await?;
    println!("type:        {}", token.token_type().as_str());
    println!("lifetime:    {:?}", token.lifetime());
    println!("scopes:      {}", token.scopes().map(Scopes::to_string).unwrap_or_default());
    println!("fingerprint: {}", token.token().fingerprint());
    println!("requests:    {}", sandbox.requests().len());

    // A scope that nobody granted is refused, and the error says what to do about it.
    let error = client.request_token(&Scopes::parse("okta.apps.manage")?).await.unwrap_err();
    println!("refused:     {error}");
    println!("advice:      {}", error.advice());
    Ok(())
}
