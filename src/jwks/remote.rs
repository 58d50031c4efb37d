//! Fetches an issuer's keys: discovery names the address, and one GET brings them.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};

use super::freshness::stated_lifetime;
use super::set::JwkSet;
use crate::error::{Attempts, Error};
use crate::issuer::{EndpointUrl, Issuer};
use crate::oauth::metadata;
use crate::wire::error_response;
use crate::wire::place::Place;
use crate::wire::transport::{Http, HttpConfig};

/// Where an issuer's keys come from.
pub(super) struct Remote {
    http: Http,
    issuer: Issuer,
    /// The address, if it was given and need not be discovered.
    address: Option<EndpointUrl>,
    discovered: Mutex<Option<Url>>,
}

/// Keys, and how long they are good by the server's word.
pub(super) struct Fetched {
    pub(super) set: JwkSet,
    pub(super) stated_lifetime: Option<Duration>,
}

impl Remote {
    pub(super) fn new(http: Http, issuer: Issuer, address: Option<EndpointUrl>) -> Self {
        Self { http, issuer, address, discovered: Mutex::default() }
    }

    /// Fetches the keys, and their address before them if it is not known. After an answer that
    /// has no keys the address is discovered anew: they may have moved.
    pub(super) async fn fetch(&self) -> Result<Fetched, Error> {
        let url = match self.known_address() {
            Some(url) => url,
            None => self.discover().await?,
        };
        let fetched = self.get(url).await;
        if fetched.as_ref().is_err_and(|error| !error.kind().is_temporary()) {
            self.remember(None);
        }
        fetched
    }

    async fn get(&self, url: Url) -> Result<Fetched, Error> {
        let begun = self.http.monotonic();
        let mut attempts = Attempts { count: 1, ..Attempts::default() };
        self.get_once(url, &mut attempts).await.map_err(|error| {
            attempts.elapsed = self.http.monotonic() - begun;
            error.after(attempts)
        })
    }

    async fn get_once(&self, url: Url, attempts: &mut Attempts) -> Result<Fetched, Error> {
        let place = Place::of(&url);
        let mut request = Request::new(Method::GET, url);
        let accepted = HeaderValue::from_static("application/jwk-set+json, application/json");
        request.headers_mut().insert(ACCEPT, accepted);
        let mut deadline = self.http.deadline();
        let sent = self.http.send(request, &place, HttpConfig::MAX_ANSWER, &mut deadline);
        let answer = sent.await.map_err(|failure| failure.error)?;
        attempts.request_ids.extend(answer.request_id().map(str::to_owned));
        if answer.status != StatusCode::OK {
            return Err(error_response::read(&answer));
        }
        let set = JwkSet::parse(&answer.body)
            .map_err(|cause| answer.malformed("is not a JWK Set").because(cause))?;
        if set.usable() == 0 {
            // A server that signs has a key. To believe otherwise would throw good keys away.
            return Err(answer.malformed("has no key that could verify a signature"));
        }
        Ok(Fetched { set, stated_lifetime: stated_lifetime(&answer) })
    }

    fn known_address(&self) -> Option<Url> {
        match &self.address {
            Some(address) => Url::parse(address.as_str()).ok(),
            None => self.discovered.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    async fn discover(&self) -> Result<Url, Error> {
        let metadata = metadata::fetch(&self.http, &self.issuer, |_, _| {}).await?;
        let named = metadata.jwks_uri.ok_or_else(|| {
            Error::malformed(format!("the metadata of {} does not name its jwks_uri", self.issuer))
                .advise("name the address of its keys with `address`")
        })?;
        let url = self.check(&named)?;
        self.remember(Some(url.clone()));
        Ok(url)
    }

    /// The address of the keys may have a query, unlike other endpoints; for the rest the same
    /// rules hold: it is at the issuer's own origin, unless the program names it.
    fn check(&self, named: &str) -> Result<Url, Error> {
        let plain = EndpointUrl::parse(named.split(['?', '#']).next().unwrap_or_default())?;
        match Url::parse(named) {
            Ok(url) if plain.origin() == self.issuer.origin() => Ok(url),
            _ => Err(Error::malformed(format!(
                "the metadata of {} names an address for its keys at another origin: {plain}",
                self.issuer
            ))
            .advise("where it belongs to the server, name it with `address`")),
        }
    }

    fn remember(&self, address: Option<Url>) {
        *self.discovered.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("issuer", &self.issuer)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
