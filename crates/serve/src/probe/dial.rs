//! Connections to the proxy, by TCP and TLS.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::{BoxFuture, Clock, SystemClock};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::answer::Answer;
use super::setup::{Heard, Transport};
use super::url::ProbeUrl;
use crate::error::Fault;
use crate::listen::later;

/// How long one request may take, connection included.
const DEADLINE: Duration = Duration::from_secs(10);

/// The most that is read of an answer, in bytes: what a service shows of the longest request twice over.
const MAX_ANSWER: usize = 256 * 1024;

/// Connects to one host alone, a connection for each request, for 10 s at most; of an answer, 256 KiB
/// are read. By HTTP it connects to this computer only: a token would be readable on the way to any
/// other. Follows no redirect.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::{Dial, ProbeUrl};
///
/// let url = ProbeUrl::parse("http://api.acme.example/orders")?;
/// assert!(Dial::new(&url, None, &[]).is_err());
/// assert!(Dial::new(&url, Some("127.0.0.1:8080"), &[]).is_ok());
/// # Ok::<_, okta_introspect_serve::Fault>(())
/// ```
pub struct Dial {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    clock: Arc<dyn Clock>,
}

impl Dial {
    /// To the host of the URL, or to the `HOST:PORT` of `connect`. `authorities` are certificates in
    /// PEM that are trusted beside the system's.
    ///
    /// # Errors
    ///
    /// If there is no such address, no such certificate, or HTTP is to leave this computer.
    pub fn new(url: &ProbeUrl, connect: Option<&str>, authorities: &[u8]) -> Result<Self, Fault> {
        let no_address = || Fault::new("is no address").advise("write HOST:PORT");
        let (name, port) = url.address().ok_or_else(no_address)?;
        let (host, port) = match connect {
            None => (name.to_owned(), port),
            Some(connect) => {
                let (host, port) = connect.rsplit_once(':').ok_or_else(no_address)?;
                let host = host.trim_start_matches('[').trim_end_matches(']');
                (host.to_owned(), port.parse().map_err(|_| no_address())?)
            }
        };
        let tls = match url.is_secure {
            true => Some(tls(name, authorities)?),
            false if is_loopback(&host) => None,
            false => {
                return Err(Fault::new("the token could be read on its way")
                    .advise("use https, or connect to 127.0.0.1"));
            }
        };
        Ok(Self { host, port, tls, clock: Arc::new(SystemClock) })
    }

    async fn exchange(&self, request: &[u8]) -> Heard {
        let stream = match TcpStream::connect((&*self.host, self.port)).await {
            Ok(stream) => stream,
            Err(error) => return Heard::Unreachable(error.to_string()),
        };
        match &self.tls {
            None => talk(stream, request).await,
            Some((connector, name)) => match connector.connect(name.clone(), stream).await {
                Ok(stream) => talk(stream, request).await,
                Err(error) => Heard::Unreachable(error.to_string()),
            },
        }
    }
}

impl Transport for Dial {
    fn send<'a>(&'a self, request: &'a [u8]) -> BoxFuture<'a, Heard> {
        Box::pin(async move {
            let late = self.clock.sleep_until(later(self.clock.monotonic(), DEADLINE));
            tokio::select! {
                heard = self.exchange(request) => heard,
                () = late => Heard::Late,
            }
        })
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").field("host", &self.host).field("port", &self.port).finish()
    }
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Heard {
    // A proxy may refuse, and answer, before it has read everything.
    let _ = stream.write_all(request).await;
    let _ = stream.flush().await;
    let (mut bytes, mut part) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        let length = stream.read(&mut part).await.unwrap_or(0);
        bytes.extend_from_slice(part.get(..length).unwrap_or_default());
        let is_end = length == 0 || bytes.len() >= MAX_ANSWER;
        match Answer::parse(&bytes, is_end) {
            Ok(None) if !is_end => {}
            _ if bytes.is_empty() => return Heard::Closed,
            _ => return Heard::Answer(bytes),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// As the client of the authorization server has it: the operating system's judgement, and more roots.
fn tls(name: &str, authorities: &[u8]) -> Result<(TlsConnector, ServerName<'static>), Fault> {
    let fault = |why: &dyn fmt::Display| Fault::new(format!("TLS cannot be set up: {why}"));
    let roots: Vec<_> = CertificateDer::pem_slice_iter(authorities)
        .collect::<Result<_, _>>()
        // Without the cause, which quotes what it cannot read.
        .map_err(|_| Fault::new("the certificates are no valid PEM"))?;
    if roots.is_empty() && !authorities.is_empty() {
        return Err(Fault::new("there is no certificate in PEM"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(roots, Arc::clone(&provider))
            .map_err(|error| fault(&error))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?
        .dangerous() // the name of the door: behind it stands the operating system's verifier
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).map_err(|error| fault(&error))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
