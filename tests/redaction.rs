//! No secret shows: not in what types print, not in errors, not in logs, not in URLs.
//!
//! Keys, assertions, tokens, passphrases and DPoP proofs are looked for in whatever the library
//! and everything below it says while it does its whole job, at the sandbox and against servers
//! that send back what they were sent.

#![cfg(feature = "sandbox")]

#[path = "common/capture.rs"]
mod capture;
mod common;
#[path = "common/echo.rs"]
mod echo;
#[path = "common/secrets.rs"]
mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use capture::{listen, mark, since};
use chrono::TimeDelta;
use common::{Act, Peer, Recorded, reply, reply_with};
use echo::Echo;
use okta_introspect::checker::{
    CheckerConfig, Departure, Invalidation, Presented, ProofConfig, ProofDenial, Upstream,
};
use okta_introspect::sandbox::{
    App, AppKey, AppKind, AppStatus, AuthMethod, Bucket, CustomServer, Fault, Grant,
    RateLimitHeaders, Reset, Sandbox, Seed, ServerIdentity, SignIn, Times, User, UserStatus,
};
use okta_introspect::verify::{self, TokenKind};
use okta_introspect::*;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use secrets::Secrets;
use serde_json::{Value, json};

const JSON: &str = "application/json";
const CLIENT: &str = "0oa1service";
const PASSPHRASE: &str = "c0rrect horse battery staple";

/// A token with every character that one of the ways through a protocol writes differently.
const TOKEN: &str = "pr3sented/t0ken+must~never.show=anywhere&at_all";

/// A value that is to say everything it can: `Debug` in both forms, and `Display` and JSON where
/// it has them. Where it has not, the methods of [`Silent`] answer instead.
struct Said<'a, T: ?Sized>(&'a T);

trait Silent {
    fn display(&self) -> String {
        String::new()
    }

    fn json(&self) -> String {
        String::new()
    }
}

impl<T: ?Sized> Silent for Said<'_, T> {}

impl<T: std::fmt::Debug + ?Sized> Said<'_, T> {
    fn debug(&self) -> String {
        format!("{:?}\n{:#?}\n", self.0, self.0)
    }
}

impl<T: std::fmt::Display + ?Sized> Said<'_, T> {
    fn display(&self) -> String {
        format!("{}\n{:#}\n", self.0, self.0)
    }
}

impl<T: serde::Serialize + ?Sized> Said<'_, T> {
    fn json(&self) -> String {
        serde_json::to_string(self.0).unwrap() + "\n"
    }
}

macro_rules! said {
    ($value:expr) => {{
        let value = &$value;
        let said = Said(value);
        said.debug() + &said.display() + &said.json()
    }};
}

/// Everything that an error can be made to say.
fn told(error: &Error) -> String {
    let mut text = said!(*error) + error.advice();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!("{cause} {cause:?} {cause:#?}"));
        source = cause.source();
    }
    text.extend(error.refusal().map(|refusal| said!(*refusal)));
    text.extend(error.diagnosis().map(|diagnosis| said!(*diagnosis)));
    text.extend(error.trail().map(|trail| said!(*trail)));
    text + &said!(error.kind())
}

/// Everything that an outcome says, be it as it was hoped or not.
fn outcome<T: std::fmt::Debug>(result: &Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?} {value:#?}"),
        Err(error) => told(error),
    }
}

fn ec_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn rsa_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn signing_key(key: &PKey<Private>, key_id: &str) -> SigningKey {
    let pem = key.private_key_to_pem_pkcs8().unwrap();
    SigningKey::parse(&pem, &KeyOptions::default().key_id(key_id)).unwrap()
}

/// The private JWK of a key.
fn private_jwk(key: &PKey<Private>) -> Value {
    let mut jwk: Value =
        serde_json::from_str(&signing_key(key, "k1").public_jwk().to_json()).unwrap();
    let number = |bytes: Vec<u8>| Value::from(URL_SAFE_NO_PAD.encode(bytes));
    if let Ok(ec) = key.ec_key() {
        jwk["d"] = number(ec.private_key().to_vec_padded(32).unwrap());
        return jwk;
    }
    let rsa = key.rsa().unwrap();
    jwk["d"] = number(rsa.d().to_vec());
    let others = [rsa.p(), rsa.q(), rsa.dmp1(), rsa.dmq1(), rsa.iqmp()];
    for (name, value) in ["p", "q", "dp", "dq", "qi"].into_iter().zip(others) {
        jwk[name] = number(value.unwrap().to_vec());
    }
    jwk
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn token() -> Token {
    Token::parse(TOKEN).unwrap()
}

// ---------------------------------------------------------------- the tools of these tests

#[test]
fn a_secret_is_known_in_every_dress_and_in_part() {
    let secret = "s3cret+w0rds/of=some~length";
    let mut secrets = Secrets::default();
    secrets.add("it", secret);
    let escaped: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    for shown in [
        format!("token={secret}"),
        format!("token={escaped}"),
        escaped.replace("%2B", "%2b").replace("%2F", "%2f"),
        format!("only {} of it", &secret[3..15]),
        STANDARD.encode(format!("a{secret}")),
        STANDARD.encode(format!("ab{secret}")),
        URL_SAFE_NO_PAD.encode(format!("abc{secret}")),
        format!("{:?}", secret.as_bytes()),
        secret.bytes().map(|b| format!("{b:02X}")).collect(),
    ] {
        assert!(secrets.find(&shown).is_some(), "{shown}");
    }
    assert_eq!(secrets.find("[redacted] s3cret words of some length"), None);
    let key = rsa_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    for shown in
        [key.private_key_to_pem_pkcs8().unwrap(), key.rsa().unwrap().private_key_to_pem().unwrap()]
    {
        assert!(secrets.find(&String::from_utf8(shown).unwrap()).is_some());
    }
    let mut jwk = private_jwk(&key);
    assert!(secrets.find(&jwk.to_string()).is_some());
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        jwk[member] = "".into();
    }
    assert_eq!(secrets.find(&jwk.to_string()), None, "the public half is no secret");
}

// ---------------------------------------------------------------- the whole job at the sandbox

/// A sandbox with apps for every refusal.
struct Org {
    sandbox: Sandbox,
    clock: ManualClock,
    keys: [PKey<Private>; 3],
}

impl Org {
    async fn start() -> Self {
        let keys = [ec_key(), rsa_key(), ec_key()];
        let clock = common::clock();
        let app = |id: &str| App::service(id).grant("okta.users.read");
        let with_key = |id: &str| app(id).key(signing_key(&keys[0], "k1").public_jwk());
        let sandbox = Sandbox::builder()
            .app(with_key(CLIENT).key(signing_key(&keys[1], "rsa").public_jwk()))
            .app(with_key("0oa2dpop").dpop_required(true))
            .app(with_key("0oa3gone").status(AppStatus::Inactive))
            .app(app("0oa4keyless"))
            .app(with_key("0oa5secret").auth_method(AuthMethod::ClientSecretBasic))
            .server(CustomServer::new("default").scope("read").client("0oa9other"))
            .user(User::new("00u1ada", "ada@example.test"))
            .clock(Arc::new(clock.clone()))
            .start()
            .await
            .unwrap();
        Self { sandbox, clock, keys }
    }

    fn client(&self, client_id: &str) -> ClientBuilder {
        self.client_of(self.sandbox.issuer(), client_id, signing_key(&self.keys[0], "k1"))
    }

    fn client_of(&self, issuer: Issuer, client_id: &str, key: SigningKey) -> ClientBuilder {
        Client::builder(issuer, client_id, key).clock(self.clock.clone()).retry(RetryConfig::off())
    }

