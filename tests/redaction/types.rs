//! Every public type hides the secrets that it is made of.

mod adapter;
mod checker;
mod shared;
mod signals;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::checker::SignalMode;
use okta_introspect::plan::Plan;
use okta_introspect::sandbox::{
    App, AppKey, AppKind, AppStatus, AuthMethod, Bucket, Channel, ChannelFaults, ClientSecret,
    CustomServer, EventDraft, Fault, Grant, LogLag, LogoutSubject, RateLimitHeaders, Reset,
    Sandbox, Seed, ServerIdentity, SignIn, Times, TokensOf, User, UserStatus,
};
use okta_introspect::verify::{self, TokenKind};
use okta_introspect::*;
use serde_json::json;
use test_support::secrets::Secrets;

use crate::org::Org;
use crate::said::{CLIENT, PASSPHRASE, TOKEN, private_jwk, scopes, signing_key, token, told};

/// Public types that have nothing to print: a boxed future is no `Debug`, and `Require` is about
/// types, not values.
const MUTE: [&str; 3] = ["Answer", "BoxFuture", "Require"];

/// The names of all public types and traits: what `lib.rs` re-exports, and what its public modules
/// define or re-export.
fn public_types() -> BTreeSet<String> {
    let source =
        |path: &str| fs::read_to_string(format!("{}/src/{path}", env!("CARGO_MANIFEST_DIR")));
    let root = source("lib.rs").unwrap();
    let mut types = exports(&root);
    let modules = root.lines().filter_map(|line| line.strip_prefix("pub mod "));
    let modules = modules.map(|module| module.trim_end_matches(';'));
    // The readers that are fuzzed are no part of the library that users get.
    for module in modules.filter(|module| *module != "fuzzing") {
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
        // Numbers have names without small letters.
        let is_type =
            |word: &&str| word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase);
        types.extend(words.filter(is_type).map(str::to_owned));
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

#[test]
fn a_client_shows_which_one_it_is_and_nothing_of_its_inside() {
    let issuer = Issuer::parse("https://acme.okta.com").unwrap();
    let client = Client::builder(issuer, CLIENT, Vault).build().unwrap();
    let users = client.resource(Scopes::parse("okta.users.read").unwrap());
    let expected = [
        format!(r#"Client {{ issuer: "https://acme.okta.com", client_id: "{CLIENT}", .. }}"#),
        r#"Resource { origin: "https://acme.okta.com", scopes: Scopes(["okta.users.read"]), .. }"#
            .to_owned(),
    ];
    assert_eq!([format!("{client:?}"), format!("{users:?}")], expected);
}

/// Every way to authenticate with a secret.
fn by_secret() -> [ClientAuth; 3] {
    let secret = || Secret::new(PASSPHRASE.repeat(2));
    [
        ClientAuth::ClientSecretBasic(secret()),
        ClientAuth::ClientSecretPost(secret()),
        ClientAuth::client_secret_jwt(secret(), HmacAlgorithm::Hs256),
    ]
}

fn secret_signer() -> AssertionSigner {
    let (config, random) = (AssertionConfig::default(), Arc::new(SeededRandom::new(1)));
    let secret = Secret::new(PASSPHRASE.repeat(2));
    AssertionSigner::with_secret(CLIENT, &secret, HmacAlgorithm::Hs256, config, random).unwrap()
}

/// What clients that have a secret say, and their settings.
fn clients_by_secret(org: &Org) -> String {
    let builders = by_secret().map(|auth| Client::builder(org.sandbox.issuer(), CLIENT, auth));
    let said = builders.map(|builder| said!(builder) + &said!(builder.build().unwrap()));
    said.concat()
}

/// A key and a secret in files.
struct Files {
    _folder: tempfile::TempDir,
    key: KeyFile,
    secret: SecretFile,
}

impl Files {
    fn new(key: &SigningKey) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [key_path, secret_path] = ["key.jwk", "secret"].map(|name| folder.path().join(name));
        key.write_new_jwk_file(&key_path).unwrap();
        fs::write(&secret_path, PASSPHRASE.repeat(2)).unwrap();
        let key = KeyFile::open(key_path, KeyOptions::default()).unwrap();
        Self { _folder: folder, key, secret: SecretFile::basic(secret_path) }
    }

    fn client(&self, org: &Org) -> Client {
        let auth = ClientAuth::SecretFile(self.secret.clone());
        Client::builder(org.sandbox.issuer(), CLIENT, auth).build().unwrap()
    }
}

/// A store as somebody may write one who derives whatever can be.
#[derive(Debug)]
struct Shelf(StoredToken);

impl TokenStore for Shelf {
    fn load<'a>(&'a self, _: &'a Scopes) -> BoxFuture<'a, Option<StoredToken>> {
        Box::pin(async { Some(self.0.clone()) })
    }

    fn save<'a>(&'a self, _: &'a Scopes, _: StoredToken) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

#[test_support::test]
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
    let sending = ResourceCall::json(http::Method::POST, format!("/x?token={TOKEN}"), TOKEN);
    let page = resource.call(&ResourceCall::get("/api/v1/users")).await.unwrap();
    let metadata = client.metadata().await.unwrap();
    let custom = org.sandbox.custom_issuer("default").unwrap();
    let grant = Grant::to_client(CLIENT).server("default").scope("read").user("00u1ada");
    let presented = org.sandbox.issue(&grant).unwrap();
    let sign_in = SignIn::new(CLIENT, "00u1ada").server("default").access_token(presented.clone());
    let id_token = org.sandbox.issue_id_token(&sign_in).unwrap();
    let web = App::web("0oa2web").key(key.public_jwk()).rotates_refresh_tokens(30);
    org.sandbox.register(web.clone());
    let signing_in = SignIn::new("0oa2web", "00u1ada").scope("offline_access");
    let user_tokens = org.sandbox.sign_in(&signing_in).unwrap();
    let refreshing = org.client("0oa2web").refresh_grace_period(Duration::from_secs(15));
    let refreshing = refreshing.build().unwrap();
    let first = user_tokens.refresh_token.clone().unwrap();
    let refreshed = refreshing.refresh(&first, None).await.unwrap();
    secrets.add("a refresh token", first.expose());
    secrets.add("a user's access token", user_tokens.access_token.expose());
    secrets.add("a refreshed access token", refreshed.access_token.token().expose());
    secrets.add("a new refresh token", refreshed.refresh_token.as_ref().unwrap().expose());
    secrets.add("a new ID token", refreshed.id_token.as_ref().unwrap().expose());
    let no_longer = refreshing.refresh(&token(), None).await.unwrap_err();
    assert_eq!(no_longer.kind(), ErrorKind::InvalidGrant);
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
    let client_secret = ClientSecret::new(PASSPHRASE);
    let app = App::service(CLIENT).key(registered.clone()).secret(client_secret.clone());
    let server = CustomServer::new("default");
    let user = User::new("00u1", "ada@example.test");
    let mut seed = Seed::default();
    (seed.apps, seed.users) = (vec![app.clone()], vec![user.clone()]);
    let event = org.sandbox.log().swap_remove(0);
    // Nothing listens there.
    let channel = Channel::universal_logout("http://127.0.0.1:9/", CLIENT).header("x", PASSPHRASE);
    let subscription = org.sandbox.subscribe(channel.clone()).unwrap();
    let draft = EventDraft::new("user.authentication.universal_logout").user("00u1ada");
    org.sandbox.write_event(draft.clone());
    subscription.settled().await;
    let delivery = subscription.deliveries().swap_remove(0);
    secrets.add("logout JWT", delivery.authorization().unwrap());
    let pem =
        Secret::new(String::from_utf8(org.keys[0].private_key_to_pem_pkcs8().unwrap()).unwrap());
    let confirmation: Confirmation = serde_json::from_value(json!({"jkt": "thumbprint"})).unwrap();

    let stored = StoredToken::new(token(), Some(scope.clone()), org.clock.now());
    let shelf = Shelf(stored.clone());

    let files = Files::new(&key);
    let rotating = RotatingSigner::new(key.clone(), signing_key(&org.keys[1], "k2"));

    let mut plan = Plan::new(1000, Duration::from_secs(30));
    (plan.shared, plan.signals) = (true, SignalMode::Purge);
    let estimate = plan.estimate().unwrap();

    let mut table = BTreeMap::from([
        ("AccessToken", said!(granted) + &said!(kept)),
        ("AccessTokenClaims", said!(*verified.claims())),
        ("Advice", said!(estimate.advice[0])),
        ("Algorithm", said!(key.algorithm())),
        ("App", said!(app)),
        ("AppKey", said!(registered) + &told(&private.into())),
        ("AppKind", said!(AppKind::Service)),
        ("AppStatus", said!(AppStatus::Active)),
        ("AssertionConfig", said!(AssertionConfig::default())),
        ("AssertionSigner", said!(signer.unwrap()) + &said!(secret_signer())),
        ("Audience", said!(Audience::default())),
        ("AuthMethod", said!(AuthMethod::PrivateKeyJwt)),
        ("BoxError", said!(*boxed)),
        ("Bucket", said!(Bucket::OrgToken)),
        ("Calls", said!(estimate.calls)),
        ("CachedTokenSource", said!(source)),
        ("Channel", said!(channel)),
        ("ChannelFaults", said!(ChannelFaults::new())),
        ("CircuitConfig", said!(CircuitConfig::default())),
        ("ClaimedIssuer", said!(ClaimedIssuer::of(&token(), client.issuer()))),
        ("Client", said!(client)),
        ("ClientAssertion", said!(assertion)),
        ("ClientAuth", by_secret().iter().map(|auth| said!(*auth)).collect()),
        ("ClientBuilder", said!(builder()) + &clients_by_secret(&org)),
        ("ClientSecret", said!(client_secret)),
        ("Clock", said!(*(&org.clock as &dyn Clock))),
        ("ClockOffset", said!(client.clock_offset().unwrap())),
        ("Confirmation", said!(confirmation)),
        ("CustomServer", said!(server)),
        ("Delivery", said!(delivery)),
        ("DeliveryOutcome", said!(delivery.outcome())),
        ("Diagnosis", said!(*error.diagnosis().unwrap())),
        ("DpopConfig", said!(DpopConfig::new(DpopMode::Always).key(key.clone()))),
        ("DpopMode", said!(DpopMode::Auto)),
        ("Endpoint", said!(Endpoint::Token)),
        ("EndpointUrl", said!(client.endpoints().token)),
        ("Endpoints", said!(*client.endpoints())),
        ("Error", told(&error) + &told(&shut) + &told(&no_longer)),
        ("ErrorKind", said!(error.kind())),
        ("Estimate", said!(estimate)),
        ("EventDraft", said!(draft)),
        ("Fault", said!(Fault::oauth(400, "invalid_request"))),
        ("Faults", said!(org.sandbox.faults())),
        ("Fit", said!(estimate.fit)),
        ("Grant", said!(Grant::to_client(CLIENT))),
        ("HmacAlgorithm", said!(HmacAlgorithm::Hs256)),
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
        ("MemberFault", said!(verify::MemberFault::Missing)),
        ("KeyFile", said!(files.key)),
        ("KeyOptions", said!(options)),
        ("Lag", said!(estimate.lag)),
        ("LogEntity", said!(event.actor) + &said!(event.target)),
        ("LogEvent", said!(org.sandbox.log())),
        ("LogLag", said!(LogLag::default())),
        ("LogLoad", said!(estimate.log.unwrap())),
        ("LogOutcome", said!(event.outcome)),
        ("LogTransaction", said!(event.transaction)),
        ("LogoutSubject", said!(LogoutSubject::Email)),
        ("Deadline", said!(Deadline::new(&org.clock, org.clock.monotonic()))),
        ("ManualClock", said!(org.clock)),
        ("Metadata", said!(metadata)),
        ("Part", said!(verify::Part::Payload)),
        ("Plan", said!(plan)),
        ("Presentation", said!(shown)),
        ("Proxy", said!(Proxy::Server(proxy.clone()))),
        ("ProxyServer", said!(proxy)),
        ("PublicJwk", said!(*key.public_jwk()) + &key.public_jwk().thumbprint()),
        ("Random", said!(*(&SystemRandom as &dyn Random))),
        ("RateLimit", said!(client.rate_limit(Endpoint::Token))),
        ("RateWindows", said!(RateWindows::default())),
        ("RateLimitHeaders", said!(RateLimitHeaders::default())),
        ("RecordedRequest", said!(org.sandbox.requests())),
        ("Refusal", said!(*error.refusal().unwrap())),
        ("InvalidToken", said!(*rejected.reason().unwrap())),
        ("Reset", said!(Reset::BeforeAnswer)),
        ("Pages", said!(resource.pages(ResourceCall::get("/api/v1/users?q=x")))),
        ("Resource", said!(resource)),
        ("ResourceAnswer", said!(page)),
        ("ResourceCall", said!(sending)),
        ("RefreshTokenSettings", said!(web.refresh_token)),
        ("Refreshed", said!(refreshed)),
        ("RotationType", said!(web.refresh_token.rotation_type)),
        ("SignedIn", said!(user_tokens)),
        ("RetryConfig", said!(RetryConfig::default())),
        ("RotatingSigner", said!(rotating)),
        ("Sandbox", said!(org.sandbox)),
        ("SandboxBuilder", said!(Sandbox::builder().seed(seed.clone()))),
        ("Scopes", said!(scope)),
        ("SecretFile", said!(files.secret) + &said!(files.client(&org))),
        ("Secret", said!(pem) + &said!(Secret::new(PASSPHRASE))),
        ("Seed", said!(seed)),
        ("SeededRandom", said!(SeededRandom::new(1))),
        ("ServerIdentity", said!(identity)),
        ("SignIn", said!(sign_in)),
        ("Signer", said!(*(&key as &dyn Signer))),
        ("SignerLimits", said!(SignerLimits::default())),
        ("SigningKey", said!(key)),
        ("StaticTokenSource", said!(StaticTokenSource::bearer(token()))),
        ("StoreLoad", said!(estimate.store.unwrap())),
        ("Subscription", said!(subscription)),
        ("SystemClock", said!(SystemClock)),
        ("SystemRandom", said!(SystemRandom)),
        ("Times", said!(Times::Once)),
        ("TlsBackend", said!(TlsBackend::default())),
        ("Token", said!(token()) + &token().fingerprint()),
        ("TokensOf", said!(TokensOf::Client(CLIENT))),
        ("TokenCacheConfig", said!(TokenCacheConfig::default())),
        ("StoredToken", said!(stored)),
        ("TokenStore", said!(*(&shelf as &dyn TokenStore))),
        ("TokenKind", said!(TokenKind::IdToken)),
        ("TokenSource", said!(*(&source as &dyn TokenSource))),
        ("TokenType", said!(kept.token_type())),
        ("TokenTypeHint", said!(TokenTypeHint::AccessToken)),
        ("Attempts", said!(*error.attempts().unwrap())),
        ("UncheckedPayload", said!(*unchecked.claims().unwrap())),
        ("User", said!(user)),
        ("UserStatus", said!(UserStatus::Active)),
        ("Verification", said!(verification) + &said!(rejected)),
        ("Verified", said!(verified)),
        ("Verifier", said!(verifier)),
        ("VerifierBuilder", said!(verifying())),
    ]);
    for (name, said) in adapter::guarded(&org, &mut secrets).await {
        table.entry(name).or_default().push_str(&said);
    }
    for (name, said) in signals::followed(&org, &client).await {
        table.entry(name).or_default().push_str(&said);
    }
    for (name, said) in signals::received(&org).await {
        table.entry(name).or_default().push_str(&said);
    }
    table.extend(shared::kept(&org, &key, &mut secrets).await);
    table.extend(checker::checked(&org, client, &mut secrets).await);
    let sandbox_secrets = org.secrets();
    for (name, said) in &table {
        assert!(!said.is_empty(), "{name}");
        secrets.assert_absent(name, said);
        sandbox_secrets.assert_absent(name, said);
    }
    let shown: BTreeSet<_> = table.keys().chain(&MUTE).map(|name| (*name).to_owned()).collect();
    assert_eq!(shown, public_types(), "every public type has a line in the table");
}
