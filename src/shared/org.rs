//! What an org has in the store, and under which names.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::scale::Scales;
use super::seal::Keys;
use crate::issuer::Issuer;

/// One org: the names that its instances share, and what is known of the store's clock. In braces
/// stands what a cluster chooses the node by, so that all of an org is at one place.
pub(crate) struct Org {
    prefix: String,
    /// The scale of the store's clock.
    pub(crate) time: String,
    /// The stream of signals: those who have another secret could read nothing of it, so they have one
    /// of their own, with a lead of its own.
    pub(crate) stream: String,
    /// The lead.
    pub(crate) leader: String,
    scales: Mutex<Scales>,
}

impl Org {
    pub(super) fn new(host: &str, keys: &Keys) -> Self {
        let key_id = keys.id();
        let prefix = format!("oi1:{{{host}}}");
        Self {
            time: format!("{prefix}:time"),
            stream: format!("{prefix}:s:{key_id}"),
            leader: format!("{prefix}:leader:{key_id}"),
            prefix,
            scales: Mutex::default(),
        }
    }

    /// A use of the store outside of this room has failed: what answers next may have another clock.
    pub(crate) fn doubt(&self, now: Instant) {
        self.scales().doubt(now);
    }

    /// Notes that something came from another scale: the store's clock is read again soon.
    pub(crate) fn note_other_scale(&self) {
        self.scales().note_sign();
    }

    pub(super) fn scales(&self) -> MutexGuard<'_, Scales> {
        self.scales.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Org {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Org").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// The host and the port of an issuer.
pub(super) fn host(issuer: &Issuer) -> &str {
    let origin = issuer.origin();
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

/// One server as one client asks it: answers to others are not for it.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(super) org: Arc<Org>,
    pub(super) issuer: String,
    /// The endpoint and the client id, or what else tells askers apart.
    pub(super) shared_as: String,
}

/// What stands for one token as one [`Asker`] asks about it.
#[derive(Clone, Debug)]
pub(crate) struct EntryName {
    pub(super) org: Arc<Org>,
    /// Where an active answer is.
    pub(super) active: String,
    /// Where an inactive answer is.
    pub(super) inactive: String,
    /// Who asks.
    pub(super) claim: String,
    /// Where answers are that were put with the previous secret.
    pub(super) previous: Option<[String; 2]>,
}

impl EntryName {
    /// The names of a token under the current keys and the ones before.
    pub(super) fn new(
        asker: &Asker,
        token: &str,
        keys: &Keys,
        previous: Option<&Keys>,
    ) -> Option<Self> {
        let prefix = &asker.org.prefix;
        let of = |keys: &Keys| {
            let mac = keys.mac(&[&asker.issuer, &asker.shared_as, token])?;
            Some(URL_SAFE_NO_PAD.encode(&mac[..24]))
        };
        let pair = |text: &str| [format!("{prefix}:e:{text}"), format!("{prefix}:n:{text}")];
        let text = of(keys)?;
        let [active, inactive] = pair(&text);
        Some(Self {
            org: Arc::clone(&asker.org),
            active,
            inactive,
            claim: format!("{prefix}:l:{text}"),
            previous: previous.and_then(of).map(|text| pair(&text)),
        })
    }
}
