//! A set of public keys: read once, then asked for one key per token.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::jws::VerificationKey;
use crate::key::{Algorithm, BYTE_ORDER_MARK, Jwk, KeyFault};
use crate::support::json::{JsonFault, Node, Object};

/// The public keys of an authorization server
/// ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). Cheap to clone.
///
/// Every key is parsed here, once. A key that cannot be used stays in the set with the
/// [reason](KeyFault), so that a token that names it is told so.
///
/// # Example: which keys are usable?
///
/// ```
/// use okta_introspect::JwkSet;
///
/// let set = JwkSet::parse(br#"{"keys": [{"kty": "oct", "kid": "k1", "k": "AAAA"}]}"#)?;
/// assert_eq!((set.len(), set.usable()), (1, 0));
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone)]
pub struct JwkSet {
    keys: Arc<[Entry]>,
}

struct Entry {
    key_id: Option<String>,
    /// The algorithm that the key is for, if its JWK names one.
    algorithm: Option<Algorithm>,
    key: Result<VerificationKey, KeyFault>,
}

/// Why a set has no key for a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ChoiceFault {
    /// No key has the token's key id; or the token names none and the set has no key for its
    /// algorithm.
    Unknown,
    /// Several keys fit: they share the key id, or the token names none. Trying them in turn
    /// would let the sender choose.
    Ambiguous,
    /// The key that the token names cannot be used.
    Unusable(KeyFault),
    /// The key that the token names is not for the token's algorithm.
    Algorithm,
}

impl JwkSet {
    /// The most keys that a set may have. Okta's have two or three.
    pub const MAX_KEYS: usize = 256;

    /// Reads a JWK Set, or a single JWK as a set of one.
    ///
    /// Keys that cannot be used are no error: see [`usable`](Self::usable).
    ///
    /// # Errors
    ///
    /// [`Malformed`](crate::ErrorKind::Malformed) if the text is not such a document, has a
    /// member twice, or more than [`MAX_KEYS`](Self::MAX_KEYS) keys.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let json = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
        let document = Object::parse(json)
            .map_err(|fault| not_a_set(&format!("the text {fault}"), fault_advice(fault)))?;
        let single = document.get("kty").is_some();
        let keys = if single { vec![Node::Object(document)] } else { members(document)? };
        if keys.len() > Self::MAX_KEYS {
            let what = format!("it has {} keys; at most {} are taken", keys.len(), Self::MAX_KEYS);
            return Err(not_a_set(&what, "leave out the keys that no longer sign"));
        }
        let entries = keys.into_iter().map(|key| match key {
            Node::Object(jwk) => Ok(Entry::read(&jwk)),
            _ => Err(not_a_set("a key is not a JSON object", COPY)),
        });
        Ok(Self { keys: entries.collect::<Result<_, _>>()? })
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys can verify signatures.
    pub fn usable(&self) -> usize {
        self.keys.iter().filter(|entry| entry.key.is_ok()).count()
    }

    /// The key ids, in the order of the document; keys without one are left out.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|entry| entry.key_id.as_deref())
    }

    /// The keys that cannot be used: their ids, as far as they have one, and why.
    pub fn faults(&self) -> impl Iterator<Item = (Option<&str>, &KeyFault)> {
        self.keys
            .iter()
            .filter_map(|entry| Some((entry.key_id.as_deref(), entry.key.as_ref().err()?)))
    }

    /// The usable keys: their ids, as far as they have one, and their RFC 7638 thumbprints, which
    /// tell whether two keys are the same whatever they are called.
    pub fn thumbprints(&self) -> impl Iterator<Item = (Option<&str>, String)> {
        self.keys.iter().filter_map(|entry| {
            Some((entry.key_id.as_deref(), entry.key.as_ref().ok()?.thumbprint()?))
        })
    }

    /// The one key for a token that names `key_id` and `algorithm`.
    ///
    /// A key id is shared by keys of different types only where they are alternatives
    /// ([RFC 7517 §4.5](https://www.rfc-editor.org/rfc/rfc7517#section-4.5)); then the algorithm
    /// tells them apart. A token without a key id needs a set in which only one key can be meant.
    pub(crate) fn choose(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&VerificationKey, ChoiceFault> {
        let named = || {
            self.keys.iter().filter(|entry| key_id.is_none() || entry.key_id.as_deref() == key_id)
        };
        let mut fitting = named().filter_map(|entry| entry.fitting(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(ChoiceFault::Ambiguous),
            (None, _) => Err(match named().find_map(|entry| entry.key.as_ref().err()) {
                Some(fault) => ChoiceFault::Unusable(fault.clone()),
                None if key_id.is_some() && named().next().is_some() => ChoiceFault::Algorithm,
                None => ChoiceFault::Unknown,
            }),
        }
    }
}

impl Entry {
    fn read(jwk: &Object<'_>) -> Self {
        let key_id = jwk.text("kid").map(str::to_owned);
        let (algorithm, key) = match Self::read_key(jwk) {
            Ok((algorithm, key)) => (algorithm, Ok(key)),
            Err(fault) => (None, Err(fault)),
        };
        Self { key_id, algorithm, key }
    }

    fn read_key(jwk: &Object<'_>) -> Result<(Option<Algorithm>, VerificationKey), KeyFault> {
        let key = VerificationKey::from_jwk(jwk)?;
        if !jwk.is_for("verify") {
            return Err(KeyFault::Use);
        }
        match jwk.algorithm()? {
            Some(algorithm) if !key.can(algorithm) => Err(KeyFault::Algorithm),
            algorithm => Ok((algorithm, key)),
        }
    }

    /// The key, if it can verify signatures of `algorithm`.
    fn fitting(&self, algorithm: Algorithm) -> Option<&VerificationKey> {
        let key = self.key.as_ref().ok()?;
        self.algorithm.map_or_else(|| key.can(algorithm), |own| own == algorithm).then_some(key)
    }
}

const COPY: &str = "copy the document whole from the server's `jwks_uri`";

fn members(document: Object<'_>) -> Result<Vec<Node<'_>>, Error> {
    match document.into_iter().find(|(name, _)| name == "keys") {
        Some((_, Node::List(keys))) => Ok(keys),
        _ => Err(not_a_set("it has neither `keys` nor `kty`", COPY)),
    }
}

fn fault_advice(fault: JsonFault) -> &'static str {
    match fault {
        JsonFault::DuplicateMember => "have the server write each member once",
        JsonFault::Syntax | JsonFault::NotAnObject | JsonFault::TooDeep => COPY,
    }
}

fn not_a_set(what: &str, advice: &'static str) -> Error {
    Error::malformed(format!("this is not a JWK Set: {what}")).advise(advice)
}

impl fmt::Debug for JwkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwkSet")
            .field("key_ids", &self.key_ids().collect::<Vec<_>>())
            .field("usable", &self.usable())
            .finish_non_exhaustive()
    }
}