    /// The keys, and the assertions and proofs that the sandbox received.
    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        for (name, key) in
            ["the ES256 key", "the RS256 key", "the foreign key"].iter().zip(&self.keys)
        {
            secrets.add_key(name, key);
        }
        for request in self.sandbox.requests() {
            if let Some((_, token)) =
                request.header("authorization").and_then(|h| h.split_once(' '))
            {
                secrets.add("a token that was presented", token);
            }
            if let Some(assertion) = request.form("client_assertion") {
                secrets.add_jwt("an assertion", assertion);
            }
            if let Some(proof) = request.header("dpop") {
                secrets.add_jwt("a proof", proof);
            }
        }
        secrets
    }

    fn assert_no_queries(&self) {
        let requests = self.sandbox.requests();
        let requests: Vec<_> = requests.iter().filter(|r| r.path().contains("/oauth2/")).collect();
        assert!(!requests.is_empty());
        for request in requests {
            let names: Vec<_> = request.query_names().collect();
            assert!(names.is_empty(), "{} has the query {names:?}", request.path());
        }
    }
}

#[tokio::test]
async fn the_whole_job_at_the_sandbox_shows_nothing() {
    listen();
    let (from, org) = (mark(), Org::start().await);
    let mut secrets = Secrets::default();
    let mut said = String::new();
    for key in [signing_key(&org.keys[0], "k1"), signing_key(&org.keys[1], "rsa")] {
        let client = org.client_of(org.sandbox.issuer(), CLIENT, key).build().unwrap();
        let granted = client.request_token(&scopes("okta.users.read")).await.unwrap();
        let source = client.token_source(scopes("okta.users.read"));
        let kept = source.token().await.unwrap();
        for token in [&granted, &kept] {
            secrets.add("a token", token.token().expose());
        }
        assert!(client.introspect(granted.token(), None).await.unwrap().active);
        let answer = client.introspect(kept.token(), Some(TokenTypeHint::AccessToken)).await;
        client.revoke(granted.token(), None).await.unwrap();
        assert!(!client.introspect(granted.token(), None).await.unwrap().active);
        let assertion = client.assertion(&client.endpoints().introspection).await.unwrap();
        secrets.add_jwt("an assertion of our own", assertion.expose());
        let shown = kept.present("GET", "https://acme.okta.com/api/v1/users").await.unwrap();
        secrets.add("a header", shown.authorization.expose());
        let resource = client.resource(scopes("okta.users.read"));
        said += &outcome(&resource.call(&ResourceCall::get("/api/v1/users?limit=1")).await);
        said += &said!(resource);
        said += &said!(answer.unwrap());
        said += &said!(client.metadata().await.unwrap());
        said += &[said!(client), said!(source), said!(granted), said!(assertion), said!(shown)]
            .concat();
    }
    said += &said!(org.sandbox.requests());
    said += &said!(org.sandbox.log());
    said += &since(from);
    secrets.assert_absent("the whole job", &said);
    org.secrets().assert_absent("the whole job", &said);
    org.assert_no_queries();
    // Nothing was found in the logs: see that there were some.
    for target in ["okta_introspect", "hyper_util", "reqwest"] {
        assert!(said.lines().any(|line| line.starts_with(target)), "nothing of {target} was heard");
    }
}

#[tokio::test]
async fn refusals_of_every_kind_show_nothing() {
    listen();
    let (from, org) = (mark(), Org::start().await);
    let issued = org.sandbox.issue(&Grant::to_client(CLIENT).scope("okta.users.read")).unwrap();
    let org_server = org.sandbox.issuer();
    let es256 = || signing_key(&org.keys[0], "k1");
    let client = |issuer: Issuer, key| org.client_of(issuer, CLIENT, key);
    let ps256 = KeyOptions::default().key_id("rsa").algorithm(Algorithm::Ps256);
    let ps256 = SigningKey::parse(&org.keys[1].private_key_to_pem_pkcs8().unwrap(), &ps256);
    let used = || org.client(CLIENT).random(SeededRandom::new(1));
    used().build().unwrap().introspect(&issued, None).await.unwrap();
    let proof = |mode| org.client("0oa2dpop").dpop(DpopConfig::new(mode));
    let nowhere = format!("{org_server}/oauth2/nowhere").parse().unwrap();
    let custom = org.sandbox.custom_issuer("default").unwrap();
    let cases = [
        ("a wrong key", client(org_server.clone(), signing_key(&org.keys[2], "k1")), "key"),
        ("an unknown key id", client(org_server.clone(), signing_key(&org.keys[0], "k9")), "kid"),
        ("a forbidden algorithm", client(org_server.clone(), ps256.unwrap()), "alg"),
        ("a wrong audience", org.client(CLIENT).audience(Audience::Issuer), "aud"),
        ("a used assertion", used(), "jti"),
        ("an unknown client", org.client("0oa8nobody"), "iss"),
        ("an inactive app", org.client("0oa3gone"), "authentication method"),
        ("an app without keys", org.client("0oa4keyless"), "key"),
        ("an app with a secret", org.client("0oa5secret"), "authentication method"),
        ("an unknown server", client(nowhere, es256()), "issuer"),
        ("a policy for others", client(custom, es256()), "policy"),
        ("DPoP demanded, but off", proof(DpopMode::Never), "DPoP"),
    ];
    let mut said = String::new();
    for (case, builder, about) in cases {
        said += &said!(builder);
        let client = builder.build().unwrap();
        let scope = if about == "policy" { "read" } else { "okta.users.read" };
        let error = if matches!(about, "policy" | "DPoP") {
            client.request_token(&scopes(scope)).await.unwrap_err()
        } else {
            let refused = client.introspect(&issued, None).await.unwrap_err();
            said += &outcome(&client.revoke(&issued, None).await);
            said += &outcome(&client.token_source(scopes(scope)).token().await);
            refused
        };
        let diagnosis = error.diagnosis().unwrap_or_else(|| panic!("{case}: {error}"));
        assert_eq!(diagnosis.about, about, "{case}: {error}");
        said += &[told(&error), said!(client)].concat();
    }
    let mut secrets = Secrets::default();
    for mode in [DpopMode::Auto, DpopMode::Always] {
        let client = proof(mode).build().unwrap();
        let bound = client.request_token(&scopes("okta.users.read")).await.unwrap();
        assert_eq!(bound.token_type(), TokenType::Dpop);
        secrets.add("a bound token", bound.token().expose());
        let resource = client.resource(scopes("okta.users.read"));
        said += &outcome(&resource.call(&ResourceCall::get("/api/v1/users")).await);
        said += &outcome(&resource.call(&ResourceCall::get("/api/v1/logs")).await);
        said += &outcome(&resource.call(&ResourceCall::get("https://evil.example/")).await);
        said += &[said!(client), said!(bound), said!(resource)].concat();
    }
    for scope in ["okta.apps.read", "openid", "custom", "okta.users.read.self"] {
        let client = org.client(CLIENT).build().unwrap();
        let refused = client.request_token(&scopes(scope)).await;
        said += &told(&refused.unwrap_err());
    }
    // A clock that is off is corrected by the server's word.
    let client = org.client(CLIENT).build().unwrap();
    for offset in [TimeDelta::hours(2), TimeDelta::hours(-2)] {
        org.sandbox.set_clock_offset(offset);
        said += &outcome(&client.introspect(&issued, None).await);
        said += &[said!(client), said!(client.clock_offset())].concat();
    }
    org.sandbox.set_clock_offset(TimeDelta::zero());
    for fault in [
        Fault::oauth(401, "invalid_client"),
        Fault::api(403, "E0000006"),
        Fault::html(200),
        Fault::empty(200),
        Fault::huge(2_000_000),
        Fault::gzip(),
        Fault::content_type("text/plain"),
        Fault::active("true"),
        Fault::reset(Reset::BeforeAnswer),
        Fault::reset(Reset::DuringAnswer),
        Fault::truncated(),
        Fault::redirect(302, "https://evil.example/"),
    ] {
        org.sandbox.faults().inject(fault.clone(), Times::Once);
        said += &said!(org.sandbox.faults());
        let failed = client.introspect(&issued, None).await;
        said += &told(&failed.expect_err(&said!(fault)));
    }
    said += &said!(org.sandbox.requests());
    said += &said!(org.sandbox.log());
    said += &since(from);
    secrets.add("the token", issued.expose());
    secrets.assert_absent("refusals", &said);
    org.secrets().assert_absent("refusals", &said);
    org.assert_no_queries();
    let proofs = org.sandbox.requests().iter().filter(|r| r.header("dpop").is_some()).count();
    assert!(proofs >= 2, "{proofs} proofs were sent");
}

