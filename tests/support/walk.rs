//! The way of a client's tokens at a server, by whichever method it authenticates: its own and a user's,
//! asked about, refreshed, used twice, and revoked.

#![allow(unreachable_pub)]

use std::time::Duration;

use okta_introspect::checker::{Checker, Invalidation, Requirement, Verdict};
use okta_introspect::{Client, ErrorKind, Scopes, Token, TokenTypeHint};

/// What a user's sign-in gives.
pub struct SignedIn {
    pub access: Token,
    pub refresh: Token,
}

/// Walks all of it, at a server that rotates refresh tokens and gives them no grace period. `user` is a login
/// of whoever signs in.
pub async fn walk(client: &Client, scope: &str, user: &str, sign_in: impl AsyncFn() -> SignedIn) {
    let method = client.auth_method();
    own_token(client, scope).await;

    // A refresh token used twice: everything of that sign-in is inactive.
    let (first, other) = (sign_in().await, sign_in().await);
    assert!(is_active(client, &first.access).await, "{method}");
    let refreshed = client.refresh(&first.refresh, None).await.unwrap();
    let access = refreshed.access_token.token();
    let second = refreshed.refresh_token.expect("it rotates");
    assert!(is_active(client, access).await && is_active(client, &second).await, "{method}");
    // And a checker that was told sees it at once.
    let checker = Checker::builder(client.clone()).build().unwrap();
    let hour = Requirement::new().max_age(Duration::from_secs(3600));
    let allows = async || matches!(checker.check(access, &hour).await, Ok(Verdict::Authorized(_)));
    assert!(allows().await, "{method}");
    let told = Invalidation::Login(user);
    let error = checker.refresh(client, &first.refresh, None, told).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGrant, "{method}: {error}");
    assert!(!allows().await, "{method}");
    for token in [&first.access, access, &second] {
        assert!(!is_active(client, token).await, "{method}");
    }
    assert!(client.refresh(&second, None).await.is_err(), "{method}");

    // A refresh token that is revoked takes its access tokens along.
    let refreshed = client.refresh(&other.refresh, None).await.unwrap();
    let third = refreshed.refresh_token.unwrap();
    client.revoke(&third, Some(TokenTypeHint::RefreshToken)).await.unwrap();
    assert!(!is_active(client, refreshed.access_token.token()).await, "{method}");
    let error = client.refresh(&third, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGrant, "{method}");
}

/// A client's own token, which what has nothing to prove gets nowhere.
async fn own_token(client: &Client, scope: &str) {
    let requested = client.request_token(&Scopes::parse(scope).unwrap()).await;
    if client.auth_method() == "none" {
        assert_eq!(requested.unwrap_err().kind(), ErrorKind::RequestRefused);
        return;
    }
    let token = requested.unwrap();
    assert!(is_active(client, token.token()).await);
    client.revoke(token.token(), None).await.unwrap();
    assert!(!is_active(client, token.token()).await);
}

async fn is_active(client: &Client, token: &Token) -> bool {
    client.introspect(token, None).await.unwrap().active
}

/// A client that proves nothing is refused everywhere, and about no token anything is said.
pub async fn assert_refused(client: &Client, token: &SignedIn) {
    let method = client.auth_method();
    let errors = [
        client.introspect(&token.access, None).await.unwrap_err(),
        client.revoke(&token.access, None).await.unwrap_err(),
        client.refresh(&token.refresh, None).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::ClientRefused, "{method}: {error}");
    }
}
