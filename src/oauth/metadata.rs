//! Discovery: what an authorization server says about itself
//! ([RFC 8414](https://www.rfc-editor.org/rfc/rfc8414), OpenID Connect Discovery 1.0).

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::{Clock, SystemClock};
use crate::error::diagnosis::Diagnosis;
use crate::error::{Attempts, Error};
use crate::issuer::{EndpointUrl, Endpoints, Issuer};
use crate::wire::error_response;
use crate::wire::place::Place;
use crate::wire::transport::{Answer, Destination, Http, HttpConfig};

/// A server's metadata document. Members that are not listed are kept in
/// [`extra`](Self::extra).
///
/// # Example: a client of any conforming server
///
/// ```
/// use okta_introspect::metadata::discover;
/// use okta_introspect::{Client, Error, HttpConfig, Issuer, Signer};
///
/// async fn client(issuer: &str, key: impl Signer + 'static) -> Result<Client, Error> {
///     let issuer = Issuer::parse_other(issuer)?;
///     let metadata = discover(&issuer, &HttpConfig::default()).await?;
///     Client::builder(issuer, "my-client", key).endpoints(metadata.endpoints()?).build()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The issuer; the same as the one asked, or the document is refused.
    pub issuer: String,
    /// Where tokens are requested.
    pub token_endpoint: Option<String>,
    /// Where tokens are introspected.
    pub introspection_endpoint: Option<String>,
    /// Where tokens are revoked.
    pub revocation_endpoint: Option<String>,
    /// Where the server's public keys are.
    pub jwks_uri: Option<String>,
    /// How clients may authenticate at the token endpoint.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// The grants. Okta's org server leaves `client_credentials` out although it has it.
    #[serde(default)]
    pub grant_types_supported: Vec<String>,
    /// The scopes that the server chooses to name.
    #[serde(default)]
    pub scopes_supported: Vec<String>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Metadata {
    /// The endpoints that a client needs, all of them at the issuer's own origin: tokens and
    /// assertions go there. For a server whose endpoints are elsewhere, see
    /// [`endpoints_allowing`](Self::endpoints_allowing).
    ///
    /// # Errors
    ///
    /// [`Malformed`](crate::ErrorKind::Malformed) if one is missing, and
    /// [`Configuration`](crate::ErrorKind::Configuration) if one is at another origin, or is not an
    /// `https` URL.
    pub fn endpoints(&self) -> Result<Endpoints, Error> {
        self.endpoints_allowing(&[])
    }

    /// As [`endpoints`](Self::endpoints), and allows these hosts beside the issuer's own. A host is
    /// written as in the URL, with the port if one is there: `login.acme.example`,
    /// `login.acme.example:8443`. Take them from the server's documentation, never from the
    /// document itself. Of an `https` issuer no endpoint may be plain `http`, whatever is allowed.
    ///
    /// # Errors
    ///
    /// As [`endpoints`](Self::endpoints).
    ///
    /// # Example: a server that answers for tokens on a host of its own
    ///
    /// ```
    /// use okta_introspect::{Endpoints, Error, Metadata};
    ///
    /// fn endpoints(metadata: &Metadata) -> Result<Endpoints, Error> {
    ///     metadata.endpoints_allowing(&["tokens.id.example"])
    /// }
    /// ```
    pub fn endpoints_allowing(&self, hosts: &[&str]) -> Result<Endpoints, Error> {
        let endpoint = |name: &str, url: &Option<String>| match url {
            Some(url) => self.allowed(name, EndpointUrl::parse(url)?, hosts),
            None => Err(Error::malformed(format!(
                "the metadata of {} does not name its {name}",
                self.issuer
            ))
            .advise("name the endpoints yourself with `Client::builder(…).endpoints(…)`")),
        };
        Ok(Endpoints {
            token: endpoint("token_endpoint", &self.token_endpoint)?,
            introspection: endpoint("introspection_endpoint", &self.introspection_endpoint)?,
            revocation: endpoint("revocation_endpoint", &self.revocation_endpoint)?,
            jwks: endpoint("jwks_uri", &self.jwks_uri)?,
        })
    }

    fn allowed(&self, name: &str, url: EndpointUrl, hosts: &[&str]) -> Result<EndpointUrl, Error> {
        let issuer = EndpointUrl::parse(&self.issuer)?;
        let is_downgrade = url.is_plain_http() && !issuer.is_plain_http();
        let is_named = || hosts.iter().any(|host| host.eq_ignore_ascii_case(url.authority()));
        if url.origin() == issuer.origin() || (is_named() && !is_downgrade) {
            return Ok(url);
        }
        let (issuer, origin) = (&self.issuer, url.origin());
        let what = format!("the metadata of {issuer} names a {name} at another origin: {origin}");
        Err(Error::configuration(what).advise(if is_downgrade {
            "have the server name an https address"
        } else {
            "where this host belongs to the server, allow it by name with `endpoints_allowing`"
        }))
    }
}

