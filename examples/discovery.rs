//! Takes the endpoints from a server's metadata: for servers that are not Okta's.
//!
//! `cargo run --example discovery --features sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{Algorithm, Client, HttpConfig, Issuer, Scopes, SigningKey, metadata};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SigningKey::generate(Algorithm::Es256)?;
    let app = App::service("0oa1service").key(key.public_jwk()).grant("okta.users.read");
    let sandbox = Sandbox::builder().app(app).start().await?;

    // Any issuer URL will do, whatever its path; against a real server for instance:
    //
    //     let issuer = Issuer::parse_other("https://id.acme.example/realms/main")?;
    let issuer = Issuer::parse_other(sandbox.issuer().as_str())?;
    let metadata = metadata::discover(&issuer, &HttpConfig::default()).await?;
    let endpoints = metadata.endpoints()?;
    println!("token:         {}", endpoints.token);
    println!("introspection: {}", endpoints.introspection);
    println!("revocation:    {}", endpoints.revocation);
    println!("keys:          {}", endpoints.jwks);

    let client = Client::builder(issuer, "0oa1service", key).endpoints(endpoints).build()?;
    let token = client.request_token(&Scopes::parse("okta.users.read")?).await?;
    println!("active:        {}", client.introspect(token.token(), None).await?.active);
    Ok(())
}
