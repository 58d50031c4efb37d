//! Every way to authenticate, at every endpoint, right and wrong.

use okta_introspect::sandbox::{App, AuthMethod, ClientSecret, CustomServer, Grant, Sandbox};
use okta_introspect::{
    Algorithm, Client, ClientAuth, DpopConfig, DpopMode, EndpointUrl, Endpoints, Error, ErrorKind,
    HmacAlgorithm, Issuer, RetryConfig, Scopes, Secret, Signer, SigningKey, TokenType,
};

use crate::support::{all_text, clock};

const ID: &str = "0oa1 portal:x";

/// With everything that an encoding could get wrong, and of a kilobyte.
fn secrets() -> Vec<String> {
    let plain = "s3cret-0123456789-0123456789-0123456789-0123456789-0123456789-012";
    let odd = "s3cret %2B+:&=/\"'\\ <pä\u{1f511}ss> 100% a+b:c, and more than sixty-four";
    vec![plain.to_owned(), odd.to_owned(), format!("{odd}{}", "\u{e9}x%".repeat(256))]
}

fn jwt(secret: &str, algorithm: HmacAlgorithm) -> ClientAuth {
    ClientAuth::client_secret_jwt(Secret::new(secret), algorithm)
}

/// The methods that have a secret, with this one.
fn by_secret(secret: &str) -> Vec<(AuthMethod, ClientAuth)> {
    let own = || Secret::new(secret);
    vec![
        (AuthMethod::ClientSecretBasic, ClientAuth::ClientSecretBasic(own())),
        (AuthMethod::ClientSecretPost, ClientAuth::ClientSecretPost(own())),
        (AuthMethod::ClientSecretJwt, jwt(secret, HmacAlgorithm::Hs256)),
        (AuthMethod::ClientSecretJwt, jwt(secret, HmacAlgorithm::Hs384)),
        (AuthMethod::ClientSecretJwt, jwt(secret, HmacAlgorithm::Hs512)),
    ]
}

async fn org(app: App) -> Sandbox {
    let server = CustomServer::new("default").scope("read");
    Sandbox::builder().app(app).server(server).clock(clock()).start().await.unwrap()
}

fn client(issuer: Issuer, auth: impl Into<ClientAuth>) -> Client {
    let builder = Client::builder(issuer, ID, auth).clock(clock());
    builder.retry(RetryConfig::off()).build().unwrap()
}

fn custom(sandbox: &Sandbox) -> Issuer {
    sandbox.custom_issuer("default").unwrap()
}

fn read() -> Scopes {
    Scopes::parse("read").unwrap()
}

/// What each of token, introspection and revocation says about these credentials.
async fn refusals(sandbox: &Sandbox, client: &Client) -> [Error; 3] {
    let grant = Grant::to_client(ID).server("default").scope("read");
    let token = sandbox.issue(&grant).unwrap();
    let refusals = [
        client.request_token(&read()).await.map(drop).unwrap_err(),
        client.introspect(&token, None).await.map(drop).unwrap_err(),
        client.revoke(&token, None).await.unwrap_err(),
    ];
    for error in &refusals {
        assert_eq!(error.attempts().unwrap().count, 1, "{error}");
    }
    refusals
}

#[test_support::test]
async fn each_method_gets_introspects_and_revokes_a_token() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let with_key = App::service(ID).key(key.public_jwk());
    let mut cases = vec![(with_key, ClientAuth::from(key))];
    for secret in secrets() {
        for (method, auth) in by_secret(&secret) {
            cases.push((App::service(ID).auth_method(method).secret(secret.as_str()), auth));
        }
    }
    for (app, auth) in cases {
        let method = auth.method();
        let sandbox = org(app).await;
        let client = client(custom(&sandbox), auth);
        assert_eq!(client.auth_method(), method);
        let token = client.request_token(&read()).await.expect(method);
        assert!(client.introspect(token.token(), None).await.unwrap().active, "{method}");
        client.revoke(token.token(), None).await.unwrap();
        assert!(!client.introspect(token.token(), None).await.unwrap().active, "{method}");
        for request in sandbox.requests() {
            let has = |name: &str| request.form(name).is_some();
            let header = request.header("authorization").is_some();
            assert_eq!(header, method == "client_secret_basic", "{method}");
            assert_eq!(has("client_secret"), method == "client_secret_post", "{method}");
            assert_eq!(has("client_assertion"), method.ends_with("jwt"), "{method}");
            assert_eq!(request.query_names().count(), 0, "{method}");
        }
    }
}

