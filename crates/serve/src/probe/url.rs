//! The URL that is probed, taken apart and never mended.

use std::fmt;

use crate::error::Fault;

/// A URL that clients call: `http` or `https`, a host, and a path that can be read in one way only.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::ProbeUrl;
///
/// let url = ProbeUrl::parse("https://api.acme.example:8443/orders?page=2")?;
/// assert_eq!(url.to_string(), "https://api.acme.example:8443/orders?page=2");
/// assert!(ProbeUrl::parse("https://api.acme.example/a/../b").is_err());
/// # Ok::<_, okta_introspect_serve::Fault>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProbeUrl {
    pub(super) is_secure: bool,
    /// With its port, as in `Host`.
    pub(super) host: String,
    pub(super) target: String,
}

impl ProbeUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// If it is none, has a user, a fragment or an odd path, or is longer than 2,048 bytes.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let none = || Fault::new("is no URL of http or https").advise("write https://HOST/PATH");
        let (scheme, rest) = text.split_once("://").ok_or_else(none)?;
        let is_secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(none()),
        };
        let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if host.is_empty() || !host.chars().all(is_host) || text.len() > 2048 {
            return Err(none());
        }
        let target = if target.is_empty() { "/" } else { target }.to_owned();
        let is_plain = |c: char| c.is_ascii_graphic() && c != '#';
        let path = target.split('?').next().unwrap_or_default();
        if !target.chars().all(is_plain) || super::seen::plain(path).is_err() {
            return Err(Fault::new("has a path that can be read in more than one way"));
        }
        Ok(Self { is_secure, host: host.to_owned(), target })
    }

    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }

    /// Host without brackets, and port.
    pub(super) fn address(&self) -> Option<(&str, u16)> {
        let usual = if self.is_secure { 443 } else { 80 };
        let (name, port) = match self.host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()?),
            _ => (&*self.host, usual),
        };
        Some((name.trim_start_matches('[').trim_end_matches(']'), port))
    }
}

impl fmt::Display for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.host, self.target)
    }
}
