//! What messages call a URL.

use std::sync::Arc;

use reqwest::Url;

/// A URL's host and its path. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<(String, String)>);

impl Place {
    pub(crate) fn of(url: &Url) -> Self {
        Self(Arc::new((url.host_str().unwrap_or_default().to_owned(), url.path().to_owned())))
    }

    pub(crate) fn host(&self) -> &str {
        &self.0.0
    }

    pub(crate) fn path(&self) -> &str {
        &self.0.1
    }
}