#[test_support::test]
async fn a_public_client_introspects_and_revokes_and_gets_no_token_for_itself() {
    let sandbox = org(App::web(ID).auth_method(AuthMethod::None)).await;
    let client = client(custom(&sandbox), ClientAuth::None);
    let grant = Grant::to_client(ID).server("default").scope("read");
    let token = sandbox.issue(&grant).unwrap();
    assert!(client.introspect(&token, None).await.unwrap().active);
    client.revoke(&token, None).await.unwrap();
    assert!(!client.introspect(&token, None).await.unwrap().active);
    let error = client.request_token(&read()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RequestRefused);
    assert!(error.diagnosis().unwrap().cause.contains("public clients"), "{error}");
}

#[test_support::test]
async fn a_wrong_secret_is_refused_everywhere_with_its_cause() {
    let wrong = "wr0ng-0123456789-0123456789-0123456789-0123456789-0123456789-012";
    for secret in secrets() {
        for (method, auth) in by_secret(wrong) {
            let name = auth.method();
            let app = App::service(ID).auth_method(method).secret(secret.as_str());
            let sandbox = org(app).await;
            let client = client(custom(&sandbox), auth);
            for error in refusals(&sandbox, &client).await {
                assert_eq!(error.kind(), ErrorKind::ClientRefused, "{name}: {error}");
                let diagnosis = error.diagnosis().unwrap();
                assert_eq!(diagnosis.about, "secret", "{name}: {error}");
                assert!(diagnosis.cause.contains("active secrets"), "{name}: {diagnosis}");
                assert!(!all_text(&error).contains("wr0ng-"), "{name}");
            }
        }
    }
}

#[test_support::test]
async fn another_method_than_the_apps_is_refused_and_ours_is_named() {
    let secret = secrets().swap_remove(0);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let app =
        |method| App::web(ID).key(key.public_jwk()).secret(secret.as_str()).auth_method(method);
    let mut all = by_secret(&secret);
    all.truncate(3); // each method once
    all.push((AuthMethod::PrivateKeyJwt, key.clone().into()));
    all.push((AuthMethod::None, ClientAuth::None));
    for (own, _) in &all {
        let sandbox = org(app(*own)).await;
        for (other, auth) in all.iter().filter(|(other, _)| other != own) {
            let client = client(custom(&sandbox), auth.clone());
            for error in refusals(&sandbox, &client).await {
                assert_eq!(error.kind(), ErrorKind::ClientRefused, "{own:?} {other:?}: {error}");
                let diagnosis = error.diagnosis().unwrap();
                // Two kinds of assertions are told apart by their algorithms.
                let (about, sent) = match (own, other) {
                    (AuthMethod::PrivateKeyJwt, AuthMethod::ClientSecretJwt) => ("alg", "HS256"),
                    (AuthMethod::ClientSecretJwt, AuthMethod::PrivateKeyJwt) => ("alg", "ES256"),
                    _ => ("authentication method", auth.method()),
                };
                assert_eq!(diagnosis.about, about, "{own:?} {other:?}");
                assert_eq!(diagnosis.sent.as_deref(), Some(sent), "{own:?} {other:?}");
            }
        }
    }
}

#[test_support::test]
async fn of_two_secrets_each_that_is_active_lets_in() {
    let [old, new, stale] = ["0ld", "n3w", "st4le"].map(|s| format!("{s}-{}", "0".repeat(64)));
    for (method, _) in by_secret("x") {
        let app = App::service(ID).auth_method(method).secret(old.as_str()).secret(new.as_str());
        let sandbox = org(app).await;
        let auth =
            |secret: &str| by_secret(secret).into_iter().find(|(own, _)| *own == method).unwrap().1;
        let ask = async |secret: &str| {
            let client = client(custom(&sandbox), auth(secret));
            client.request_token(&read()).await.map(drop)
        };
        assert!(ask(&old).await.is_ok() && ask(&new).await.is_ok(), "{method:?}");
        sandbox.deactivate_secret(ID, &old).unwrap();
        assert!(ask(&old).await.is_err() && ask(&new).await.is_ok(), "{method:?}");
        assert!(sandbox.deactivate_secret(ID, &stale).is_err());
        sandbox.add_secret(ID, ClientSecret::new(stale.as_str()).active(false)).unwrap();
        assert!(ask(&stale).await.is_err(), "{method:?}");
    }
}