#[tokio::test]
async fn local_verification_shows_no_token() {
    listen();
    let (from, org) = (mark(), Org::start().await);
    let issuer = org.sandbox.custom_issuer("default").unwrap();
    let grant = Grant::to_client(CLIENT).server("default").scope("read").user("00u1ada");
    let token = org.sandbox.issue(&grant).unwrap();
    let sign_in = SignIn::new(CLIENT, "00u1ada").server("default").access_token(token.clone());
    let id_token = org.sandbox.issue_id_token(&sign_in).unwrap();
    let verifier = |audience: &str| {
        let builder = Verifier::access_token(issuer.clone(), audience);
        builder.clock(org.clock.clone()).build().unwrap()
    };
    let access = verifier("api://default");
    let id = Verifier::id_token(issuer.clone(), CLIENT).clock(org.clock.clone()).build().unwrap();
    let good = access.verify(token.expose()).await.unwrap();
    assert!(good.is_verified(), "{good:?}");
    let signed_in = id.verify(id_token.expose(), None).await.unwrap();
    assert!(signed_in.is_verified(), "{signed_in:?}");
    let mut said = [said!(good), said!(signed_in), said!(sign_in), said!(*access.keys())].concat();
    said += &said!(verifier("api://other").verify(token.expose()).await.unwrap());
    let text = token.expose();
    let parts: Vec<&str> = text.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let claiming = |value: &str| URL_SAFE_NO_PAD.encode(json!({"alg": value}).to_string());
    for spoilt in [
        format!("{header}.{payload}.{}", signature.chars().rev().collect::<String>()),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.{payload}.{signature}"),
        format!("{header}.{signature}.{payload}"),
        format!("{payload}.{header}.{signature}"),
        format!("{}.{payload}.{signature}", claiming("none")),
        format!("{}.{payload}.{signature}", claiming("HS256")),
        format!("{}.{payload}.{signature}", claiming("RS999")),
        format!(" {text}\n"),
        format!("Bearer {text}"),
        json!({"payload": payload, "signatures": [signature]}).to_string(),
        text.repeat(50),
        id_token.expose().to_owned(),
    ] {
        let rejected = access.verify(&spoilt).await.unwrap();
        assert!(!rejected.is_verified(), "{rejected:?}");
        said += &said!(rejected);
        said += &said!(*rejected.rejection().unwrap());
    }
    org.clock.advance(Duration::from_secs(2 * 3600));
    said += &said!(access.verify(text).await.unwrap());
    said += &[said!(org.sandbox.requests()), since(from)].concat();
    let mut secrets = Secrets::default();
    secrets.add_jwt("the access token", text);
    secrets.add_jwt("the ID token", id_token.expose());
    secrets.assert_absent("verification", &said);
    org.assert_no_queries();
}

// ---------------------------------------------------------------- peers that send it all back

/// The token in a request.
fn presented(request: &Recorded) -> Option<String> {
    let header = request.header("authorization").and_then(|header| header.split_once(' '));
    request.form("token").or_else(|| header.map(|(_, token)| token.to_owned()))
}

/// What a peer could pick from a request, and the notations in which it could write that.
fn pieces(request: &Recorded) -> Vec<(String, String)> {
    let mut pieces = vec![("the body".to_owned(), request.body.clone())];
    let decoded: Vec<_> = url::form_urlencoded::parse(request.body.as_bytes()).collect();
    pieces.push(("the form".to_owned(), format!("{decoded:?}")));
    if let Some(token) = presented(request) {
        let numbers = token.bytes().map(|b| format!("%{b:02x}")).collect();
        pieces.push(("the token".to_owned(), token.clone()));
        pieces.push(("half the token".to_owned(), token[..token.len() / 2].to_owned()));
        pieces.push(("the token, URL-encoded throughout".to_owned(), numbers));
        pieces.push(("the token in Base64".to_owned(), STANDARD.encode(&token)));
    }
    let assertion = request.form("client_assertion");
    for (name, jwt) in [("assertion", assertion.as_deref()), ("proof", request.header("dpop"))] {
        let Some(jwt) = jwt else { continue };
        let parts: Vec<_> = jwt.split('.').collect();
        pieces.push((format!("the {name}"), jwt.to_owned()));
        pieces.push((format!("the payload of the {name}"), parts[1].to_owned()));
        pieces.push((format!("the signature of the {name}"), parts[2].to_owned()));
        pieces.push((format!("a part of the {name}"), parts[2][10..35].to_owned()));
    }
    pieces.push(("the body in Base64".to_owned(), STANDARD.encode(&request.body)));
    pieces.push(("all headers".to_owned(), format!("{:?}", request.headers)));
    pieces
}

/// The answers into which a peer could write it.
fn answers(echo: &str) -> Vec<(&'static str, Vec<u8>)> {
    let entity = |c: char| match c {
        '<' | '>' | '&' | '"' | '/' | '+' | '=' => format!("&#x{:X};", c as u32),
        c => c.to_string(),
    };
    let html = format!("<html><p>{}</p></html>", echo.chars().map(entity).collect::<String>());
    let slashed = json!({"message": echo}).to_string().replace('/', "\\/");
    let oauth =
        |code: &str, text: &str| json!({"error": code, "error_description": text}).to_string();
    let api = |code: &str, text: &str| json!({"errorCode": code, "errorSummary": text}).to_string();
    let headed = |status, name: &str, value: &str| {
        let body = oauth("invalid_request", "no");
        reply_with(status, &[("content-type", JSON), (name, value)], &body)
    };
    let typed = |content_type: &str| reply(200, content_type, "text");
    let ok = |body: Value| reply(200, JSON, &body.to_string());
    vec![
        ("error", reply(400, JSON, &oauth(echo, "no"))),
        ("error_description", reply(401, JSON, &oauth("invalid_client", echo))),
        (
            "description with a known cause",
            reply(401, JSON, &oauth("invalid_client", &format!("token is expired {echo}"))),
        ),
        ("errorCode", reply(403, JSON, &api(echo, "no"))),
        ("errorSummary", reply(403, JSON, &api("E0000006", echo))),
        ("a refusal that is repeated", reply(503, JSON, &oauth("temporarily_unavailable", echo))),
        (
            "rate limit",
            reply_with(429, &[("x-okta-request-id", echo), ("retry-after", echo)], echo),
        ),
        ("HTML", reply(200, "text/html", &html)),
        ("HTML of a failure", reply(500, "text/html", &html)),
        ("text", reply(404, "text/plain", echo)),
        ("JSON with other escapes", reply(200, JSON, &slashed)),
        ("array", ok(json!([echo]))),
        ("only text", ok(json!(echo))),
        ("text for a boolean", ok(json!({"active": echo, "access_token": [echo]}))),
        (
            "text for a number",
            ok(
                json!({"active": true, "exp": echo, "expires_in": echo, "access_token": "x", "token_type": "Bearer"}),
            ),
        ),
        (
            "text for an object",
            ok(json!({"active": true, "cnf": echo, "access_token": {"x": echo}})),
        ),
        ("unknown token type", ok(json!({"active": 1, "access_token": "x", "token_type": echo}))),
        ("broken JSON", reply(200, JSON, &format!("{{\"error\":\"{echo}"))),
        ("redirect", reply_with(302, &[("location", &format!("/?{echo}"))], &html)),
        ("redirect elsewhere", reply_with(307, &[("location", &format!("https://{echo}"))], "")),
        ("x-okta-request-id", headed(400, "x-okta-request-id", echo)),
        ("x-okta-request-id, repeated", headed(503, "x-okta-request-id", echo)),
        ("dpop-nonce", headed(400, "dpop-nonce", echo)),
        ("www-authenticate", headed(401, "www-authenticate", &format!("Bearer error=\"{echo}\""))),
        ("date", headed(400, "date", echo)),
        ("x-rate-limit-limit", headed(429, "x-rate-limit-limit", echo)),
        ("content-type", typed(echo)),
        ("content-type with parameters", typed(&format!("text/plain; charset={echo}"))),
        ("status line", format!("HTTP/1.1 400 {echo}\r\ncontent-length: 0\r\n\r\n").into_bytes()),
        ("no HTTP", format!("{echo}\r\n\r\n").into_bytes()),
        (
            "broken chunks",
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{echo}\r\n").into_bytes(),
        ),
        ("broken header", format!("HTTP/1.1 200 OK\r\n{echo}\r\n\r\n").into_bytes()),
    ]
}