/// Fetches the metadata of `issuer`: from the address with the well-known suffix, as Okta has it,
/// or else from the one of RFC 8414.
///
/// # Errors
///
/// [`Malformed`](crate::ErrorKind::Malformed) if there is no such document or it names another
/// issuer (RFC 8414 §3.3), and those of any call.
pub async fn discover(issuer: &Issuer, config: &HttpConfig) -> Result<Metadata, Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let http = Http::new(config, clock, Destination::of_issuer(issuer))?;
    fetch(&http, issuer, |_, _| {}).await
}

/// Fetches the metadata; `observe` sees each answer, and how long it took.
pub(crate) async fn fetch(
    http: &Http,
    issuer: &Issuer,
    observe: impl Fn(&Answer, Duration),
) -> Result<Metadata, Error> {
    let (begun, mut attempts) = (http.monotonic(), Attempts::default());
    let found = find(http, issuer, observe, &mut attempts).await;
    attempts.elapsed = http.monotonic() - begun;
    found.map_err(|error| error.after(attempts))
}

/// Looks in one place after the other, and counts.
async fn find(
    http: &Http,
    issuer: &Issuer,
    observe: impl Fn(&Answer, Duration),
    attempts: &mut Attempts,
) -> Result<Metadata, Error> {
    let mut deadline = http.deadline();
    let mut first = None;
    for address in addresses(issuer) {
        let place = Place::of(&address);
        let mut request = Request::new(Method::GET, address);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        attempts.count += 1;
        let sent_at = http.monotonic();
        let answer = http
            .send(request, &place, HttpConfig::MAX_ANSWER, &mut deadline)
            .await
            .map_err(|failure| failure.error)?;
        observe(&answer, http.monotonic() - sent_at);
        attempts.request_ids.extend(answer.request_id().map(str::to_owned));
        if answer.status == StatusCode::OK {
            return same_issuer(answer.json()?, issuer, &answer);
        }
        first.get_or_insert(answer);
    }
    Err(match first {
        Some(answer) => refused(&answer),
        None => Error::malformed(format!("{issuer} has no address for metadata")),
    })
}

/// The places where the document may be, the likeliest first.
fn addresses(issuer: &Issuer) -> impl Iterator<Item = Url> {
    let authority = issuer.origin();
    let path = issuer.as_str()[authority.len()..].to_owned();
    [
        format!("{issuer}/.well-known/openid-configuration"),
        format!("{issuer}/.well-known/oauth-authorization-server"),
        format!("{authority}/.well-known/oauth-authorization-server{path}"),
    ]
    .into_iter()
    .filter_map(|address| Url::parse(&address).ok())
}

fn same_issuer(metadata: Metadata, issuer: &Issuer, answer: &Answer) -> Result<Metadata, Error> {
    if metadata.issuer.trim_end_matches('/') == issuer.as_str() {
        return Ok(metadata);
    }
    let named = answer.excerpt(&metadata.issuer);
    let what = format!("the metadata names another issuer: {named} instead of {issuer}");
    Err(Error::malformed(what).diagnosed(Diagnosis {
        about: "issuer".to_owned(),
        sent: None,
        cause: "the server is called under another address than its own: an org may have a custom \
                domain beside Okta's"
            .to_owned(),
        cure: "use the issuer that it names, if it is yours".to_owned(),
    }))
}

/// Why there is no document.
fn refused(answer: &Answer) -> Error {
    let error = error_response::read(answer);
    match error.refusal().and_then(|refusal| Diagnosis::of(refusal, |_| None)) {
        Some(diagnosis) => error.diagnosed(diagnosis),
        None => error,
    }
}
