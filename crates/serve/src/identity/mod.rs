//! What the backend is told of a checked request: headers that stand on every yes, and a signed
//! token for backends that believe no bare header.

mod fact;
mod names;
#[cfg(test)]
pub(crate) mod sample;
mod signer;
mod token;
mod value;

use std::sync::Arc;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use okta_introspect::checker::Authorized;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::Fault;
use names::Names;
use value::ABSENT;

pub use fact::IdentityFact;
pub use signer::JwtSigner;
pub use token::IdentityTokens;

pub(crate) use token::checked_at;

/// Whether the backend gets the credentials with which the client came.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::BackendCredentials;
///
/// let strip: BackendCredentials = serde_json::from_str("\"strip\"")?;
/// assert_eq!(strip, BackendCredentials::Strip);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum BackendCredentials {
    /// It gets them as they came: it may check the token itself, or call others with it.
    #[default]
    Keep,
    /// `Authorization` and `DPoP` are among the names to [strip](Identity::strip): a backend that
    /// is broken into has no tokens to give away.
    Strip,
}

/// What the backend is told of a checked request.
///
/// With the prefix `X-Auth-` these are `X-Auth-Sub`, `-Client-Id`, `-Uid`, `-Username`, `-Scope`,
/// `-Exp` (seconds since 1970), `-Issuer`, `-Age-Ms` (how long ago the authorization server was
/// asked, in milliseconds) and `-Source` (where the answer came from, one of
/// [`AnswerSource::NAMES`](okta_introspect::checker::AnswerSource::NAMES)); with
/// [`tokens`](Self::tokens) also `-Token`.
///
/// **Each declared header stands on each yes**, for a proxy lets the client's own value through
/// where one is missing. A fact that is missing is `-`. Values are visible ASCII: all else is
/// percent-encoded, and so are `%` itself and a fact that is literally `-` (`%2D`); scopes have
/// single blanks between them.
///
/// **`-` does not mean "has none".** It stands for a fact that is missing or empty, and also for one of more
/// than 4096 bytes when encoded, which cut would name another subject or other scopes. A backend
/// must give no right to `-`.
///
/// # Example: headers under a name of one's own, and no token for the backend
///
/// ```
/// use http::HeaderMap;
/// use okta_introspect_serve::{BackendCredentials, Fault, Identity};
///
/// let identity = Identity::new("X-Acme-")?.credentials(BackendCredentials::Strip);
/// let mut headers = HeaderMap::new();
/// identity.write_none(&mut headers);
/// assert_eq!(headers["x-acme-sub"], "-");
/// assert!(identity.strip().iter().any(|name| name == "x_acme_sub"));
/// assert!(identity.strip().iter().any(|name| name == "authorization"));
/// # Ok::<(), Fault>(())
/// ```
#[derive(Debug)]
pub struct Identity {
    names: Names,
    credentials: BackendCredentials,
    tokens: Option<IdentityTokens>,
    strip: Arc<[HeaderName]>,
    strip_line: HeaderValue,
}

impl Identity {
    /// The prefix where none is configured.
    pub const PREFIX: &str = "X-Auth-";

    /// Headers under `prefix`, which is letters, digits and up to three hyphens, the last of them
    /// at its end; at most 64 bytes.
    ///
    /// # Errors
    ///
    /// If it has another form, such as with an underscore, which many backends take for a hyphen,
    /// or is the beginning of names with a meaning of their own: `X-Forwarded-`, `Proxy-`,
    /// `Connection-`, `X-Okta-Introspect-` and their like.
    pub fn new(prefix: &str) -> Result<Self, Fault> {
        let identity = Self {
            names: Names::new(prefix)?,
            credentials: BackendCredentials::default(),
            tokens: None,
            strip: Arc::default(),
            strip_line: HeaderValue::from_static(""),
        };
        Ok(identity.listed())
    }

    /// Whether the backend gets the client's credentials. Default: it does.
    #[must_use]
    pub fn credentials(mut self, credentials: BackendCredentials) -> Self {
        self.credentials = credentials;
        self.listed()
    }

