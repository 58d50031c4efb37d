//! Verifies access tokens without asking the server, and shows what that cannot see.
//!
//! `cargo run --example verify_access_token --features sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use okta_introspect::sandbox::{App, CustomServer, Grant, Sandbox, User};
use okta_introspect::{
    Algorithm, Client, Error, Scopes, SigningKey, TokenTypeHint, Verification, Verifier,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An org of our own, on loopback, with a custom server. Against a real one:
    //
    //     let issuer = Issuer::parse("https://acme.okta.com/oauth2/default")?;
    let key = SigningKey::generate(Algorithm::Es256)?;
    let server = CustomServer::new("default").audience("api://default").scope("orders.read");
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1backend").key(key.public_jwk()))
        .app(App::web("0oa2portal"))
        .user(User::new("00u1ada", "ada@acme.example"))
        .server(server)
        .start()
        .await?;
    let issuer = sandbox.custom_issuer("default").ok_or("the server was not made")?;
    let grant = Grant::to_client("0oa2portal").user("00u1ada").server("default");
    let presented = sandbox.issue(&grant.clone().scope("orders.read"))?;

    // One verifier for the whole program: it keeps the keys.
    let verifier = Verifier::access_token(issuer.clone(), "api://default")
        .clients(["0oa2portal"])
        .required_scopes(Scopes::parse("orders.read")?)
        .build()?;
    report(&verifier, "a good token", presented.expose()).await?;

    let weaker = sandbox.issue(&grant)?;
    report(&verifier, "a token without the scope", weaker.expose()).await?;
    let of_org = sandbox.issue(&Grant::to_client("0oa2portal").user("00u1ada"))?;
    report(&verifier, "a token of the org server", of_org.expose()).await?;
    let mut tampered = presented.expose().to_owned();
    tampered.replace_range(tampered.len() - 8..tampered.len() - 4, "AAAA");
    report(&verifier, "a token that was tampered with", &tampered).await?;

    // The issuer may sign with another key at any time. The first token shows it.
    sandbox.rotate_keys("default")?;
    let after = sandbox.issue(&grant.scope("orders.read"))?;
    report(&verifier, "a token after a rotation", after.expose()).await?;
    println!("keys fetched {} time(s)\n", verifier.keys().status().fetches);

    // What a signature cannot tell: only the server knows of a revocation.
    sandbox.revoke(&presented);
    report(&verifier, "a revoked token", presented.expose()).await?;
    let client = Client::builder(issuer, "0oa1backend", key).build()?;
    let answer = client.introspect(&presented, Some(TokenTypeHint::AccessToken)).await?;
    println!(
        "  … but by introspection it is {}",
        if answer.active { "active" } else { "inactive" }
    );
    Ok(())
}

async fn report(verifier: &Verifier, what: &str, token: &str) -> Result<(), Error> {
    println!("{what}");
    match verifier.verify(token).await {
        Ok(Verification::Verified(token)) => {
            let claims = token.claims();
            println!("  verified: user {}, until {}", claims.sub, claims.exp.to_rfc3339());
        }
        Ok(Verification::Invalid(reason)) => println!("  refused: {reason}"),
        // An error never means "refused": the keys are not at hand, so nothing is known.
        Err(error) => return Err(error),
    }
    Ok(())
}
