//! Which caller a request comes from.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;

use super::budget::{Budget, Caller};
use super::credentials::{self, Shown};
use super::peer::Peer;
use super::refused::Refused;
use super::secret_hash::SecretHash;
use crate::error::Fault;

/// How many calls with no or wrong credentials a listener answers in a second with 401, unless set
/// otherwise.
pub const DEFAULT_ATTEMPTS_PER_SECOND: u32 = 10;

/// The callers of one listener. There are three ways to be one, and a listener has one of the first
/// two, or the third, or the second and third:
///
/// - *a certificate* that the listener's authority has signed, with a name of the list; secrets mean
///   nothing on such a listener;
/// - *a secret*, see [`CALLER_KEY`](super::CALLER_KEY); wrong ones are refused even where the third
///   way is open;
/// - *being local*: everybody on a unix socket or on loopback is one caller, such as `local`.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use http::HeaderMap;
/// use okta_introspect_serve::{CALLER_KEY, Caller, Callers, Fault, Limits, Peer, SecretHash};
///
/// # fn main() -> Result<(), Fault> {
/// let orders = Arc::new(Caller::new("orders", Limits::default())?);
/// // printf %s secret | sha256sum
/// let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
/// let callers = Callers::builder()
///     .secret(SecretHash::parse(hash)?, orders)
///     .build(Some("0.0.0.0".parse().unwrap()))?;
///
/// let peer = Peer::Tcp("192.0.2.1:4711".parse().unwrap());
/// let mut headers = HeaderMap::new();
/// assert!(callers.identify(&peer, &headers).is_err());
/// headers.insert(CALLER_KEY, "secret".parse().unwrap());
/// assert_eq!(callers.identify(&peer, &headers).unwrap().name(), "orders");
/// # Ok(())
/// # }
/// ```
pub struct Callers {
    names: Vec<(String, Arc<Caller>)>,
    secrets: Vec<(SecretHash, Arc<Caller>)>,
    local: Option<Arc<Caller>>,
    attempts: Budget,
}

impl Callers {
    /// Nobody yet.
    pub fn builder() -> CallersBuilder {
        CallersBuilder {
            names: Vec::new(),
            secrets: Vec::new(),
            local: None,
            attempts: DEFAULT_ATTEMPTS_PER_SECOND,
        }
    }

    /// The caller behind a proxy's request: its secret is in [`CALLER_KEY`](super::CALLER_KEY), for
    /// `Authorization` has the token of the proxy's client.
    ///
    /// # Errors
    ///
    /// Why there is none; give it to [`refuse`](Self::refuse).
    pub fn identify(&self, peer: &Peer, headers: &HeaderMap) -> Result<&Arc<Caller>, Refused> {
        self.find(peer, || credentials::key(headers))
    }

    /// The caller behind a request to `/introspect`: its secret is in `Authorization`, as `Bearer SECRET`
    /// or as `Basic` with the caller's name as client id, which is what RFC 7662 clients send
    /// ([RFC 7662 §2.1](https://www.rfc-editor.org/rfc/rfc7662#section-2.1)). A `client_secret` in the
    /// body is not read.
    ///
    /// # Errors
    ///
    /// As for [`identify`](Self::identify).
    pub fn identify_client(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
    ) -> Result<&Arc<Caller>, Refused> {
        self.find(peer, || credentials::authorization(headers))
    }

    /// What to answer where no caller was identified: the refusal itself, as long as there are not
    /// too many of them. Callers with good credentials have no part in this budget.
    pub fn refuse(&self, refused: Refused, now: Instant) -> Refused {
        self.attempts.take(now).map_or_else(Refused::TooMany, |()| refused)
    }

    fn find(
        &self,
        peer: &Peer,
        shown: impl FnOnce() -> Result<Option<Shown>, Refused>,
    ) -> Result<&Arc<Caller>, Refused> {
        if !self.names.is_empty() {
            return self.by_name(peer).ok_or(Refused::UnknownCertificate);
        }
        // Without secrets no header is looked at: local clients may send whatever they must.
        let shown = if self.secrets.is_empty() { None } else { shown()? };
        match shown {
            Some(shown) => {
                let other = || self.by_secret(shown.or.as_deref()?);
                self.by_secret(&shown).or_else(other).ok_or(Refused::WrongSecret)
            }
            None => self.local.as_ref().filter(|_| peer.is_local()).ok_or(Refused::NoCredentials),
        }
    }

    fn by_name(&self, peer: &Peer) -> Option<&Arc<Caller>> {
        let is_of_peer = |name: &str| peer.names().iter().any(|own| is_same_name(own, name));
        self.names.iter().find(|(name, _)| is_of_peer(name)).map(|(_, caller)| caller)
    }

