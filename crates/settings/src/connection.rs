//! How servers are called: time limits, certificates, proxy, repeats.

use std::time::Duration;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use okta_introspect::{HttpConfig, Issuer, Proxy, ProxyServer, RetryConfig};

use crate::files;
use crate::text;

use crate::error::SettingsError;
use crate::found::Found;
use crate::layer::Layer;

/// How servers are reached. `ambient` is the proxy of `HTTPS_PROXY` and similar variables.
pub(crate) fn http(layer: &Layer, ambient: &AmbientProxy) -> Result<HttpConfig, SettingsError> {
    let mut http = HttpConfig::default();
    if let Some(timeout) = seconds("the time for a call", layer.timeout.as_ref())? {
        http.timeout = timeout;
    }
    let connect = layer.connect_timeout.as_ref();
    if let Some(timeout) = seconds("the time to connect", connect)? {
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
    // The library would look at the process's own environment.
    http.proxy = match proxy(layer, ambient)? {
        Some(proxy) => Proxy::Server(proxy.value),
        None => Proxy::Off,
    };
    Ok(http)
}

/// The proxy that the environment names, or why it names none.
pub(crate) type AmbientProxy = Result<Option<Found<ProxyServer>>, SettingsError>;

/// The proxy that is used, and where it was found.
pub(crate) fn proxy(
    layer: &Layer,
    ambient: &AmbientProxy,
) -> Result<Option<Found<ProxyServer>>, SettingsError> {
    layer.check_proxy()?;
    layer.proxy.proxy(|| ambient.clone())
}

/// Why this proxy is not used for the server; `None` if it is.
pub(crate) fn bypass(proxy: &ProxyServer, server: &Issuer) -> Option<String> {
    let uri: Uri = server.as_str().parse().ok()?;
    let host = uri.host()?;
    if server.is_loopback() {
        return Some(format!("not used for {host}: it is on this computer"));
    }
    let direct = proxy.no_proxy.as_deref()?;
    let matcher = Matcher::builder().all(proxy.url.as_str()).no(direct).build();
    let is_direct = matcher.intercept(&uri).is_none();
    is_direct.then(|| format!("not used for {host}: NO_PROXY rules it out"))
}

pub(crate) fn retry(layer: &Layer) -> Result<RetryConfig, SettingsError> {
    let mut retry = RetryConfig::default();
    if let Some(retries) = &layer.retries {
        retry.max_attempts = retries.value.saturating_add(1);
    }
    if let Some(pause) = seconds("the pause before a retry", layer.max_backoff.as_ref())? {
        retry.max_pause = pause;
    }
    Ok(retry)
}

/// Zero means the default, as in the official SDKs.
fn seconds(what: &str, found: Option<&Found<u64>>) -> Result<Option<Duration>, SettingsError> {
    const MAX: u64 = 3_600;
    let Some(found) = found.filter(|found| found.value > 0) else { return Ok(None) };
    if found.value > MAX {
        return Err(SettingsError::new(format!("{what} cannot be {} s", found.value))
            .found_in(&found.origin)
            .advise("give seconds, not milliseconds: at most 3600, which is an hour"));
    }
    Ok(Some(Duration::from_secs(found.value)))
}
