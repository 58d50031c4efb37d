//! What a proxy says when it opens no tunnel.

use percent_encoding::percent_decode_str;
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wire::error_chain::chain;
use crate::wire::proxy::Proxy;

/// A proxy's refusal to open a tunnel.
#[derive(Debug)]
pub(super) struct ProxyFault {
    /// The status it answered with, unless it cannot be told.
    status: Option<u16>,
    from_environment: bool,
}

impl ProxyFault {
    /// What the proxy said, if it is the proxy that failed. The HTTP library tells no status but
    /// 407, so the proxy is asked once more for the others.
    pub(super) async fn of(cause: &reqwest::Error, proxy: &Proxy) -> Option<Self> {
        // The type of this error is private to its crate.
        let said = chain(cause)
            .map(ToString::to_string)
            .find_map(|text| text.strip_prefix("tunnel error: ").map(str::to_owned))?;
        let status = match said.as_str() {
            "proxy authorization required" => Some(407),
            "unsuccessful" => ask(proxy, cause.url()?).await,
            _ => return None,
        };
        Some(Self { status, from_environment: matches!(proxy, Proxy::Environment) })
    }

    /// What happened on the way to `host`, and what to do.
    pub(super) fn words(&self, host: &str) -> (String, &'static str) {
        match (self.status, self.from_environment) {
            (Some(407), in_environment) => (
                format!(
                    "the proxy before {host} did not accept the user name and password (status 407)"
                ),
                if in_environment {
                    "put them into HTTPS_PROXY (or ALL_PROXY): http://user:password@host:port"
                } else {
                    "check the user name and the password that are set for the proxy"
                },
            ),
            (status, in_environment) => {
                let status = status.map(|status| format!(" (status {status})")).unwrap_or_default();
                (
                    format!("the proxy before {host} opened no tunnel{status}"),
                    if in_environment {
                        "see what the proxy permits; HTTPS_PROXY (or ALL_PROXY) names it, NO_PROXY exceptions"
                    } else {
                        "see what the proxy permits, and that the proxy's address is right"
                    },
                )
            }
        }
    }

    /// Whether the proxy would say the same again.
    pub(super) fn is_lasting(&self) -> bool {
        self.status.is_some_and(|status| !matches!(status, 408 | 429 | 502..=504))
    }
}

/// Asks the proxy for the tunnel, and reads the status alone.
async fn ask(proxy: &Proxy, target: &Url) -> Option<u16> {
    let (url, authorization) = address(proxy)?;
    if url.scheme() != "http" {
        return None;
    }
    let (host, port) = (target.host_str()?, target.port_or_known_default()?);
    let authorization =
        authorization.map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    let request =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}\r\n");
    let proxy = (url.host_str()?.trim_matches(['[', ']']), url.port_or_known_default()?);
    let mut stream = TcpStream::connect(proxy).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut line = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut line).await.ok()?;
    std::str::from_utf8(&line).ok()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

/// Where the proxy is, and what it is to be shown.
fn address(proxy: &Proxy) -> Option<(Url, Option<String>)> {
    match proxy {
        Proxy::Off => None,
        Proxy::Server(server) => {
            let credentials = server.credentials.as_ref();
            let basic = credentials.map(|(name, password)| basic(name, password.expose()));
            Some((Url::parse(&server.url).ok()?, basic))
        }
        Proxy::Environment => {
            let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
            let text = names.into_iter().find_map(|name| std::env::var(name).ok())?;
            let url = Url::parse(&text).ok()?;
            let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let password = decoded(url.password().unwrap_or_default());
            let named = !url.username().is_empty();
            let basic = named.then(|| basic(&decoded(url.username()), &password));
            Some((url, basic))
        }
    }
}

fn basic(name: &str, password: &str) -> String {
    use base64::Engine as _;
    let both = format!("{name}:{password}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(both))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_named_the_proxy_is_named() {
        for (from_environment, password, others) in [
            (true, "put them into HTTPS_PROXY (or ALL_PROXY)", "NO_PROXY"),
            (false, "set for the proxy", "the proxy's address"),
        ] {
            for (status, advised) in [(Some(407), password), (Some(403), others), (None, others)] {
                let (what, advice) = ProxyFault { status, from_environment }.words("acme.okta.com");
                assert!(advice.contains(advised), "{status:?}: {advice}");
                let told = status.map_or("no tunnel".to_owned(), |it| format!("(status {it})"));
                assert!(what.contains(&told) && what.contains("acme.okta.com"), "{what}");
            }
        }
    }
}
