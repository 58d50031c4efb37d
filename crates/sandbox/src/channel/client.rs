//! One HTTP request on a connection of its own.

use std::error::Error as StdError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::settings::address;
use crate::error::Error;

/// A receiver.
pub(super) struct Target {
    uri: Uri,
    tls: Option<TlsConnector>,
}

/// Status and body of an answer.
pub(super) type Answer = (u16, Bytes);

type Failure = Box<dyn StdError + Send + Sync>;

/// How much of an answer is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

impl Target {
    /// A receiver at a URL on loopback that trusts `ca_pem`, where it speaks TLS.
    pub(super) fn new(uri: Uri, ca_pem: Option<&str>) -> Result<Self, Error> {
        let tls = match (uri.scheme_str(), ca_pem) {
            (Some("https"), Some(pem)) => Some(connector(pem)?),
            (Some("https"), None) => {
                let what = "a channel to an https URL trusts no authority";
                return Err(Error::new(what, "give the one of the receiver with `Channel::trust`"));
            }
            _ => None,
        };
        Ok(Self { uri, tls })
    }

    /// Sends a request and reads its answer. Host and path are those of the target.
    pub(super) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        request.headers_mut().insert(header::HOST, authority.parse()?);
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse()?;
        let stream = TcpStream::connect(&self.addresses()[..]).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            Some(tls) => {
                let host = self.host().trim_matches(['[', ']']).to_owned();
                exchange(tls.connect(ServerName::try_from(host)?, stream).await?, request).await
            }
            None => exchange(stream, request).await,
        }
    }

    fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let default = if self.tls.is_some() { 443 } else { 80 };
        let port = self.uri.port_u16().unwrap_or(default);
        let all = match address(self.host()) {
            Some(ip) => vec![ip],
            None => vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        };
        all.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        // What is longer says nothing more.
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        Ok((status, body.map_or_else(|_| Bytes::new(), |body| body.to_bytes())))
    };
    tokio::pin!(connection, exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        // What came before the end may still be read.
        _ = &mut connection => exchange.await,
    }
}

fn connector(ca_pem: &str) -> Result<TlsConnector, Error> {
    let unusable =
        || Error::new("the authority of a channel cannot be used", "give its certificate as PEM");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.map_err(|_| unusable())?).map_err(|_| unusable())?;
    }
    if roots.is_empty() {
        return Err(unusable());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| unusable().because(cause))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
