//! Requests to Vault: to one address, bounded, and never on to another.

use std::sync::Arc;
use std::time::Duration;

use okta_introspect::{Clock, Deadline, Error, Secret};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Url, redirect};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;
use serde_json::Value;

use super::fault::{self, Refused};

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Without it, some servers answer only what cannot have been made by a browser.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// The longest answer that is read, in bytes: that of a key with a thousand versions.
const MAX_ANSWER: usize = 1024 * 1024;

/// Asks one server.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    /// With a slash at its end.
    base: Url,
    namespace: Option<HeaderValue>,
    clock: Arc<dyn Clock>,
    time_limit: Duration,
}

/// Why there is no answer.
pub(super) enum Failure {
    Refused(Refused),
    Other(Error),
}

impl Failure {
    pub(super) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Refused(refused) => refused.into_error(what),
            Self::Other(error) => error,
        }
    }
}

impl Http {
    pub(super) fn new(
        address: &str,
        namespace: Option<&str>,
        authorities: &[u8],
        clock: Arc<dyn Clock>,
        time_limit: Duration,
    ) -> Result<Self, Error> {
        let base = base(address)?;
        let namespace = namespace.map(|name| {
            HeaderValue::from_str(name).map_err(|_| {
                fault::configuration(
                    "the namespace is none",
                    "write it as `vault namespace list` does",
                )
            })
        });
        let client = Client::builder()
            .tls_backend_preconfigured(tls(authorities)?)
            // What is for Vault goes to Vault alone, and nowhere that it names.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never().max_retries_per_request(0))
            .tcp_nodelay(true)
            .build()
            .map_err(|_| fault::configuration("the HTTP client cannot be built", ""))?;
        Ok(Self { client, base, namespace: namespace.transpose()?, clock, time_limit })
    }

    /// Sends a request and reads the JSON object that comes back. `path` is below `/v1/`.
    pub(super) async fn call(
        &self,
        path: &str,
        token: Option<&Secret>,
        body: Option<&str>,
    ) -> Result<Value, Failure> {
        let now = self.clock.monotonic();
        let until = now.checked_add(self.time_limit).unwrap_or(now);
        let answer = Deadline::new(&*self.clock, until).before(self.send(path, token, body)).await;
        answer.unwrap_or_else(|| Err(Failure::Other(fault::slow(self.time_limit))))
    }

    async fn send(
        &self,
        path: &str,
        token: Option<&Secret>,
        body: Option<&str>,
    ) -> Result<Value, Failure> {
        let url = self.base.join(&format!("v1/{path}")).map_err(|_| {
            Failure::Other(fault::configuration(
                "the path of the key is none",
                "see its mount and name",
            ))
        })?;
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = self.client.request(method, url).headers(self.headers(token)?);
        if let Some(body) = body {
            request = request
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(body.to_owned());
        }
        let failed = |cause| Failure::Other(fault::no_answer(&cause));
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.map(str::to_owned);
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if answer.len().saturating_add(chunk.len()) > MAX_ANSWER {
                return Err(Failure::Other(fault::malformed("is longer than 1 MiB")));
            }
            answer.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            let refused = Refused::new(status.as_u16(), wait.as_deref(), &answer);
            return Err(Failure::Refused(refused));
        }
        let document = serde_json::from_slice(&answer).ok().filter(Value::is_object);
        document.ok_or_else(|| Failure::Other(fault::malformed("is not a JSON object")))
    }

    fn headers(&self, token: Option<&Secret>) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST, HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            headers.insert(NAMESPACE, namespace.clone());
        }
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose()).map_err(|_| {
                Failure::Other(fault::configuration(
                    "the token of Vault has characters that no header can hold",
                    "give the token alone, as `vault print token` shows it",
                ))
            })?;
            value.set_sensitive(true);
            headers.insert(TOKEN, value);
        }
        Ok(headers)
    }
}

/// The address, which is `https` unless it is this computer's.
fn base(address: &str) -> Result<Url, Error> {
    let wrong = |what: &str| {
        let advice = "write it as https://vault.example:8200";
        Err(fault::configuration(format!("the address of Vault {what}"), advice))
    };
    let Ok(mut url) = Url::parse(address.trim()) else { return wrong("is not a URL") };
    let is_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        "http" => return wrong("is plain http, and not on this computer"),
        _ => return wrong("is neither https nor http"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("has a user's name or password in it");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("has a query or a fragment");
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Trusts the operating system's authorities, and these.
fn tls(authorities: &[u8]) -> Result<ClientConfig, Error> {
    const ADVICE: &str = "give PEM certificates, one or more, in one file";
    let wrong = |what: &str| fault::configuration(what, ADVICE);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| wrong("TLS cannot be set up"))?;
    // What the library says of what it cannot read may quote it.
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(authorities).collect();
    let found = found.map_err(|_| wrong("the certificate authorities of Vault are not in PEM"))?;
    if found.is_empty() && !authorities.is_empty() {
        return Err(wrong("there is no certificate among the authorities of Vault"));
    }
    let verifier = Verifier::new_with_extra_roots(found, provider)
        .map_err(|_| wrong("a certificate authority of Vault cannot be used"))?;
    let mut config = versions
        .dangerous() // the name of the door: behind it stands the operating system's verifier
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect::ErrorKind;

    #[test]
    fn an_address_is_https_or_on_this_computer() {
        for (address, expected) in [
            ("https://vault.example:8200", "https://vault.example:8200/"),
            ("https://vault.example/behind/a/proxy", "https://vault.example/behind/a/proxy/"),
            ("http://127.0.0.1:8200/", "http://127.0.0.1:8200/"),
            ("http://[::1]:8200", "http://[::1]:8200/"),
            ("http://localhost:8200", "http://localhost:8200/"),
        ] {
            assert_eq!(base(address).unwrap().as_str(), expected);
        }
        for address in [
            "",
            "vault.example",
            "http://vault.example:8200",
            "http://localhost.evil.example",
            "http://10.0.0.1",
            "ftp://vault.example",
            "https://u:s3cret@vault.example",
            "https://vault.example?token=s3cret",
        ] {
            let error = base(address).expect_err(address);
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }
}
