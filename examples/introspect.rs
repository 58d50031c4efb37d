//! Asks whether a token is still good, and sees it revoked.
//!
//! `cargo run --example introspect --features sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use okta_introspect::sandbox::{App, Grant, Sandbox, User};
use okta_introspect::{Algorithm, Client, Error, ErrorKind, SigningKey, Token, TokenTypeHint};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An org of our own, on loopback, where Ada has signed in to a web app. Against a real one:
    //
    //     let issuer = Issuer::parse("https://acme.okta.com")?;
    //     let key = SigningKey::from_file("service-app.pem", &KeyOptions::default().key_id("k1"))?;
    let key = SigningKey::generate(Algorithm::Es256)?;
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1backend").key(key.public_jwk()))
        .app(App::web("0oa2portal"))
        .user(User::new("00u1ada", "ada@acme.example"))
        .start()
        .await?;
    let presented =
        sandbox.issue(&Grant::to_client("0oa2portal").user("00u1ada").scope("profile"))?;

    let client = Client::builder(sandbox.issuer(), "0oa1backend", key).build()?;
    report(&client, &presented).await?;

    println!("\nan administrator revokes the token …\n");
    sandbox.revoke(&presented);
    report(&client, &presented).await?;

    // What cannot be a token is refused here, without asking anybody.
    println!("\n{}", Token::parse("Bearer eyJ…").unwrap_err());
    Ok(())
}

async fn report(client: &Client, token: &Token) -> Result<(), Error> {
    match client.introspect(token, Some(TokenTypeHint::AccessToken)).await {
        Ok(answer) if answer.active => {
            println!("active");
            println!("  user:   {}", answer.username.unwrap_or_default());
            println!("  client: {}", answer.client_id.unwrap_or_default());
            println!("  until:  {}", answer.exp.map(|exp| exp.to_rfc3339()).unwrap_or_default());
            Ok(())
        }
        Ok(_) => {
            println!("inactive");
            Ok(())
        }
        // An error never means "inactive": here it is known only that nothing is known.
        Err(error) if error.kind() == ErrorKind::ClientRefused => {
            println!("our own credentials were refused: {error}; {}", error.advice());
            Err(error)
        }
        Err(error) => Err(error),
    }
}
