//! What messages call a URL.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use reqwest::Url;

use crate::error::redact;

/// A URL's host and its path, for messages: a token that was given as a part of the path is masked.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<(String, String, Option<u16>)>);

impl Place {
    pub(crate) fn of(url: &Url) -> Self {
        let path = redact::path(Path::new(url.path()));
        Self(Arc::new((url.host_str().unwrap_or_default().to_owned(), path, url.port())))
    }

    pub(crate) fn host(&self) -> &str {
        &self.0.0
    }

    /// The host, and the port unless it is the scheme's own.
    pub(crate) fn authority(&self) -> Cow<'_, str> {
        match self.0.2 {
            Some(port) => format!("{}:{port}", self.host()).into(),
            None => self.host().into(),
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.0.1
    }
}
