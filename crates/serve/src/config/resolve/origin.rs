//! Under which URLs clients call the services.

use http::Uri;
use http::uri::Authority;

use super::entries;
use crate::config::document::{OriginDocument, ResourceDocument};
use crate::config::faults::Faults;
use crate::config::resolved::{OriginConfig, ResourceConfig};
use crate::config::tree::Node;
use crate::error::Fault;

pub(super) fn resolve(root: &mut Node, faults: &mut Faults) -> Vec<OriginConfig> {
    let mut origins: Vec<OriginConfig> = Vec::new();
    for (place, written) in entries::<OriginDocument>(root, "origins", faults) {
        let at = format!("{place}.url");
        let Some((scheme, host)) = origin(&written.url) else {
            let fault = Fault::new("no origin");
            faults.error(
                &at,
                fault.advise("write scheme and host alone, such as https://api.acme.example"),
            );
            continue;
        };
        if origins.iter().any(|other| other.host == host) {
            faults.error(&at, Fault::new("another origin has the same host"));
        }
        if scheme == "http" && !is_loopback(&host) {
            let fault = Fault::new("clients send their tokens in clear");
            faults.warn(&at, fault.advise("write https, if that is what clients use"));
        }
        origins.push(OriginConfig {
            url: format!("{scheme}://{host}"),
            host,
            strip_prefix: prefix(written.strip_prefix, &format!("{place}.strip_prefix"), faults),
            add_prefix: prefix(written.add_prefix, &format!("{place}.add_prefix"), faults),
            resource: written.resource.map(resource),
        });
    }
    origins
}

/// Scheme and host of an origin, in lower case.
fn origin(text: &str) -> Option<(&'static str, String)> {
    let uri: Uri = text.parse().ok()?;
    let scheme = match uri.scheme_str()? {
        "https" => "https",
        "http" => "http",
        _ => return None,
    };
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains('#');
    let host = host(uri.authority()?.as_str())?;
    let default = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(default).unwrap_or(&host).to_owned();
    is_bare.then_some((scheme, host))
}

/// A host, with its port if it has one, in lower case: letters, digits, `.` and `-`. A name in other
/// letters is written in Punycode, as clients send it.
pub(super) fn host(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    let host = authority.host();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let is_plain = !host.is_empty() && host.bytes().all(is_name);
    let port = text.strip_prefix(host)?;
    let is_port = port.is_empty() || (port.len() > 1 && authority.port_u16().is_some());
    (is_plain && is_port && !text.contains('@')).then(|| text.to_ascii_lowercase())
}

fn is_loopback(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default();
    name == "localhost" || name.ends_with(".localhost") || name.starts_with("127.")
}

fn prefix(written: Option<String>, place: &str, faults: &mut Faults) -> String {
    let prefix = written.unwrap_or_default();
    let segments = || prefix.split('/').skip(1);
    let is_path = prefix.starts_with('/')
        && segments().all(|segment| !matches!(segment, "" | "." | ".."))
        && !prefix.contains(|c: char| !c.is_ascii_graphic() || "?#%;\\".contains(c));
    if !prefix.is_empty() && !is_path {
        let fault = Fault::new("no path before another one");
        faults.error(place, fault.advise("begin it with `/`, and end it without, such as /v1"));
    }
    prefix
}

fn resource(written: ResourceDocument) -> ResourceConfig {
    ResourceConfig {
        scopes: written.scopes.unwrap_or_default(),
        name: written.name,
        dpop: written.dpop,
    }
}
