//! The names of hosts, in one form.

use std::borrow::Cow;

use crate::error::Fault;

/// A host in lower case, without its port and without the dot of the root.
pub(super) fn normal_host(host: &str) -> Cow<'_, str> {
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    }
}

/// Reads the host of a pattern.
pub(super) fn read_host(host: &str) -> Result<String, Fault> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let normal = normal_host(host);
    if normal.is_empty() || host.contains(':') || !normal.bytes().all(is_part) {
        return Err(Fault::new(format!("{host:?} is not the name of a host"))
            .at("host")
            .advise("write it as in https://api.acme.example: api.acme.example, without a port"));
    }
    Ok(normal.into_owned())
}
