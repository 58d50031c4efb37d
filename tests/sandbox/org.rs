//! A sandbox with known contents, and a client that can do everything wrong.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use okta_introspect::sandbox::{App, CustomServer, Grant, Sandbox, SandboxBuilder, User};
use okta_introspect::{Algorithm, ManualClock, SeededRandom, SigningKey};
use reqwest::{RequestBuilder, Response};
use serde_json::{Map, Value, json};

pub(crate) const CLIENT: &str = "0oa1service";
pub(crate) const USER: &str = "00u1ada";
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A sandbox, the key of its service app, and a client.
pub(crate) struct Org {
    pub(crate) sandbox: Sandbox,
    pub(crate) key: SigningKey,
    pub(crate) clock: ManualClock,
    pub(crate) http: reqwest::Client,
}

impl Org {
    /// One service app with one ES256 key, one user, the custom server `default`, and a clock
    /// that stands still.
    pub(crate) async fn start() -> Self {
        Self::start_with(|builder, _| builder).await
    }

    pub(crate) async fn start_with(
        fill: impl FnOnce(SandboxBuilder, &SigningKey) -> SandboxBuilder,
    ) -> Self {
        let clock = ManualClock::new(DateTime::from_timestamp(NOW, 0).unwrap());
        let key = key(Algorithm::Es256, "k1");
        let app = App::service(CLIENT)
            .key(key.public_jwk())
            .grant("okta.users.read")
            .grant("okta.apps.read")
            .grant("okta.logs.read");
        let builder = Sandbox::builder()
            .app(app)
            .user(User::new(USER, "ada@example.test").name("Ada", "Lovelace"))
            .server(CustomServer::new("default").scope("read").scope("write"))
            .clock(clock.clone())
            .random(SeededRandom::new(7));
        let sandbox = fill(builder, &key).start().await.unwrap();
        Self { sandbox, key, clock, http: http_client() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.issuer())
    }

    /// The claims of a good assertion for this path.
    pub(crate) fn claims(&self, path: &str) -> Map<String, Value> {
        let now = self.sandbox.now().timestamp();
        let claims = json!({
            "iss": CLIENT,
            "sub": CLIENT,
            "aud": self.url(path),
            "iat": now,
            "exp": now + 300,
            "jti": unique(),
        });
        claims.as_object().unwrap().clone()
    }

    /// A good assertion for this path.
    pub(crate) fn assertion(&self, path: &str) -> String {
        sign(&self.key, &json!({"alg": "ES256", "kid": "k1"}), &self.claims(path))
    }

    /// The form of a good call to this path.
    pub(crate) fn form(&self, path: &str, members: &[(&str, &str)]) -> Vec<(String, String)> {
        let credentials = [
            ("client_assertion_type", ASSERTION_TYPE.to_owned()),
            ("client_assertion", self.assertion(path)),
        ];
        let members = members.iter().map(|(name, value)| (*name, (*value).to_owned()));
        members.chain(credentials).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub(crate) async fn post(&self, path: &str, members: &[(&str, &str)]) -> Answer {
        self.post_form(path, &self.form(path, members)).await
    }

    pub(crate) async fn post_form(&self, path: &str, form: &[(String, String)]) -> Answer {
        Answer::of(form_request(self.http.post(self.url(path)), form)).await
    }

    /// Posts a good form with these headers besides.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        members: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let request = form_request(self.http.post(self.url(path)), &self.form(path, members));
        let with =
            |request: RequestBuilder, header: &(&str, &str)| request.header(header.0, header.1);
        Answer::of(headers.iter().fold(request, with)).await
    }

    /// The claims of a good DPoP proof for this call.
    pub(crate) fn proof_claims(&self, method: &str, path: &str) -> Map<String, Value> {
        let claims = json!({
            "htm": method,
            "htu": self.url(path),
            "iat": self.sandbox.now().timestamp(),
            "jti": unique(),
        });
        claims.as_object().unwrap().clone()
    }

    pub(crate) async fn token(&self, path: &str, scope: &str) -> Answer {
        self.post(path, &[("grant_type", "client_credentials"), ("scope", scope)]).await
    }

    pub(crate) async fn introspect(&self, path: &str, token: &str) -> Answer {
        self.post(path, &[("token", token), ("token_type_hint", "access_token")]).await
    }

    /// A bearer token of the org server with these scopes.
    pub(crate) fn bearer(&self, scopes: &[&str]) -> String {
        let grant =
            scopes.iter().fold(Grant::to_client(CLIENT), |grant, scope| grant.scope(*scope));
        self.sandbox.issue(&grant).unwrap().expose().to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.http.get(self.url(path))).await
    }

    /// Reads a management endpoint with a bearer token.
    pub(crate) async fn get_with(&self, path: &str, token: &str) -> Answer {
        Answer::of(self.http.get(self.url(path)).bearer_auth(token)).await
    }

    /// Changes something at a management endpoint.
    pub(crate) async fn change_with(&self, path: &str, token: &str, body: &str) -> Answer {
        let request = self.http.post(self.url(path)).bearer_auth(token).body(body.to_owned());
        Answer::of(request.header("content-type", "application/json")).await
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        value.unwrap_or_default()
    }

    /// The target of the `Link` header with this relation.
    pub(crate) fn link(&self, relation: &str) -> Option<String> {
        let links = self.headers.get_all("link").iter().map(|value| value.to_str().unwrap());
        links
            .filter_map(|link| link.split_once("; "))
            .find(|(_, rel)| *rel == format!("rel=\"{relation}\""))
            .map(|(url, _)| url.trim_matches(['<', '>']).to_owned())
    }

    /// Status, OAuth error and description.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        (self.status, self.member("error"), self.member("error_description"))
    }
}

pub(crate) fn form_request(request: RequestBuilder, form: &[(String, String)]) -> RequestBuilder {
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(serde_urlencoded::to_string(form).unwrap())
}

pub(crate) fn key(algorithm: Algorithm, key_id: &str) -> SigningKey {
    SigningKey::generate(algorithm).unwrap().with_key_id(Some(key_id.to_owned()))
}

/// A compact JWS with exactly this header and these claims.
pub(crate) fn sign(key: &SigningKey, header: &Value, claims: &Map<String, Value>) -> String {
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let input = format!(
        "{}.{}",
        encode(header.to_string()),
        encode(Value::from(claims.clone()).to_string())
    );
    let signature = key.sign_blocking(input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The header of a DPoP proof by this key.
pub(crate) fn proof_header(key: &SigningKey) -> Value {
    let mut jwk: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
    for member in ["alg", "use", "kid"] {
        jwk.as_object_mut().unwrap().remove(member);
    }
    json!({"typ": "dpop+jwt", "alg": key.public_jwk().algorithm(), "jwk": jwk})
}

/// A DPoP proof with these claims, right in all else.
pub(crate) fn proof(key: &SigningKey, claims: &Map<String, Value>) -> String {
    sign(key, &proof_header(key), claims)
}

/// Header and claims of a JWT.
pub(crate) fn decode(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (json(), json())
}

pub(crate) fn http_client() -> reqwest::Client {
    #[cfg(feature = "rustls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A text that no other call gets.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("unique-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