    /// All hashes are compared, so that the time does not tell which one it was.
    fn by_secret(&self, shown: &Shown) -> Option<&Arc<Caller>> {
        let found =
            self.secrets.iter().fold(None, |found, (hash, caller)| match hash.is(&shown.hash) {
                true => Some(caller),
                false => found,
            });
        found.filter(|caller| shown.name.as_ref().is_none_or(|name| name == caller.name()))
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_secrets = self.secrets.iter().map(|(_, caller)| caller.name());
        f.debug_struct("Callers")
            .field("names", &self.names.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("secrets", &with_secrets.collect::<Vec<_>>())
            .field("local", &self.local.as_ref().map(|local| local.name()))
            .finish_non_exhaustive()
    }
}

/// Names of hosts have no case; URIs, such as those of SPIFFE, do.
fn is_same_name(one: &str, other: &str) -> bool {
    match one.contains("://") {
        true => one == other,
        false => one.eq_ignore_ascii_case(other),
    }
}

/// Puts the callers of a listener together.
#[derive(Debug)]
#[must_use]
pub struct CallersBuilder {
    names: Vec<(String, Arc<Caller>)>,
    secrets: Vec<(SecretHash, Arc<Caller>)>,
    local: Option<Arc<Caller>>,
    attempts: u32,
}

impl CallersBuilder {
    /// A verified certificate with this subject alternative name is this caller's. No wildcards. Where two
    /// names are in one certificate, the first of the list counts.
    pub fn certificate(mut self, name: &str, caller: Arc<Caller>) -> Self {
        self.names.push((name.to_owned(), caller));
        self
    }

    /// A secret with this hash is this caller's. A caller may have several, so that one can be
    /// exchanged for another.
    pub fn secret(mut self, hash: SecretHash, caller: Arc<Caller>) -> Self {
        self.secrets.push((hash, caller));
        self
    }

    /// Everybody on this machine is this caller.
    pub fn local(mut self, caller: Arc<Caller>) -> Self {
        self.local = Some(caller);
        self
    }

    /// How many calls with no or wrong credentials are answered with 401 in a second; the others get
    /// 429. Default: [`DEFAULT_ATTEMPTS_PER_SECOND`]; from 1 to [`MAX_PER_SECOND`](super::MAX_PER_SECOND).
    pub fn attempts_per_second(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The callers of a listener at this address; `None` is a unix socket.
    ///
    /// # Errors
    ///
    /// - If the listener is beyond loopback and has neither names nor secrets, or has a `local` caller.
    /// - If nobody could call at all.
    /// - If a name or a secret is there twice, or two callers have one name.
    pub fn build(self, listener: Option<IpAddr>) -> Result<Callers, Fault> {
        let is_local = listener.is_none_or(|address| address.to_canonical().is_loopback());
        let anonymous = self.names.is_empty() && self.secrets.is_empty();
        if !is_local && (anonymous || self.local.is_some()) {
            return Err(Fault::new("a listener beyond loopback lets everybody call").advise(
                "give it client_names below tls, or callers with secret_sha256, or bind it to a unix \
                 socket",
            ));
        }
        if anonymous && self.local.is_none() {
            return Err(Fault::new("nobody may call").advise("add callers with secret_sha256"));
        }
        self.check_doubles()?;
        let attempts =
            Budget::new(self.attempts).map_err(|fault| fault.at("attempts_per_second"))?;
        let Self { names, secrets, local, .. } = self;
        Ok(Callers { names, secrets, local, attempts })
    }

    fn check_doubles(&self) -> Result<(), Fault> {
        let doubled = |what: &str| Fault::new(what).advise("leave one of them out");
        for (at, (name, _)) in self.names.iter().enumerate() {
            if self.names[..at].iter().any(|(other, _)| is_same_name(name, other)) {
                return Err(doubled("a name of certificates is there twice").at(name));
            }
        }
        for (at, (hash, caller)) in self.secrets.iter().enumerate() {
            if self.secrets[..at].iter().any(|(other, _)| hash.is(other)) {
                return Err(doubled("another caller has the same secret").at(caller.name()));
            }
        }
        let callers: Vec<_> = self.callers().collect();
        for (at, caller) in callers.iter().enumerate() {
            let is_namesake =
                |other: &&Arc<Caller>| other.name() == caller.name() && !Arc::ptr_eq(other, caller);
            if callers[..at].iter().any(is_namesake) {
                return Err(doubled("two callers have the same name").at(caller.name()));
            }
        }
        Ok(())
    }

    fn callers(&self) -> impl Iterator<Item = &Arc<Caller>> {
        let secrets = self.secrets.iter().map(|(_, caller)| caller);
        let names = self.names.iter().map(|(_, caller)| caller);
        secrets.chain(names).chain(&self.local)
    }
}
