//! Every client authentication at the sandbox: tokens, introspection, revocation, and refresh tokens that
//! rotate. The same at other people's server is in `tests/interop/methods.rs`.

use okta_introspect::sandbox::{App, AuthMethod, CustomServer, Sandbox, SignIn, User};
use okta_introspect::{Algorithm, Client, ClientAuth, HmacAlgorithm, Secret, SigningKey};

use crate::walk::{SignedIn, assert_refused, walk};

const CLIENT_ID: &str = "0oa:%+ 2web";
const USER: &str = "00u1ada";

/// What is hard to encode; samples that open nothing.
fn secrets() -> [String; 4] {
    let long = "% +:\u{e9}".repeat(171);
    assert!(long.len() >= 1024);
    [
        "a%2B+b c:d&e=f/g?h#\"\\~!'();@$,[]-sample".to_owned(),
        format!("%%25::++{}", "x".repeat(40)),
        "p\u{e4}ssw\u{f6}rt \u{1f511} \u{43a}\u{43b}\u{44e}\u{447}, a sample of some length"
            .to_owned(),
        long,
    ]
}

fn with_secret(method: AuthMethod, secret: &str) -> Vec<ClientAuth> {
    let secret = || Secret::new(secret);
    match method {
        AuthMethod::ClientSecretBasic => vec![ClientAuth::ClientSecretBasic(secret())],
        AuthMethod::ClientSecretPost => vec![ClientAuth::ClientSecretPost(secret())],
        _ => HmacAlgorithm::ALL
            .into_iter()
            .filter(|algorithm| secret().expose().len() >= algorithm.min_secret_len())
            .map(|algorithm| ClientAuth::client_secret_jwt(secret(), algorithm))
            .collect(),
    }
}

/// Apps, each with what it authenticates by, and with what it does not.
fn apps() -> Vec<(App, Vec<ClientAuth>, Vec<ClientAuth>)> {
    let key = || SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
    let own = key();
    let app = || App::web(CLIENT_ID).rotates_refresh_tokens(0);
    let mut apps = vec![
        (app().key(own.public_jwk()), vec![own.into()], vec![key().into(), ClientAuth::None]),
        (app().auth_method(AuthMethod::None), vec![ClientAuth::None], vec![key().into()]),
    ];
    for secret in secrets() {
        for method in [
            AuthMethod::ClientSecretBasic,
            AuthMethod::ClientSecretPost,
            AuthMethod::ClientSecretJwt,
        ] {
            let wrong = format!("{secret}x");
            let app = app().auth_method(method).secret(secret.as_str());
            apps.push((app, with_secret(method, &secret), with_secret(method, &wrong)));
        }
    }
    apps
}

#[test_support::test]
async fn every_method_gets_asks_revokes_and_refreshes() {
    for (app, right, wrong) in apps() {
        let server = CustomServer::new("default").scope("read");
        let sandbox = Sandbox::builder().app(app).user(User::new(USER, "ada@acme.example"));
        let sandbox = sandbox.server(server).start().await.unwrap();
        let client = |auth: ClientAuth| {
            let issuer = sandbox.custom_issuer("default").unwrap();
            Client::builder(issuer, CLIENT_ID, auth).build().unwrap()
        };
        let sign_in = async || {
            let sign_in = SignIn::new(CLIENT_ID, USER).server("default").scope("offline_access");
            let tokens = sandbox.sign_in(&sign_in).unwrap();
            SignedIn { access: tokens.access_token, refresh: tokens.refresh_token.unwrap() }
        };
        for auth in right {
            walk(&client(auth), "read", "ada@acme.example", sign_in).await;
        }
        for auth in wrong {
            assert_refused(&client(auth), &sign_in().await).await;
        }
    }
}