#[test_support::test]
async fn the_org_server_gives_tokens_for_keys_alone() {
    let secret = secrets().swap_remove(0);
    for (method, auth) in by_secret(&secret) {
        let app = App::service(ID).auth_method(method).secret(secret.as_str());
        let sandbox = org(app.grant("okta.users.read")).await;
        let client = client(sandbox.issuer(), auth);
        let scopes = Scopes::parse("okta.users.read").unwrap();
        let error = client.request_token(&scopes).await.unwrap_err();
        let cause = &error.diagnosis().unwrap().cause;
        assert!(cause.contains("only to apps that authenticate by public key"), "{error}");
        // About tokens it may ask all the same.
        let token = sandbox.issue(&Grant::to_client(ID)).unwrap();
        assert!(client.introspect(&token, None).await.unwrap().active);
    }
}

#[test_support::test]
async fn tokens_are_bound_to_a_key_of_their_own_where_the_client_has_none() {
    let secret = secrets().swap_remove(0);
    for (method, auth) in by_secret(&secret) {
        let app = App::service(ID).auth_method(method).secret(secret.as_str()).dpop_required(true);
        let sandbox = org(app).await;
        let builder = Client::builder(custom(&sandbox), ID, auth).clock(clock());
        let client = builder.dpop(DpopConfig::new(DpopMode::Auto)).build().unwrap();
        let token = client.request_token(&read()).await.unwrap();
        assert_eq!(token.token_type(), TokenType::Dpop, "{method:?}");
        let answer = client.introspect(token.token(), None).await.unwrap();
        assert!(answer.cnf.unwrap().jkt.is_some(), "{method:?}");
    }
}

#[test_support::test]
async fn a_secret_of_another_method_makes_no_assertion_and_a_signer_is_any() {
    let issuer = || Issuer::parse("https://acme.okta.com").unwrap();
    let basic = client(issuer(), ClientAuth::ClientSecretBasic(Secret::new("s3cret")));
    let error = basic.assertion(&basic.endpoints().token).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("client_secret_basic"), "{error}");
    let signer: std::sync::Arc<dyn Signer> =
        std::sync::Arc::new(SigningKey::generate(Algorithm::Es256).unwrap());
    let shared = client(issuer(), signer);
    assert!(shared.assertion(&shared.endpoints().token).await.is_ok());
    let jwt = client(issuer(), jwt(&"s".repeat(32), HmacAlgorithm::Hs256));
    assert!(jwt.assertion(&jwt.endpoints().token).await.is_ok());
}

#[test]
fn a_secret_goes_to_no_other_origin_than_the_token_endpoints() {
    let url = |url: &str| EndpointUrl::parse(url).unwrap();
    let endpoints = |introspection: &str| {
        let [token, revocation, jwks] =
            ["token", "revoke", "keys"].map(|path| url(&format!("https://id.example/{path}")));
        Endpoints::new(token, url(introspection), revocation, jwks).unwrap()
    };
    let secret = || Secret::new("s3cret-0123456789-0123456789-0123456789");
    let build = |auth: ClientAuth, introspection: &str| {
        let issuer = Issuer::parse_other("https://id.example").unwrap();
        Client::builder(issuer, ID, auth).endpoints(endpoints(introspection)).build()
    };
    for auth in [ClientAuth::ClientSecretBasic(secret()), ClientAuth::ClientSecretPost(secret())] {
        assert!(build(auth.clone(), "https://id.example/introspect").is_ok());
        let error = build(auth, "https://tokens.example/introspect").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("https://tokens.example"), "{error}");
    }
    let jwt = ClientAuth::client_secret_jwt(secret(), HmacAlgorithm::Hs256);
    for auth in [jwt, ClientAuth::None] {
        assert!(build(auth, "https://tokens.example/introspect").is_ok());
    }
}