/// Adds what is secret in these requests.
fn add_sent(secrets: &mut Secrets, requests: &[Recorded]) {
    for request in requests {
        if let Some(token) = presented(request) {
            secrets.add("the token", token);
        }
        if let Some(assertion) = request.form("client_assertion") {
            secrets.add_jwt("the assertion", &assertion);
        }
        if let Some(proof) = request.header("dpop") {
            secrets.add_jwt("the proof", proof);
        }
    }
}

/// A client of the peer that sends proofs, and sends what may be sent again once more.
fn client_of(peer: &Echo, key: &PKey<Private>) -> Client {
    let mut retry = RetryConfig::default();
    retry.max_attempts = 2;
    Client::builder(peer.issuer().parse().unwrap(), CLIENT, signing_key(key, "k1"))
        .clock(common::clock())
        .retry(retry)
        .circuit(CircuitConfig::off())
        .dpop(DpopConfig::new(DpopMode::Always))
        .build()
        .unwrap()
}

#[tokio::test]
async fn peers_that_send_everything_back_do_not_make_us_show_it() {
    listen();
    let (peer, key) = (Echo::start().await, ec_key());
    let mut leaks = BTreeMap::new();
    let granted = json!({"access_token": TOKEN, "token_type": "DPoP", "expires_in": 3600});
    let granted = reply(200, JSON, &granted.to_string());
    for call in ["token", "introspect", "resource", "revoke"] {
        for piece in 0.. {
            let (mut secrets, mut last) = (Secrets::default(), String::new());
            let client = client_of(&peer, &key);
            let users = client.resource(scopes("okta.users.read"));
            for at in 0..answers("").len() {
                let from = mark();
                let granted = granted.clone();
                peer.answer(move |request| {
                    if call == "resource" && request.target.ends_with("/token") {
                        return granted.clone();
                    }
                    let pieces = pieces(request);
                    let echo = pieces.get(piece).map_or("", |(_, echo)| echo);
                    answers(echo).swap_remove(at).1
                });
                let mut said = match call {
                    "token" => outcome(&client.request_token(&scopes("okta.users.read")).await),
                    "introspect" => outcome(&client.introspect(&token(), None).await),
                    "resource" => outcome(&users.call(&ResourceCall::get("/api/v1/users")).await),
                    _ => outcome(&client.revoke(&token(), None).await),
                };
                said += &format!("{client:?}{}", since(from));
                let requests = peer.requests();
                let request = requests.last().unwrap();
                last = pieces(request).get(piece).map_or(last, |(name, _)| name.clone());
                add_sent(&mut secrets, &requests);
                if let Some(found) = secrets.find(&said) {
                    leaks.insert(format!("{call}: {last} in {}", answers("")[at].0), found);
                }
                assert!(requests.iter().all(|request| !request.target.contains('?')));
            }
            // Revocation is introspection but for what counts as an answer.
            if last.is_empty() || (call == "revoke" && last == "the token") {
                break;
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks: {leaks:#?}", leaks.len());
}

#[tokio::test]
async fn proxies_that_refuse_do_not_make_us_show_their_password() {
    listen();
    let (from, proxy) = (mark(), Echo::start().await);
    proxy.answer(|request| {
        let seen = format!("{:?}", request.headers);
        reply_with(407, &[("proxy-authenticate", "Basic"), ("x-seen", &seen)], &seen)
    });
    let server = ProxyServer::new(proxy.issuer()).credentials("ada", Secret::new(PASSPHRASE));
    let mut http = HttpConfig::default();
    http.proxy = Proxy::Server(server);
    let issuer = Issuer::parse("https://acme.okta.com").unwrap();
    let builder = Client::builder(issuer, CLIENT, signing_key(&ec_key(), "k1"));
    let builder = builder.http(http).clock(common::clock());
    let mut said = said!(builder);
    let client = builder.build().unwrap();
    said += &told(&client.introspect(&token(), None).await.unwrap_err());
    said += &said!(client);
    said += &since(from);
    let mut secrets = Secrets::default();
    secrets.add("the proxy's password", PASSPHRASE);
    secrets.add("the token", TOKEN);
    secrets.assert_absent("a proxy", &said);
    let asked = proxy.requests();
    assert!(asked.iter().any(|request| request.header("proxy-authorization").is_some()));
    assert!(asked.iter().all(|request| request.method == "CONNECT"), "{asked:?}");
}

// ---------------------------------------------------------------- keys that cannot be loaded

/// Texts made of a key that are not quite a notation of it, as they come out of vaults, copies
/// and pipelines.
fn spoilt(key: &PKey<Private>) -> Vec<(&'static str, String)> {
    let pem = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let lines: Vec<&str> = pem.lines().collect();
    let body = lines[1..lines.len() - 1].join("\n");
    let jwk = private_jwk(key);
    let with = |member: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[member] = value;
        jwk.to_string()
    };
    let d = jwk["d"].clone();
    let (head, foot) = (lines[0], lines[lines.len() - 1]);
    vec![
        ("without its last line", lines[..lines.len() - 1].join("\n")),
        ("without its first line", lines[1..].join("\n")),
        ("cut in the middle", pem[..pem.len() / 2].to_owned()),
        ("without its middle", format!("{head}\n{}\n{foot}\n", &body[..body.len() / 2])),
        ("with blanks for line breaks", lines.join(" ")),
        ("with nothing for line breaks", lines.concat()),
        ("with \\n for line breaks", lines.join("\\n")),
        ("with commas for line breaks", lines.join(",")),
        ("under another label", pem.replace("PRIVATE KEY", "SECRET")),
        ("under the label of a public key", pem.replace("PRIVATE", "PUBLIC")),
        ("under the label of OpenSSH", pem.replace("PRIVATE", "OPENSSH PRIVATE")),
        ("under the label of an encrypted one", pem.replace("PRIVATE", "ENCRYPTED PRIVATE")),
        ("with a sign that is not Base64", pem.replace(&body[..1], "!")),
        ("Base64 alone", body.replace('\n', "")),
        ("PEM in Base64", STANDARD.encode(&pem)),
        ("PEM in JSON", json!({"key": pem}).to_string()),
        ("PEM as a string of JSON", json!(pem).to_string()),
        ("PEM in a JWK", json!({"kty": pem}).to_string()),
        ("a broken JWK", jwk.to_string().replace('}', "")),
        ("a JWK with two commas", jwk.to_string().replace(',', ",,")),
        ("a JWK in an array", json!([jwk]).to_string()),
        ("a JWK Set with the key twice", json!({"keys": [jwk, jwk]}).to_string()),
        ("a JWK Set that is an object", json!({"keys": jwk}).to_string()),
        ("a JWK Set of texts", json!({"keys": [d]}).to_string()),
        ("a JWK whose d is an array", with("d", json!([d]))),
        ("a JWK whose d is an object", with("d", json!({"value": d}))),
        ("a JWK whose d is not Base64", with("d", json!(format!("{}!", d.as_str().unwrap())))),
        ("a JWK whose d is a part", with("d", json!(d.as_str().unwrap()[..30]))),
        ("a JWK with its d for x and n", {
            let mut jwk = jwk.clone();
            (jwk["x"], jwk["n"], jwk["y"]) = (d.clone(), d.clone(), d.clone());
            jwk.to_string()
        }),
        ("a JWK of another type", with("kty", json!("oct"))),
        ("a JWK of no type", with("kty", Value::Null)),
        ("a JWK for encryption", with("use", json!("enc"))),
        ("a JWK with a foreign algorithm", with("alg", json!("HS256"))),
        ("a JWK with its d for crv", with("crv", d.clone())),
        ("a JWK with its d for kty", with("kty", d.clone())),
        ("a JWK with its d for alg", with("alg", d.clone())),
    ]
}

#[test]
fn keys_that_cannot_be_loaded_show_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut leaks = BTreeMap::new();
    let mut failures = 0;
    for (kind, key) in [("EC", ec_key()), ("RSA", rsa_key())] {
        let mut secrets = Secrets::default();
        secrets.add_key("the key", &key);
        secrets.add("the passphrase", PASSPHRASE);
        for (case, text) in spoilt(&key) {
            let file = folder.path().join("key");
            fs::write(&file, &text).unwrap();
            for options in [
                KeyOptions::default(),
                KeyOptions::default().passphrase(Secret::new(PASSPHRASE)),
                KeyOptions::default().algorithm(Algorithm::Es384).key_id("other"),
            ] {
                let results = [
                    SigningKey::parse(text.as_bytes(), &options),
                    SigningKey::from_file(&file, &options),
                ];
                for result in results {
                    failures += usize::from(result.is_err());
                    if let Some(found) = secrets.find(&(outcome(&result) + &said!(options))) {
                        leaks.insert(format!("{kind}: {case}"), found);
                    }
                }
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks: {leaks:#?}", leaks.len());
    assert!(failures > 100, "only {failures} texts were refused");
}

/// Reads the key from a variable, in a process of its own: the variables of a process are for all
/// of its threads.
#[test]
#[allow(clippy::print_stdout)] // that is how the process tells its parent
fn keys_in_variables_that_cannot_be_loaded_show_nothing() {
    const VARIABLE: &str = "KEY_UNDER_TEST";
    if std::env::var_os(VARIABLE).is_some() {
        print!("{}", outcome(&SigningKey::from_env(VARIABLE, &KeyOptions::default())));
        return;
    }
    let key = ec_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    let alone = private_jwk(&key)["d"].as_str().unwrap().to_owned();
    for (case, text) in spoilt(&key).into_iter().chain([("the private number alone", alone)]) {
        let name = "keys_in_variables_that_cannot_be_loaded_show_nothing";
        let mut process = std::process::Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", name, "--nocapture"]).env(VARIABLE, text);
        let run = process.output().unwrap();
        assert!(run.status.success(), "{case}");
        let said = [run.stdout, run.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
        assert!(said.contains(" {"), "{case}: {said}");
        secrets.assert_absent(case, &said);
    }
}

#[test]
fn contents_that_are_taken_for_paths_are_not_shown() {
    let key = ec_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    let good = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    for (case, text) in spoilt(&key).into_iter().chain([("as it should be", good)]) {
        let result = SigningKey::from_file(&text, &KeyOptions::default());
        secrets.assert_absent(case, &told(&result.unwrap_err()));
    }
}

#[test]
fn keys_among_the_certificates_show_nothing() {
    let key = ec_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    for (case, text) in spoilt(&key) {
        let mut http = HttpConfig::default();
        http.extra_roots = text.into_bytes();
        let issuer = Issuer::parse("https://acme.okta.com").unwrap();
        let builder = Client::builder(issuer, CLIENT, signing_key(&key, "k1")).http(http.clone());
        let mut said = said!(http) + &said!(builder);
        said += &outcome(&builder.build());
        secrets.assert_absent(case, &said);
    }
}

#[test]
fn keys_of_servers_that_cannot_be_used_show_nothing() {
    let made = ServerIdentity::self_made().unwrap();
    let certificate = made.ca_pem().unwrap().as_bytes();
    let key = ec_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    for (case, text) in spoilt(&key) {
        for (chain, key) in [(certificate, text.as_bytes()), (text.as_bytes(), text.as_bytes())] {
            let result = ServerIdentity::from_pem(chain, key);
            secrets.assert_absent(case, &told(&result.unwrap_err()));
        }
    }
}

#[test]
fn keys_for_client_ids_show_nothing() {
    let key = ec_key();
    let mut secrets = Secrets::default();
    secrets.add_key("the key", &key);
    let issuer = Issuer::parse("https://acme.okta.com").unwrap();
    let jwk = private_jwk(&key).to_string();
    let builder = Client::builder(issuer, jwk, signing_key(&key, "k1"));
    secrets.assert_absent("a JWK for a client id", &told(&builder.build().unwrap_err()));
}

#[test]
fn addresses_with_credentials_do_not_show_them() {
    let (password, slashed) = ("p4ssw0rd-0f-somebody", "s3cret/with/slashes");
    let mut secrets = Secrets::default();
    secrets.add("the password", password);
    secrets.add("the password with slashes", slashed);
    for address in [
        format!("https://user:{password}@acme.okta.com"),
        format!("https:/user:{password}@acme.okta.com"),
        format!("https:user:{password}@acme.okta.com"),
        format!("https:///user:{password}@acme.okta.com"),
        format!("https:\\\\user:{password}@acme.okta.com"),
        format!("HTTPS://user:{password}@acme.okta.com/oauth2/default"),
        format!("https://user:{slashed}@acme.okta.com"),
        format!("https://user:a#{password}@acme.okta.com"),
        format!("https://user:{password}#a@acme.okta.com"),
        format!("https://user:{password}?a@acme.okta.com"),
        format!("https://user:{password}%@acme.okta.com"),
        format!("https://user:{password}@{{yourOktaDomain}}"),
        format!("http://user:{password}@acme.okta.com"),
        format!("user:{password}@acme.okta.com"),
        format!("ftp://user:{password}@acme.okta.com"),
        format!("https://https://user:{password}@acme.okta.com"),
        format!("https://acme.okta.com/oauth2/default?token={password}"),
        format!("https://acme.okta.com/#token={password}"),
        format!("https://acme.okta.com/?next=https://user:{password}@acme.okta.com"),
    ] {
        let errors = [
            Issuer::parse(&address).unwrap_err(),
            Issuer::parse_other(&address).unwrap_err(),
            EndpointUrl::parse(&address).unwrap_err(),
            address.parse::<Issuer>().unwrap_err(),
        ];
        for error in errors {
            secrets.assert_absent(&address, &told(&error));
        }
    }
}

// ---------------------------------------------------------------- DPoP, and HTTP/2 over TLS

const DPOP_TOKEN: &str = r#"{"access_token":"b0und-t0ken-of-the-server","token_type":"DPoP","expires_in":3600,"scope":"okta.users.read"}"#;
const NONCE: &str = r#"{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce in DPoP proof."}"#;

#[tokio::test]
async fn bound_tokens_and_their_proofs_show_nothing() {
    listen();
    let from = mark();
    let nonce = reply_with(400, &[("content-type", JSON), ("dpop-nonce", "n1")], NONCE);
    let peer = Peer::start([
        Act::Write(nonce.clone()),
        Act::Write(reply(200, JSON, DPOP_TOKEN)),
        Act::Write(reply(200, JSON, DPOP_TOKEN)),
        Act::Write(reply(200, JSON, &DPOP_TOKEN.replace("DPoP", "Bearer"))),
        Act::Write(reply(200, JSON, &DPOP_TOKEN.replace("3600", "\"soon\""))),
        Act::Write(nonce.clone()),
        Act::Write(nonce),
    ])
    .await;
    let proof_key = ec_key();
    let dpop = DpopConfig::new(DpopMode::Always).key(signing_key(&proof_key, "proof"));
    let mut said = said!(dpop);
    let builder = common::builder(&peer.issuer(), &common::clock());
    let client = builder.retry(RetryConfig::off()).dpop(dpop).build().unwrap();
    let token = client.request_token(&scopes("okta.users.read")).await.unwrap();
    assert_eq!(token.token_type(), TokenType::Dpop);
    let source = client.token_source(scopes("okta.users.read"));
    let kept = source.token().await.unwrap();
    let shown = kept.present("GET", "https://acme.okta.com/api/v1/users?token=x").await.unwrap();
    let nowhere = kept.present("GET", "not a URL").await.unwrap_err();
    let no_method = kept.present("G E T", "https://acme.okta.com").await.unwrap_err();
    said += &[said!(token), said!(source), said!(kept), said!(shown), said!(client)].concat();
    said += &[told(&nowhere), told(&no_method)].concat();
    for _ in 0..3 {
        said += &told(&client.request_token(&scopes("okta.users.read")).await.unwrap_err());
    }
    said += &since(from);
    let requests = peer.requests();
    let mut secrets = Secrets::default();
    add_sent(&mut secrets, &requests);
    secrets.add_key("the key of the proofs", &proof_key);
    secrets.add("the bound token", kept.token().expose());
    secrets.add_jwt("the proof for a resource", shown.dpop.unwrap().expose());
    secrets.assert_absent("DPoP", &said);
    assert!(requests.iter().all(|request| request.header("dpop").is_some()));
    assert!(requests.iter().all(|request| !request.target.contains('?')));
}

/// An HTTP/2 server behind TLS, and the authority that vouches for it.
#[cfg(feature = "rustls")]
mod tls {
    use super::*;
    use std::sync::Mutex;

    use http::{Request, Response};
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
    use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};
    use rustls::ServerConfig;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    pub(super) struct Server {
        pub(super) issuer: String,
        pub(super) authority: Vec<u8>,
        pub(super) requests: Arc<Mutex<Vec<Recorded>>>,
    }

    impl Server {
        /// Gives every request back as a refusal: the form as its description, the proof as the
        /// next nonce.
        pub(super) async fn start() -> Self {
            let (authority, config) = identity();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
            let requests = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&requests);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                    tokio::spawn(async move {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        let mut connection = h2::server::handshake(stream).await.unwrap();
                        while let Some(Ok((request, respond))) = connection.accept().await {
                            tokio::spawn(answer(request, respond, Arc::clone(&seen)));
                        }
                    });
                }
            });
            Self { issuer, authority, requests }
        }
    }

    async fn answer(
        request: Request<h2::RecvStream>,
        mut respond: h2::server::SendResponse<hyper::body::Bytes>,
        seen: Arc<Mutex<Vec<Recorded>>>,
    ) {
        let (head, mut stream) = request.into_parts();
        let mut body = Vec::new();
        while let Some(Ok(data)) = stream.data().await {
            body.extend_from_slice(&data);
        }
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let recorded = Recorded {
            method: head.method.to_string(),
            target: head.uri.to_string(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: String::from_utf8(body).unwrap(),
        };
        let nonce = recorded.header("dpop").unwrap_or("none").to_owned();
        let body = json!({"error": "use_dpop_nonce", "error_description": recorded.body});
        let response = Response::builder()
            .status(400)
            .header("content-type", JSON)
            .header("x-okta-request-id", &nonce)
            .header("dpop-nonce", nonce);
        seen.lock().unwrap().push(recorded);
        let mut stream = respond.send_response(response.body(()).unwrap(), false).unwrap();
        stream.send_data(body.to_string().into(), true).unwrap();
    }

    fn identity() -> (Vec<u8>, ServerConfig) {
        let (authority_key, key) = (ec_key(), ec_key());
        let authority = certificate("Test authority", &authority_key, None);
        let leaf = certificate("localhost", &key, Some((&authority, &authority_key)));
        let key = PrivatePkcs8KeyDer::from(key.private_key_to_pkcs8().unwrap());
        let chain = vec![CertificateDer::from(leaf.to_der().unwrap())];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let mut config = builder.with_single_cert(chain, PrivateKeyDer::from(key)).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        (authority.to_pem().unwrap(), config)
    }

    fn certificate(name: &str, key: &PKey<Private>, by: Option<(&X509, &PKey<Private>)>) -> X509 {
        let subject = subject(name);
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder
            .set_issuer_name(by.map_or(&subject, |(authority, _)| authority.subject_name()))
            .unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(7).unwrap()).unwrap();
        builder.set_pubkey(key).unwrap();
        let extension = match by {
            None => BasicConstraints::new().critical().ca().build().unwrap(),
            Some((authority, _)) => {
                let context = builder.x509v3_context(Some(authority), None);
                SubjectAlternativeName::new().dns(name).build(&context).unwrap()
            }
        };
        builder.append_extension(extension).unwrap();
        builder.sign(by.map_or(key, |(_, key)| key), MessageDigest::sha256()).unwrap();
        builder.build()
    }

    fn subject(name: &str) -> X509Name {
        let mut builder = X509NameBuilder::new().unwrap();
        builder.append_entry_by_text("CN", name).unwrap();
        builder.build()
    }
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn http_2_and_tls_log_nothing_of_what_they_carry() {
    listen();
    let (from, server) = (mark(), tls::Server::start().await);
    let mut http = HttpConfig::default();
    http.extra_roots = server.authority.clone();
    let client =
        Client::builder(server.issuer.parse().unwrap(), CLIENT, signing_key(&ec_key(), "k1"))
            .http(http)
            .dpop(DpopConfig::new(DpopMode::Always))
            .build()
            .unwrap();
    let mut said = told(&client.request_token(&scopes("okta.users.read")).await.unwrap_err());
    said += &told(&client.introspect(&token(), None).await.unwrap_err());
    said += &told(&client.revoke(&token(), None).await.unwrap_err());
    // Nobody vouches for the server: TLS ends in an error.
    let strange =
        Client::builder(server.issuer.parse().unwrap(), CLIENT, signing_key(&ec_key(), "k1"));
    said += &told(&strange.build().unwrap().introspect(&token(), None).await.unwrap_err());
    said += &since(from);
    let requests = server.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 4, "one with a nonce again");
    let mut secrets = Secrets::default();
    add_sent(&mut secrets, &requests);
    secrets.assert_absent("HTTP/2 over TLS", &said);
    for target in ["h2::", "rustls::", "hyper_util", "reqwest"] {
        assert!(said.lines().any(|line| line.starts_with(target)), "nothing of {target} was heard");
    }
}

// ---------------------------------------------------------------- every public type

/// Public types that have nothing to print: a boxed future is no `Debug`.
const MUTE: [&str; 1] = ["BoxFuture"];

/// The names of all public types and traits: what `lib.rs` re-exports, and what its public modules
/// define or re-export.
fn public_types() -> BTreeSet<String> {
    let source =
        |path: &str| fs::read_to_string(format!("{}/src/{path}", env!("CARGO_MANIFEST_DIR")));
    let root = source("lib.rs").unwrap();
    let mut types = exports(&root);
    for module in root.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let module = module.trim_end_matches(';');
        let files = [format!("{module}.rs"), format!("{module}/mod.rs")];
        let text = files.iter().find_map(|file| source(file).ok()).unwrap();
        types.extend(exports(&text));
    }
    types
}

fn exports(source: &str) -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    for item in source.split("\npub ").skip(1) {
        let text = match item.split_once(' ').unwrap() {
            ("use", paths) => paths.split(';').next().unwrap(),
            ("struct" | "enum" | "trait" | "type" | "union", name) => {
                name.split(|c: char| !c.is_alphanumeric()).next().unwrap()
            }
            _ => continue,
        };
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        types.extend(words.filter(|w| w.starts_with(char::is_uppercase)).map(str::to_owned));
    }
    types
}

