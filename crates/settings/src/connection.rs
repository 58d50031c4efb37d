//! How servers are called: time limits, certificates, proxy, repeats.

use std::time::Duration;

use okta_introspect::{HttpConfig, Proxy, ProxyServer, RetryConfig};

use crate::files;
use crate::text;

use crate::error::SettingsError;
use crate::found::Found;
use crate::layer::Layer;

pub(crate) fn http(layer: &Layer) -> Result<HttpConfig, SettingsError> {
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
                SettingsError::unreadable("certificate authorities", &file.value)
                    .because(&cause)
                    .found_in(&file.origin)
            })?;
        if http.extra_roots.trim_ascii().is_empty() {
            let path = text::path(&file.value);
            return Err(SettingsError::new(format!(
                "the file with the certificate authorities is empty: {path}"
            ))
            .found_in(&file.origin)
            .advise("give PEM certificates, one or more, in one file"));
        }
    }
    if let Some(proxy) = proxy(layer)? {
        http.proxy = Proxy::Server(proxy.value);
    }
    Ok(http)
}

/// The proxy that is used, and where it was found.
pub(crate) fn proxy(layer: &Layer) -> Result<Option<Found<ProxyServer>>, SettingsError> {
    layer.check_proxy()?;
    layer.proxy.proxy(|name| std::env::var_os(name))
}

pub(crate) fn retry(layer: &Layer) -> RetryConfig {
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
