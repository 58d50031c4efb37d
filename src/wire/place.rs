//! What messages call a URL.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use reqwest::Url;

use crate::error::redact;

/// A URL's host and its path, for messages: a token that was given as a part of the path is masked.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    host: String,
    port: Option<u16>,
    path: String,
}

impl Place {
    pub(crate) fn of(url: &Url) -> Self {
        Self(Arc::new(Parts {
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port(),
            path: redact::path(Path::new(url.path())),
        }))
    }

    pub(crate) fn host(&self) -> &str {
        &self.0.host
    }

    /// The host, and the port unless it is the scheme's own.
    pub(crate) fn authority(&self) -> Cow<'_, str> {
        match self.0.port {
            Some(port) => format!("{}:{port}", self.host()).into(),
            None => self.host().into(),
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.0.path
    }
}