/// A foreign signer, as somebody may write one who thinks of secrets.
#[derive(Debug)]
struct Vault;

impl Signer for Vault {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Es256
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        Box::pin(async { Err("the vault is shut".into()) })
    }
}

/// A client that tells what it was handed to note its departures in.
#[derive(Clone, Debug)]
struct Noted {
    client: Client,
    departures: Arc<Mutex<String>>,
}

impl Upstream for Noted {
    fn issuer(&self) -> &Issuer {
        self.client.issuer()
    }

    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        departure: &'a Departure,
    ) -> BoxFuture<'a, Result<Introspection, Error>> {
        Box::pin(async move {
            let answer = Upstream::introspect(&self.client, token, departure).await;
            self.departures.lock().unwrap().push_str(&said!(*departure));
            answer
        })
    }
}

/// The lines of the checker's types, once it has let tokens in and refused them for every kind of
/// reason: then they hold whatever they keep of tokens and proofs.
async fn checked(
    org: &Org,
    client: Client,
    secrets: &mut Secrets,
) -> BTreeMap<&'static str, String> {
    org.sandbox.set_rate_limit(Bucket::Org, 600); // for an allowance
    let builder = || Checker::builder(client.clone()).clock(org.clock.clone());
    let checker = builder().build().unwrap();
    let noted = Noted { client: client.clone(), departures: Arc::default() };
    let noting = Checker::builder(noted.clone()).clock(org.clock.clone()).build().unwrap();
    let any = Requirement::new();
    let more = Requirement::new().scope("okta.apps.read").predicate(|answer| answer.active);
    let issue = || org.sandbox.issue(&Grant::to_client(CLIENT).scope("okta.users.read")).unwrap();
    let (token, gone) = (issue(), issue());
    org.sandbox.revoke(&gone);
    let app = org.client("0oa2dpop").dpop(DpopConfig::new(DpopMode::Always)).build().unwrap();
    let bound = app.request_token(&scopes("okta.users.read")).await.unwrap();
    let (method, url) = ("GET", "https://api.acme.example/orders");
    let shown = bound.present(method, url).await.unwrap();
    let proof = shown.dpop.as_ref().unwrap().expose();
    for token in [&token, &gone, bound.token()] {
        secrets.add("a checked token", token.expose());
    }
    secrets.add_jwt("a checked proof", proof);
    let presented = Presented::dpop(bound.token().expose(), proof, method, url);

    let (mut authorized, mut denied) = (String::new(), String::new());
    let (mut sources, mut reasons, mut verdicts) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (presented, requirement) in [
        (Presented::from(&token), &any), // asks
        (Presented::from(&token), &any), // remembers
        (Presented::from(&token), &more),
        (Presented::from(&gone), &any),
        (Presented::from(TOKEN), &any),
        (Presented::from(bound.token()), &any),
        (presented, &any),
        (presented, &any), // a proof is good once
        (Presented::dpop(bound.token().expose(), TOKEN, method, url), &any),
    ] {
        for checker in [&checker, &noting] {
            let verdict = checker.check(presented, requirement).await.unwrap();
            match &verdict {
                Verdict::Authorized(caller) => {
                    authorized += &(said!(*caller) + &said!(*caller.introspection()));
                    sources.insert(said!(caller.source()));
                }
                Verdict::Denied(refused) => {
                    denied += &(said!(*refused) + &said!(refused.facts()));
                    reasons.insert(said!(*refused.reason()));
                }
            }
            verdicts.push(verdict);
        }
    }
    let said_no = |what: &str| reasons.iter().any(|reason| reason.starts_with(what));
    for what in ["Scope", "Inactive", "Proof(Missing)", "Proof(Replayed)", "Proof(Invalid)"] {
        assert!(said_no(what), "nobody was denied for {what}: {reasons:?}");
    }
    assert_eq!(sources.len(), 2, "{sources:?}");
    let invalidations = [
        Invalidation::Everything,
        Invalidation::Token(&token),
        Invalidation::Jti("an id"),
        Invalidation::User("00u1ada"),
        Invalidation::Client(CLIENT),
    ];
    let metrics = checker.metrics();
    let allowance = Upstream::allowance(&client, org.clock.monotonic()).unwrap();
    let denials = [ProofDenial::Missing, ProofDenial::Replayed, ProofDenial::Key];
    let departures = noted.departures.lock().unwrap().clone();

    BTreeMap::from([
        ("Allowance", said!(allowance)),
        ("Authorized", authorized),
        ("Checker", said!(checker) + &said!(noting)),
        ("CheckerBuilder", said!(builder().server(noted.clone()))),
        ("CheckerConfig", said!(CheckerConfig::default())),
        ("Denied", denied),
        ("Departure", departures),
        ("Histogram", said!(metrics.answer_age)),
        ("Invalidation", said!(invalidations)),
        ("Metrics", said!(metrics) + &said!(noting.metrics())),
        ("Presented", said!(presented) + &said!(Presented::from(&token))),
        ("ProofConfig", said!(ProofConfig::default())),
        ("ProofDenial", said!(denials)),
        ("Reason", reasons.into_iter().collect()),
        ("Requirement", said!(any) + &said!(more)),
        ("Source", sources.into_iter().collect()),
        ("Upstream", said!(*(&client as &dyn Upstream)) + &said!(noted)),
        ("Verdict", said!(verdicts)),
    ])
}

