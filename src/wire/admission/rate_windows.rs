//! The rate windows of one process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::wire::admission::rate_window::RateWindow;

/// The rate limits of the servers that a process calls, as far as they have stated them, and its
/// requests in flight. Cheap to clone; clones share everything.
///
/// One client keeps within the limits by itself. Several clients of one org, for its org server
/// and its custom servers or with different keys, count in the same buckets of Okta's: give them
/// the same `RateWindows`, and they leave room for each other. Windows are kept by origin, client
/// id and bucket, so one `RateWindows` can serve all clients of a process.
///
/// # Example: two custom servers of one org
///
/// ```no_run
/// use okta_introspect::{Client, Error, Issuer, KeyOptions, RateWindows, SigningKey};
///
/// # fn example() -> Result<(), Error> {
/// let key = SigningKey::from_file("service-app.pem", &KeyOptions::default().key_id("k1"))?;
/// let windows = RateWindows::default();
/// let orders = Issuer::parse("https://acme.okta.com/oauth2/orders")?;
/// let billing = Issuer::parse("https://acme.okta.com/oauth2/billing")?;
/// let orders =
///     Client::builder(orders, "0oa1b2c3d4", key.clone()).rate_windows(windows.clone()).build()?;
/// let billing = Client::builder(billing, "0oa1b2c3d4", key).rate_windows(windows).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct RateWindows {
    windows: Arc<Mutex<HashMap<Key, Arc<RateWindow>>>>,
}

/// What one window is about.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Key {
    pub(crate) origin: String,
    /// Okta gives each app a share of the org's limit.
    pub(crate) client_id: String,
    pub(crate) bucket: String,
}

impl RateWindows {
    /// More buckets than any program meets; beyond, those not in use are forgotten.
    const MAX: usize = 256;

    pub(crate) fn of(&self, key: Key) -> Arc<RateWindow> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= Self::MAX && !windows.contains_key(&key) {
            windows.retain(|_, window| Arc::strong_count(window) > 1);
        }
        Arc::clone(windows.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_that_are_not_in_use_are_forgotten_when_there_are_too_many() {
        let key = |number: usize| Key {
            origin: "https://acme.okta.com".to_owned(),
            client_id: "0oa1".to_owned(),
            bucket: number.to_string(),
        };
        let windows = RateWindows::default();
        let in_use = windows.of(key(0));
        for number in 1..1000 {
            windows.of(key(number));
            assert!(windows.windows.lock().unwrap().len() <= RateWindows::MAX);
        }
        assert!(Arc::ptr_eq(&in_use, &windows.of(key(0))));
    }
}
