//! How servers are called: time limits, certificates, repeats, proofs.

use std::time::Duration;

use okta_introspect::{DpopMode, HttpConfig, RetryConfig};

use crate::failure::Failure;
use crate::files;

use super::layer::{Found, Layer};
use super::unreadable;

/// The words of `--dpop`.
pub(crate) const DPOP_MODES: [&str; 3] = ["auto", "always", "never"];

/// Reads a DPoP mode: a word of `--dpop`, or the `true` and `false` of Okta's Python SDK.
pub(crate) fn dpop_mode(text: &str) -> Option<DpopMode> {
    match text.trim().to_ascii_lowercase().as_str() {
        "auto" => Some(DpopMode::Auto),
        "always" | "true" => Some(DpopMode::Always),
        "never" | "false" => Some(DpopMode::Never),
        _ => None,
    }
}

pub(super) fn http(layer: &Layer) -> Result<HttpConfig, Failure> {
    let mut http = HttpConfig::default();
    if let Some(timeout) = seconds(layer.timeout.as_ref()) {
        http.timeout = timeout;
    }
    if let Some(timeout) = seconds(layer.connect_timeout.as_ref()) {
        http.connect_timeout = timeout;
    }
    if let Some(file) = &layer.ca_file {
        http.extra_roots =
            files::read(&file.value).map(|bytes| bytes.to_vec()).map_err(|cause| {
                unreadable("certificate authorities", &file.value)
                    .because(&cause)
                    .found_in(&file.origin)
            })?;
    }
    http.proxy = layer.proxy.proxy()?;
    Ok(http)
}

pub(super) fn retry(layer: &Layer) -> RetryConfig {
    let mut retry = RetryConfig::default();
    if let Some(retries) = &layer.retries {
        retry.max_attempts = retries.value.saturating_add(1);
    }
    if let Some(pause) = seconds(layer.max_backoff.as_ref()) {
        retry.max_pause = pause;
    }
    retry
}

/// Zero means the default, as in the official SDKs.
fn seconds(found: Option<&Found<u64>>) -> Option<Duration> {
    found.map(|found| found.value).filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_for_a_mode_is_understood() {
        for (text, mode) in [
            ("auto", Some(DpopMode::Auto)),
            ("True", Some(DpopMode::Always)),
            (" always ", Some(DpopMode::Always)),
            ("false", Some(DpopMode::Never)),
            ("never", Some(DpopMode::Never)),
            ("", None),
            ("yes", None),
        ] {
            assert_eq!(dpop_mode(text), mode, "{text}");
        }
        assert!(DPOP_MODES.into_iter().all(|word| dpop_mode(word).is_some()));
    }
}