    /// Declares these facts and no others; each once. What is not declared is [stripped](Self::strip).
    /// Default: all of them.
    #[must_use]
    pub fn facts(mut self, facts: &[IdentityFact]) -> Self {
        self.names = self.names.declare(facts);
        self.listed()
    }

    /// Signs an identity token for each yes too. Default: none.
    #[must_use]
    pub fn tokens(mut self, tokens: IdentityTokens) -> Self {
        self.tokens = Some(tokens);
        self.names = self.names.declare_token();
        self.listed()
    }

    /// The declared headers: those that [`write`](Self::write) sets, each time all of them.
    pub fn names(&self) -> &[HeaderName] {
        self.names.declared()
    }

    /// What must be removed from the client's request and is replaced by nothing: spellings with
    /// underscores, which become declared names in CGI, WSGI and PHP, the identity token's header
    /// where none is signed, facts that are not declared, and what [`credentials`](Self::credentials) says.
    ///
    /// No declared header is among them: Envoy removes after it has set, and would remove ours.
    pub fn strip(&self) -> &[HeaderName] {
        &self.strip
    }

    /// The headers of this prefix that are not declared.
    pub(crate) fn undeclared(&self) -> impl Iterator<Item = &HeaderName> {
        self.names.undeclared()
    }

    /// [`strip`](Self::strip), to be shared.
    pub(crate) fn strip_list(&self) -> Arc<[HeaderName]> {
        Arc::clone(&self.strip)
    }

    /// [`strip`](Self::strip) in one line, as `x-envoy-auth-headers-to-remove` wants it.
    pub fn strip_line(&self) -> &HeaderValue {
        &self.strip_line
    }

    /// Writes the headers of a checked request over whatever stands there. `audience` is the backend
    /// that the identity token is for; `None` is the configured one.
    pub fn write(&self, authorized: &Authorized, audience: Option<&str>, headers: &mut HeaderMap) {
        headers.reserve(self.names.declared().len());
        for (name, fact) in self.names.facts() {
            headers.insert(name, fact.value(authorized));
        }
        if let Some(tokens) = &self.tokens {
            headers.insert(self.names.token(), tokens.header(authorized, audience));
        }
    }

    /// Writes the headers of a request that needs no token: all of them are `-`, even if it brought
    /// one, since nobody has checked that.
    pub fn write_none(&self, headers: &mut HeaderMap) {
        for name in self.names.declared() {
            headers.insert(name, ABSENT);
        }
    }