#[tokio::test]
async fn every_public_type_hides_the_secrets_that_it_is_made_of() {
    let org = Org::start().await;
    let key = signing_key(&org.keys[0], "k1");
    let mut secrets = Secrets::default();
    secrets.add("the passphrase", PASSPHRASE);
    secrets.add("the presented token", TOKEN);

    let builder = || {
        let dpop = DpopConfig::new(DpopMode::Auto).key(signing_key(&org.keys[1], "proof"));
        let mut assertion = AssertionConfig::default();
        assertion.reuse = Some(Duration::from_secs(60)); // keeps assertions in the client
        org.client(CLIENT).dpop(dpop).assertion(assertion)
    };
    let client = builder().build().unwrap();
    let scope = scopes("okta.users.read");
    let granted = client.request_token(&scope).await.unwrap();
    let source = client.token_source(scope.clone());
    let kept = source.token().await.unwrap();
    for token in [&granted, &kept] {
        secrets.add("a token", token.token().expose());
    }
    let answer = client.introspect(granted.token(), None).await.unwrap();
    client.revoke(granted.token(), None).await.unwrap();
    let assertion = client.assertion(&client.endpoints().token).await.unwrap();
    secrets.add_jwt("an assertion", assertion.expose());
    let shown = kept.present("GET", "https://acme.okta.com").await.unwrap();
    let signer = AssertionSigner::new(
        CLIENT,
        Arc::new(key.clone()),
        AssertionConfig::default(),
        Arc::new(SeededRandom::new(1)),
    );
    let foreign = org.client_of(org.sandbox.issuer(), CLIENT, signing_key(&org.keys[2], "k1"));
    let error = foreign.build().unwrap().introspect(&token(), None).await.unwrap_err();
    let shut = Client::builder(org.sandbox.issuer(), CLIENT, Vault).build().unwrap();
    let shut = shut.introspect(&token(), None).await.unwrap_err();
    let boxed: BoxError = Box::new(shut.clone());
    let options = KeyOptions::default().passphrase(Secret::new(PASSPHRASE));
    let proxy = ProxyServer::new("http://127.0.0.1:3128");
    let proxy = proxy.credentials("ada", Secret::new(PASSPHRASE));
    let resource = client.resource(scope.clone());
    let sending = ResourceCall::json("POST", format!("/x?token={TOKEN}"), TOKEN);
    let page = resource.call(&ResourceCall::get("/api/v1/users")).await.unwrap();
    let metadata = client.metadata().await.unwrap();
    let custom = org.sandbox.custom_issuer("default").unwrap();
    let grant = Grant::to_client(CLIENT).server("default").scope("read").user("00u1ada");
    let presented = org.sandbox.issue(&grant).unwrap();
    let sign_in = SignIn::new(CLIENT, "00u1ada").server("default").access_token(presented.clone());
    let id_token = org.sandbox.issue_id_token(&sign_in).unwrap();
    secrets.add("an access token", presented.expose());
    secrets.add("an ID token", id_token.expose());
    let keys = || Jwks::builder(custom.clone()).clock(org.clock.clone());
    let kept_keys = keys().build().unwrap();
    let verifying = || Verifier::access_token(custom.clone(), "api://default");
    let verifying = || verifying().keys(kept_keys.clone()).clock(org.clock.clone());
    let verifier = verifying().build().unwrap();
    let verification = verifier.verify(presented.expose()).await.unwrap();
    let Verification::Verified(verified) = verification.clone() else { panic!("{verification:?}") };
    let rejected = verifier.verify(id_token.expose()).await.unwrap();
    let signed_in = Verifier::id_token(custom.clone(), CLIENT).keys(kept_keys.clone());
    let signed_in = signed_in.clock(org.clock.clone()).build().unwrap();
    let signed_in = signed_in.verify(id_token.expose(), None).await.unwrap();
    let key_set = kept_keys.status().keys.unwrap();
    let unchecked = verify::signature_only(presented.expose(), &key_set);
    let private_set = JwkSet::parse(private_jwk(&org.keys[1]).to_string().as_bytes()).unwrap();
    let (_, key_fault) = private_set.faults().next().unwrap();
    let identity = ServerIdentity::self_made().unwrap();
    let registered = AppKey::from(key.public_jwk());
    let private = AppKey::from_jwk(&private_jwk(&org.keys[1])).unwrap_err();
    let app = App::service(CLIENT).key(registered.clone());
    let server = CustomServer::new("default");
    let user = User::new("00u1", "ada@example.test");
    let mut seed = Seed::default();
    (seed.apps, seed.users) = (vec![app.clone()], vec![user.clone()]);
    let event = org.sandbox.log().swap_remove(0);
    let pem =
        Secret::new(String::from_utf8(org.keys[0].private_key_to_pem_pkcs8().unwrap()).unwrap());
    let confirmation: Confirmation = serde_json::from_value(json!({"jkt": "thumbprint"})).unwrap();

    let mut table = BTreeMap::from([
        ("AccessToken", said!(granted) + &said!(kept)),
        ("AccessTokenClaims", said!(*verified.claims())),
        ("Algorithm", said!(key.algorithm())),
        ("App", said!(app)),
        ("AppKey", said!(registered) + &told(&private)),
        ("AppKind", said!(AppKind::Service)),
        ("AppStatus", said!(AppStatus::Active)),
        ("AssertionConfig", said!(AssertionConfig::default())),
        ("AssertionSigner", said!(signer.unwrap())),
        ("Audience", said!(Audience::default())),
        ("AuthMethod", said!(AuthMethod::PrivateKeyJwt)),
        ("BoxError", said!(*boxed)),
        ("Bucket", said!(Bucket::OrgToken)),
        ("CachedTokenSource", said!(source)),
        ("CircuitConfig", said!(CircuitConfig::default())),
        ("Client", said!(client)),
        ("ClientAssertion", said!(assertion)),
        ("ClientBuilder", said!(builder())),
        ("Clock", said!(*(&org.clock as &dyn Clock))),
        ("ClockOffset", said!(client.clock_offset().unwrap())),
        ("Confirmation", said!(confirmation)),
        ("CustomServer", said!(server)),
        ("Diagnosis", said!(*error.diagnosis().unwrap())),
        ("DpopConfig", said!(DpopConfig::new(DpopMode::Always).key(key.clone()))),
        ("DpopMode", said!(DpopMode::Auto)),
        ("Endpoint", said!(Endpoint::Token)),
        ("EndpointUrl", said!(client.endpoints().token)),
        ("Endpoints", said!(*client.endpoints())),
        ("Error", told(&error) + &told(&shut)),
        ("ErrorKind", said!(error.kind())),
        ("Fault", said!(Fault::oauth(400, "invalid_request"))),
        ("Faults", said!(org.sandbox.faults())),
        ("Grant", said!(Grant::to_client(CLIENT))),
        ("HttpConfig", said!(HttpConfig::default())),
        ("IdTokenClaims", said!(*signed_in.claims().unwrap())),
        ("Introspection", said!(answer)),
        ("Issuer", said!(*client.issuer())),
        ("JsonFault", said!(verify::JsonFault::Syntax)),
        ("JwkSet", said!(key_set) + &said!(private_set)),
        ("Jwks", said!(kept_keys)),
        ("JwksBuilder", said!(keys())),
        ("JwksConfig", said!(JwksConfig::default())),
        ("JwksStatus", said!(kept_keys.status())),
        ("KeyFault", said!(*key_fault)),
        ("KeyOptions", said!(options)),
        ("LogEntity", said!(event.actor) + &said!(event.target)),
        ("LogEvent", said!(org.sandbox.log())),
        ("LogOutcome", said!(event.outcome)),
        ("LogTransaction", said!(event.transaction)),
        ("ManualClock", said!(org.clock)),
        ("Metadata", said!(metadata)),
        ("Part", said!(verify::Part::Payload)),
        ("Presentation", said!(shown)),
        ("Proxy", said!(Proxy::Server(proxy.clone()))),
        ("ProxyServer", said!(proxy)),
        ("PublicJwk", said!(*key.public_jwk()) + &key.public_jwk().thumbprint()),
        ("Random", said!(*(&SystemRandom as &dyn Random))),
        ("RateLimit", said!(client.rate_limit(Endpoint::Token))),
        ("RateLimitHeaders", said!(RateLimitHeaders::default())),
        ("RecordedRequest", said!(org.sandbox.requests())),
        ("Refusal", said!(*error.refusal().unwrap())),
        ("Rejection", said!(*rejected.rejection().unwrap())),
        ("Reset", said!(Reset::BeforeAnswer)),
        ("Resource", said!(resource)),
        ("ResourceAnswer", said!(page)),
        ("ResourceCall", said!(sending)),
        ("RetryConfig", said!(RetryConfig::default())),
        ("Sandbox", said!(org.sandbox)),
        ("SandboxBuilder", said!(Sandbox::builder().seed(seed.clone()))),
        ("Scopes", said!(scope)),
        ("Secret", said!(pem) + &said!(Secret::new(PASSPHRASE))),
        ("Seed", said!(seed)),
        ("SeededRandom", said!(SeededRandom::new(1))),
        ("ServerIdentity", said!(identity)),
        ("SignIn", said!(sign_in)),
        ("Signer", said!(*(&key as &dyn Signer))),
        ("SigningKey", said!(key)),
        ("StaticTokenSource", said!(StaticTokenSource::bearer(token()))),
        ("SystemClock", said!(SystemClock)),
        ("SystemRandom", said!(SystemRandom)),
        ("Times", said!(Times::Once)),
        ("TlsBackend", said!(TlsBackend::default())),
        ("Token", said!(token()) + &token().fingerprint()),
        ("TokenCacheConfig", said!(TokenCacheConfig::default())),
        ("TokenKind", said!(TokenKind::IdToken)),
        ("TokenSource", said!(*(&source as &dyn TokenSource))),
        ("TokenType", said!(kept.token_type())),
        ("TokenTypeHint", said!(TokenTypeHint::AccessToken)),
        ("Trail", said!(*error.trail().unwrap())),
        ("UncheckedPayload", said!(*unchecked.claims().unwrap())),
        ("User", said!(user)),
        ("UserStatus", said!(UserStatus::Active)),
        ("Verification", said!(verification) + &said!(rejected)),
        ("Verified", said!(verified)),
        ("Verifier", said!(verifier)),
        ("VerifierBuilder", said!(verifying())),
    ]);
    table.extend(checked(&org, client, &mut secrets).await);
    let sandbox_secrets = org.secrets();
    for (name, said) in &table {
        assert!(!said.is_empty(), "{name}");
        secrets.assert_absent(name, said);
        sandbox_secrets.assert_absent(name, said);
    }
    let shown: BTreeSet<_> = table.keys().chain(&MUTE).map(|name| (*name).to_owned()).collect();
    assert_eq!(shown, public_types(), "every public type has a line in the table");
}
