//! Works with a custom authorization server, and shows why the right server must be asked.
//!
//! `cargo run --example custom_server --features sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use okta_introspect::sandbox::{App, CustomServer, Sandbox};
use okta_introspect::{Algorithm, Client, Scopes, SigningKey};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An org of our own, on loopback, with a custom server. Against a real one:
    //
    //     let custom = Issuer::parse("https://acme.okta.com/oauth2/default")?;
    //     let org = Issuer::parse("https://acme.okta.com")?;
    let key = SigningKey::generate(Algorithm::Es256)?;
    let server = CustomServer::new("default").audience("api://default").scope("orders.read");
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1service").key(key.public_jwk()))
        .server(server)
        .start()
        .await?;
    let custom = sandbox.custom_issuer("default").ok_or("the server was not made")?;
    let org = sandbox.issuer();

    let at_custom = Client::builder(custom, "0oa1service", key.clone()).build()?;
    let at_org = Client::builder(org, "0oa1service", key).build()?;

    let token = at_custom.request_token(&Scopes::parse("orders.read")?).await?;
    let answer = at_custom.introspect(token.token(), None).await?;
    println!("{}", at_custom.issuer());
    println!("  active: {}, audience: {}", answer.active, answer.aud.join(" "));

    // The commonest false negative: another server of the same org says "inactive", and not
    // "this is none of mine".
    let answer = at_org.introspect(token.token(), None).await?;
    println!("{}", at_org.issuer());
    println!("  active: {}", answer.active);
    Ok(())
}
