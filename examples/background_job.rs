//! A job without a user, such as a nightly one: it lists all users of an org, page by page, with a
//! service token that is renewed by itself, and revokes the token when it is done.
//!
//! `cargo run --example background_job --features sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use okta_introspect::sandbox::{App, Sandbox, User, UserStatus};
use okta_introspect::{
    Algorithm, Client, Error, Resource, ResourceCall, Scopes, SigningKey, SystemClock, TokenSource,
};
use serde::Deserialize;

/// Of a user, what the job is about.
#[derive(Deserialize)]
struct Account {
    status: String,
    profile: Profile,
}

#[derive(Deserialize)]
struct Profile {
    login: String,
}

/// All suspended users, and how many users there are. A page is requested when the job comes to it;
/// rate limits are kept to, and a list that breaks off is an error, never a short list.
async fn suspended(users: &Resource) -> Result<(Vec<String>, usize), Error> {
    let mut pages = users.pages(ResourceCall::get("/api/v1/users?limit=20"));
    let (mut suspended, mut all) = (Vec::new(), 0);
    while let Some(page) = pages.next_page().await? {
        let accounts: Vec<Account> = page.json()?;
        all += accounts.len();
        let found = accounts.into_iter().filter(|account| account.status == "SUSPENDED");
        suspended.extend(found.map(|account| account.profile.login));
    }
    Ok((suspended, all))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An org of our own, on loopback, with fifty users, of whom every twentieth is suspended.
    let key = SigningKey::generate(Algorithm::Es256)?;
    let app = App::service("0oa1job").key(key.public_jwk()).grant("okta.users.read").admin(true);
    let mut org = Sandbox::builder().app(app);
    for number in 0..50 {
        let user = User::new(format!("00u{number}"), format!("user{number}@acme.example"));
        org = org.user(if number % 20 == 7 { user.status(UserStatus::Suspended) } else { user });
    }
    let sandbox = org.start().await?;

    let client = Client::builder(sandbox.issuer(), "0oa1job", key).build()?;
    let scopes = Scopes::parse("okta.users.read")?;
    let (suspended, all) = suspended(&client.resource(scopes.clone())).await?;
    println!("{} of {all} users are suspended: {}", suspended.len(), suspended.join(", "));

    // The same token: a client keeps one for each set of scopes, whatever asks for it.
    let token = client.token_source(scopes).token().await?;
    let left = token.time_left(&SystemClock).unwrap_or_default();
    println!("the token would have been good for {} s yet", left.as_secs());
    client.revoke(token.token(), None).await?;
    println!("and is active now: {}", client.introspect(token.token(), None).await?.active);
    for request in sandbox.requests() {
        println!("{} {}", request.method(), request.path());
    }
    Ok(())
}
