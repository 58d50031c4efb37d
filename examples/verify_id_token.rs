//! Verifies the ID token of a sign-in, with its nonce, into claims of the program's own.
//!
//! `cargo run --example verify_id_token --features sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use okta_introspect::sandbox::{App, CustomServer, Grant, Sandbox, SignIn, User};
use okta_introspect::{Verification, Verifier};
use serde::Deserialize;

/// What this program wants to know of a user, beyond the protocol's own claims.
#[derive(Deserialize)]
struct Profile {
    name: String,
    email: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An org of our own, on loopback, where Ada signs in to a web app. Against a real one:
    //
    //     let issuer = Issuer::parse("https://acme.okta.com/oauth2/default")?;
    let sandbox = Sandbox::builder()
        .app(App::web("0oa2portal"))
        .user(User::new("00u1ada", "ada@acme.example").name("Ada", "Lovelace"))
        .server(CustomServer::new("default").audience("api://default"))
        .start()
        .await?;
    let issuer = sandbox.custom_issuer("default").ok_or("the server was not made")?;

    // The nonce goes out with the authorization request and is kept with the session.
    let nonce = "n-0S6_WzA2Mj";
    let sign_in = SignIn::new("0oa2portal", "00u1ada").server("default");
    let sign_in = sign_in.scope("profile").scope("email").nonce(nonce);
    let id_token = sandbox.issue_id_token(&sign_in)?;

    let verifier = Verifier::id_token(issuer, "0oa2portal").further_claims::<Profile>().build()?;
    match verifier.verify(id_token.expose(), Some(nonce)).await? {
        Verification::Verified(token) => {
            let claims = token.claims();
            println!("{} <{}> signed in", claims.further.name, claims.further.email);
            println!("  user id: {}, by: {}", claims.sub, claims.amr.join(", "));
        }
        Verification::Invalid(reason) => println!("refused: {reason}"),
    }

    // Somebody else's sign-in, slipped under ours.
    let foreign = verifier.verify(id_token.expose(), Some("another nonce")).await?;
    if let Some(reason) = foreign.reason() {
        println!("\nwith another nonce: {reason}");
    }
    // An access token is no proof of a sign-in, although the same key has signed it.
    let grant = Grant::to_client("0oa2portal").user("00u1ada").server("default");
    let access = verifier.verify(sandbox.issue(&grant)?.expose(), Some(nonce)).await?;
    if let Some(reason) = access.reason() {
        println!("an access token: {reason}");
    }
    Ok(())
}
