//! What a channel is, and where it leads.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};

use super::event_hook;
use crate::error::Error;
use crate::model::channel_faults::ChannelFaults;

/// A channel by which the org tells a receiver on loopback what happens, for
/// [`Sandbox::subscribe`](crate::Sandbox::subscribe).
///
/// `Debug` shows the names of fixed headers and not their values.
///
/// ```
/// use okta_sandbox::{Channel, LogoutSubject};
///
/// let url = "http://127.0.0.1:8080/signals";
/// let logout = Channel::universal_logout(url, "0oa1service").naming(LogoutSubject::Email);
/// let hook = Channel::event_hook(url).header("authorization", "s3cret").event_type("user.session.end");
/// let stream = Channel::security_events(url, "https://receiver.example");
/// let bridge = Channel::event_bridge(url).header("x-api-key", "s3cret");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Channel {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) ca_pem: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) faults: ChannelFaults,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    UniversalLogout { client_id: String, subject: LogoutSubject },
    SecurityEvents { audience: String },
    EventHook { event_types: BTreeSet<String> },
    EventBridge,
}

/// How Universal Logout names a user.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum LogoutSubject {
    /// `iss_sub`: the org's issuer and the user's id.
    #[default]
    IssuerAndId,
    /// `email`: the user's e-mail address.
    Email,
}

impl Channel {
    /// Okta's for event hooks; the sandbox takes it for all channels.
    const TIMEOUT: Duration = Duration::from_secs(3);

    /// Universal Logout: a `POST` with the user's identifier and a JWT of the org for this app,
    /// whenever a user is [signed out](crate::Sandbox::universal_logout) so. It is sent once.
    pub fn universal_logout(url: impl Into<String>, client_id: impl Into<String>) -> Self {
        let (client_id, subject) = (client_id.into(), LogoutSubject::default());
        Self::new(url, Kind::UniversalLogout { client_id, subject })
    }

    /// A stream of the Shared Signals Framework, pushed as of
    /// [RFC 8935](https://www.rfc-editor.org/rfc/rfc8935): security event tokens of the org for this
    /// audience, when a session ends and when passwords or factors change. Each is sent once: how
    /// Okta repeats them is not known.
    pub fn security_events(url: impl Into<String>, audience: impl Into<String>) -> Self {
        Self::new(url, Kind::SecurityEvents { audience: audience.into() })
    }

    /// An event hook: events of the System Log, each in a `POST` of its own, which is sent once more
    /// if the receiver answers 5xx or not at all. Nothing is sent until the hook is
    /// [verified](crate::Subscription::verify).
    pub fn event_hook(url: impl Into<String>) -> Self {
        Self::new(url, Kind::EventHook { event_types: BTreeSet::new() })
    }

    /// Log streaming through an API destination of AWS EventBridge: every event of the System Log in
    /// EventBridge's envelope, sent once.
    pub fn event_bridge(url: impl Into<String>) -> Self {
        Self::new(url, Kind::EventBridge)
    }

    /// Sets how Universal Logout names users. Default: [`LogoutSubject::IssuerAndId`]. Nothing for
    /// other channels.
    pub fn naming(mut self, by: LogoutSubject) -> Self {
        if let Kind::UniversalLogout { subject, .. } = &mut self.kind {
            *subject = by;
        }
        self
    }

    /// Restricts an event hook to the event types that are named so. Default: all those that are
    /// eligible for event hooks. Nothing for other channels.
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        if let Kind::EventHook { event_types } = &mut self.kind {
            event_types.insert(event_type.into());
        }
        self
    }

    /// Adds a fixed header, such as `authorization` with a secret. Default: none. Universal Logout
    /// has an `authorization` of its own, and no other.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Trusts this authority, as PEM, where the URL begins with `https`. Default: none, and TLS is
    /// not possible.
    pub fn trust(mut self, ca_pem: impl Into<String>) -> Self {
        self.ca_pem = Some(ca_pem.into());
        self
    }

    /// Sets how long to wait for an answer. Real time, as the receiver is real. Default: 3 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets what happens to messages on their way. Default: nothing.
    pub fn faults(mut self, faults: ChannelFaults) -> Self {
        self.faults = faults;
        self
    }

    /// The URL in parts.
    pub(crate) fn check(&self) -> Result<Uri, Error> {
        let advice = "give an http or https URL on 127.0.0.1, [::1] or localhost";
        let unusable = || Error::new("the URL of a channel is not one on loopback", advice);
        let uri: Uri = self.url.parse().map_err(|_| unusable())?;
        let is_loopback = uri.host().is_some_and(|host| match address(host) {
            Some(ip) => ip.is_loopback(),
            None => host.eq_ignore_ascii_case("localhost"),
        });
        if !is_loopback || !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(unusable());
        }
        for (name, value) in &self.headers {
            if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
                let what = format!("a channel has a header that cannot be sent: {name:?}");
                return Err(Error::new(
                    what,
                    "use a token as its name and visible ASCII as its value",
                ));
            }
        }
        if let Kind::EventHook { event_types } = &self.kind
            && let Some(other) = event_types.iter().find(|name| !event_hook::is_eligible(name))
        {
            let what = format!("{other} is not eligible for event hooks");
            return Err(Error::new(what, "choose one that Okta marks so; revocations are none"));
        }
        Ok(uri)
    }

    fn new(url: impl Into<String>, kind: Kind) -> Self {
        let (url, timeout) = (url.into(), Self::TIMEOUT);
        let (headers, faults) = (Vec::new(), ChannelFaults::default());
        Self { kind, url, headers, ca_pem: None, timeout, faults }
    }
}

/// The address that a URL's host is, if it is none that must be looked up.
pub(crate) fn address(host: &str) -> Option<std::net::IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Channel")
            .field("kind", &self.kind)
            .field("url", &self.url)
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_leads_to_loopback_only() {
        for (url, usable) in [
            ("http://127.0.0.1:80/x", true),
            ("https://[::1]:8443/x?y", true),
            ("http://LocalHost/x", true),
            ("http://10.0.0.1/x", false),
            ("https://receiver.example/x", false),
            ("http://127.0.0.1.example/x", false),
            ("ftp://127.0.0.1/x", false),
            ("/x", false),
            ("", false),
        ] {
            assert_eq!(Channel::event_bridge(url).check().is_ok(), usable, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_and_secrets_are_not_shown() {
        let url = "http://127.0.0.1:1/";
        let channel = Channel::event_hook(url).header("authorization", "s3cret");
        assert!(channel.check().is_ok() && !format!("{channel:?}").contains("s3cret"));
        assert!(channel.clone().header("a b", "x").check().is_err());
        assert!(channel.clone().header("x", "a\nb").check().is_err());
        assert!(channel.clone().event_type("user.session.end").check().is_ok());
        assert!(channel.event_type("app.oauth2.token.revoke").check().is_err());
    }
}