    fn listed(mut self) -> Self {
        self.strip = self.names.strip(self.credentials == BackendCredentials::Strip).into();
        let line: Vec<_> = self.strip.iter().map(HeaderName::as_str).collect();
        // Names, commas and blanks, which never fail.
        self.strip_line = HeaderValue::try_from(line.join(", ")).unwrap_or(ABSENT);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{START, Script, claims_of};
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    fn written(headers: &HeaderMap) -> Vec<(&str, &str)> {
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test_support::test]
    async fn trap_every_declared_header_stands_on_every_yes_and_none_is_empty() {
        let script = Script::new();
        let identity = Identity::new(Identity::PREFIX).unwrap();
        for members in [
            json!({}),
            json!({"sub": "", "scope": "", "client_id": ""}),
            json!({"sub": "ada", "client_id": "0oa1", "uid": "00u1", "username": "ada",
                "scope": "a", "iss": "https://acme.okta.com", "exp": START + 9}),
        ] {
            let authorized = script.authorized(members).await;
            let mut headers = HeaderMap::new();
            // What a client would like to be.
            for name in identity.names() {
                headers.append(name, HeaderValue::from_static("admin"));
                headers.append(name, HeaderValue::from_static("root"));
            }
            identity.write(&authorized, None, &mut headers);
            assert_eq!(headers.len(), identity.names().len());
            for name in identity.names() {
                let value = headers[name].to_str().unwrap();
                assert!(
                    !value.is_empty() && value != "admin" && value != "root",
                    "{name}: {value}"
                );
            }
        }
    }

    #[test_support::test]
    async fn each_fact_stands_under_its_own_name() {
        let script = Script::new();
        let identity = Identity::new(Identity::PREFIX).unwrap();
        let token = script.token(json!({
            "sub": "s", "client_id": "c", "uid": "u", "username": "ä", "scope": "y x",
            "iss": "https://acme.okta.com", "exp": START + 9,
        }));
        script.check(&token, 30).await;
        script.advance(1234);
        let mut headers = HeaderMap::new();
        identity.write(&script.check(&token, 30).await, None, &mut headers);
        let mut written = written(&headers);
        written.sort_unstable();
        assert_eq!(
            written,
            [
                ("x-auth-age-ms", "1234"),
                ("x-auth-client-id", "c"),
                ("x-auth-exp", "1795211268"),
                ("x-auth-issuer", "https://acme.okta.com"),
                ("x-auth-scope", "x y"),
                ("x-auth-source", "cache"),
                ("x-auth-sub", "s"),
                ("x-auth-uid", "u"),
                ("x-auth-username", "%C3%A4"),
            ]
        );
    }

    #[test_support::test]
    async fn facts_that_are_not_declared_are_neither_written_nor_let_through() {
        let script = Script::new();
        let identity = Identity::new(Identity::PREFIX).unwrap();
        let identity = identity.facts(&[IdentityFact::Scope, IdentityFact::Sub]);
        let mut headers = HeaderMap::new();
        identity.write(&script.authorized(json!({"sub": "ada"})).await, None, &mut headers);
        assert_eq!(written(&headers), [("x-auth-scope", "-"), ("x-auth-sub", "ada")]);
        let undeclared: Vec<_> = identity.undeclared().collect();
        assert_eq!(undeclared.len(), 8);
        assert!(undeclared.iter().all(|name| identity.strip().contains(name)));
        let mut nobody = HeaderMap::new();
        identity.write_none(&mut nobody);
        assert_eq!(written(&nobody), [("x-auth-scope", "-"), ("x-auth-sub", "-")]);
    }

    #[test_support::test]
    async fn trap_a_public_route_has_an_identity_of_dashes_whatever_the_client_sent() {
        let script = Script::new();
        let signer = JwtSigner::generate("s").unwrap();
        let clock = Arc::new(script.clock.clone());
        let tokens = IdentityTokens::new(signer, "a", IdentityTokens::MAX_LIFETIME, clock).unwrap();
        let identity = Identity::new("Remote-").unwrap().tokens(tokens);
        let mut headers = HeaderMap::new();
        headers.insert("remote-sub", HeaderValue::from_static("admin"));
        headers.insert("remote-token", HeaderValue::from_static("forged"));
        identity.write_none(&mut headers);
        let written = written(&headers);
        assert_eq!(written.len(), 10);
        assert!(written.iter().all(|(_, value)| *value == "-"), "{written:?}");
    }

    #[test_support::test]
    async fn the_signed_token_stands_beside_the_facts_for_the_backend_that_is_named() {
        let script = Script::new();
        let signer = JwtSigner::generate("s").unwrap();
        let clock = Arc::new(script.clock.clone());
        let lifetime = IdentityTokens::MAX_LIFETIME;
        let tokens = IdentityTokens::new(signer.clone(), "orders", lifetime, clock).unwrap();
        let identity = Identity::new(Identity::PREFIX).unwrap().tokens(tokens);
        let authorized = script.authorized(json!({"sub": "ada"})).await;
        for (audience, expected) in [(None, "orders"), (Some("bills"), "bills")] {
            let mut headers = HeaderMap::new();
            identity.write(&authorized, audience, &mut headers);
            let claims = claims_of(headers["x-auth-token"].to_str().unwrap(), &signer);
            assert_eq!((&claims["aud"], &claims["sub"]), (&json!(expected), &json!("ada")));
            assert!(!format!("{headers:?}").contains("eyJ"), "the token shows in Debug");
        }
    }

    #[test]
    fn the_line_for_envoy_names_all_that_is_stripped() {
        let identity = Identity::new("Remote-").unwrap().credentials(BackendCredentials::Strip);
        let line = identity.strip_line().to_str().unwrap();
        assert_eq!(line.split(", ").collect::<Vec<_>>(), identity.strip());
        assert!(
            line.starts_with("remote-token, remote_sub, ") && line.ends_with(", dpop"),
            "{line}"
        );
    }
}
