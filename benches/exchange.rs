//! Introspections per second through the client, beside a bare connection with a bare signature.
//! Of 64 callers, this client has half under way at once, as is its default, and the bare one all.
//! The one that reuses assertions may have all under way as well, as the tuned one beside it: who
//! wants to reuse them has a server that takes more at once than Okta does.
//!
//! `cargo bench --bench exchange`, or a part of the table: `cargo bench --bench exchange -- plain 16`

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

#[path = "common/server.rs"]
mod server;
#[path = "common/turns.rs"]
mod turns;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Moment};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use okta_introspect::{
    AssertionConfig, Client, HttpConfig, Introspection, Issuer, KeyOptions, SigningKey, Token,
};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use server::Instant;
use tokio::net::TcpStream;

const CLIENT_ID: &str = "0oa1b2c3d4e5f6g7h8i9";
/// How long each variant runs in all.
const RUN: Duration = Duration::from_millis(6400);
/// How often server, clients and connections are made anew: how they came about leaves them quicker
/// or slower for as long as they live.
const SITTINGS: u32 = 4;

/// What each call was measured with. Each second variant takes turns with the one before it, and
/// with no other: what ran before leaves memory and processors in a state of its own.
const VARIANTS: [&str; 4] = [
    "bare hyper and a bare OpenSSL signature",
    "this client",
    "tuned reqwest, one assertion for all",
    "this client, reusing assertions",
];

/// Calls per second and microseconds of CPU for each, of every round of each variant.
type Measured = [Vec<(f64, f64)>; VARIANTS.len()];

fn main() {
    if server::serve_if_asked() {
        return;
    }
    println!(
        "{:<6} {:<6} {:>4}  {:<42} {:>9} {:>8} {:>9}",
        "wire", "key", "at a", "variant", "calls/s", "ratio", "CPU µs"
    );
    println!("{:<6} {:<6} {:>4}", "", "", "time");
    let rsa = include_bytes!("../keys/sample-rsa-2048.pem").as_slice();
    let p256 = include_bytes!("../keys/sample-p256.pem").as_slice();
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for (wire, tls) in [("plain", false), ("TLS", true)] {
        for (name, pem) in [("RS256", rsa), ("ES256", p256)] {
            for concurrency in [1, 16, 64] {
                let row = [wire, name, &concurrency.to_string()].map(str::to_owned);
                if !wanted.iter().all(|word| row.contains(word)) {
                    continue;
                }
                let mut measured = Measured::default();
                for _ in 0..SITTINGS {
                    let server = Instant::start(tls);
                    Sitting { server, tls, name, pem, concurrency }.run(&mut measured);
                }
                print(&row, &measured);
            }
        }
    }
}

/// Two lines for each pair of variants, the second with its ratio to the first in the same rounds.
fn print([wire, name, concurrency]: &[String; 3], measured: &Measured) {
    for (index, variant) in VARIANTS.iter().enumerate() {
        let own = &measured[index];
        let reference = &measured[index / 2 * 2];
        let ratios = own.iter().zip(reference).map(|(own, other)| own.0 / other.0);
        println!(
            "{wire:<6} {name:<6} {concurrency:>4}  {variant:<42} {:>9.0} {:>7.3}× {:>9.1}",
            median(own.iter().map(|figures| figures.0).collect()),
            median(ratios.collect()),
            median(own.iter().map(|figures| figures.1).collect()),
        );
    }
}

/// A server, and clients that have not met it yet.
struct Sitting {
    server: Instant,
    tls: bool,
    name: &'static str,
    pem: &'static [u8],
    concurrency: usize,
}

impl Sitting {
    fn run(&self, measured: &mut Measured) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let reuse = Some(Duration::from_secs(120));
        let pairs = [
            [Contestant::Bare(Arc::new(Bare::new(self))), Contestant::Ours(self.client(None))],
            [Contestant::Reqwest(Arc::new(Tuned::new(self))), Contestant::Ours(self.client(reuse))],
        ];
        for (pair, measured) in pairs.iter().zip(measured.chunks_mut(2)) {
            // The first round opens the connections.
            for round in 0..=self.rounds() / SITTINGS {
                turns::rest();
                for index in turns::order(round as usize, pair.len()) {
                    let figures = runtime.block_on(self.measure(&pair[index]));
                    if round > 0 {
                        measured[index].push(figures);
                    }
                }
            }
        }
    }

    /// One call at a time is quick or slow by which processors the two sides happen to be on, so
    /// it takes more rounds to see past that.
    fn rounds(&self) -> u32 {
        if self.concurrency == 1 { 640 } else { 160 }
    }

    fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.server.port)
    }

    fn client(&self, reuse: Option<Duration>) -> Client {
        let key = SigningKey::parse(self.pem, &KeyOptions::default().key_id("k1")).unwrap();
        let (mut http, mut assertion) = (HttpConfig::default(), AssertionConfig::default());
        http.extra_roots = self.root();
        assertion.reuse = reuse;
        let issuer = Issuer::parse(&self.origin()).unwrap();
        let max = reuse.map_or(Client::DEFAULT_MAX_IN_FLIGHT, |_| self.concurrency);
        let builder = Client::builder(issuer, CLIENT_ID, key).http(http).assertion(assertion);
        builder.max_in_flight(max).build().unwrap()
    }

    /// The certificate alone, without the key behind it.
    fn root(&self) -> Vec<u8> {
        let pem = &self.server.certificate;
        let end = pem
            .windows(24)
            .position(|window| window == b"-----END CERTIFICATE----")
            .map(|at| at + 26);
        pem[..end.unwrap_or(0)].to_vec()
    }

    /// Calls per second, and microseconds of this process's CPU for each.
    #[allow(clippy::disallowed_methods)] // a benchmark measures real time
    async fn measure(&self, contestant: &Contestant) -> (f64, f64) {
        let (begun, cpu) = (Moment::now(), cpu_seconds());
        let workers: Vec<_> = (0..self.concurrency)
            .map(|_| {
                let contestant = contestant.clone();
                let until = begun + RUN / self.rounds();
                tokio::spawn(async move { contestant.work(until).await })
            })
            .collect();
        let mut calls = 0;
        for worker in workers {
            calls += worker.await.unwrap();
        }
        let (elapsed, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        (f64::from(calls) / elapsed, cpu * 1e6 / f64::from(calls))
    }
}

#[derive(Clone)]
enum Contestant {
    Bare(Arc<Bare>),
    Ours(Client),
    Reqwest(Arc<Tuned>),
}

impl Contestant {
    /// Calls until then, and gives how often.
    #[allow(clippy::disallowed_methods)] // a benchmark measures real time
    async fn work(&self, until: Moment) -> u32 {
        let token = Token::parse(&token()).unwrap();
        let mut connection = match self {
            Self::Bare(bare) => Some(bare.connection().await),
            Self::Ours(_) | Self::Reqwest(_) => None,
        };
        let mut calls = 0;
        while Moment::now() < until {
            let active = match (self, &mut connection) {
                (Self::Bare(bare), Some(connection)) => bare.call(connection).await,
                (Self::Ours(client), _) => client.introspect(&token, None).await.unwrap().active,
                (Self::Reqwest(tuned), _) => tuned.call().await,
                (Self::Bare(_), None) => unreachable!("it was opened above"),
            };
            assert!(active);
            calls += 1;
        }
        if let (Self::Bare(bare), Some(connection)) = (self, connection) {
            bare.idle.lock().unwrap().push(connection);
        }
        calls
    }
}

/// A token of the usual length.
fn token() -> String {
    format!("eyJraWQiOiJrMSIsImFsZyI6IlJTMjU2In0.{}.{}", "a".repeat(600), "b".repeat(342))
}

/// A form without its signature, which every call makes anew.
fn assertion_form(input: &str) -> String {
    format!(
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={input}."
    )
}

/// A finished signing input, as long as a real one.
fn signing_input() -> String {
    format!("{}.{}", "h".repeat(44), "c".repeat(250))
}

/// The least that a call can do: sign, send, read.
struct Bare {
    key: PKey<Private>,
    input: String,
    form: String,
    host: String,
    port: u16,
    tls: Option<tokio_rustls::TlsConnector>,
    /// The others keep theirs from round to round as well.
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Bare {
    fn new(sitting: &Sitting) -> Self {
        let tls = sitting.tls.then(|| {
            let mut roots = rustls::RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(&sitting.server.certificate).unwrap())
                .unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            tokio_rustls::TlsConnector::from(Arc::new(config))
        });
        let input = signing_input();
        let form = format!("token={}&{}", token(), assertion_form(&input));
        let key = PKey::private_key_from_pem(sitting.pem).unwrap();
        Self {
            key,
            input,
            form,
            host: format!("localhost:{}", sitting.server.port),
            port: sitting.server.port,
            tls,
            idle: Mutex::default(),
        }
    }

    async fn connection(&self) -> SendRequest<Full<Bytes>> {
        let idle = self.idle.lock().unwrap().pop();
        if let Some(idle) = idle {
            return idle;
        }
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        match &self.tls {
            Some(tls) => {
                let name = "localhost".try_into().unwrap();
                handshake(TokioIo::new(tls.connect(name, stream).await.unwrap())).await
            }
            None => handshake(TokioIo::new(stream)).await,
        }
    }

    async fn call(&self, connection: &mut SendRequest<Full<Bytes>>) -> bool {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        let signature = signer.sign_oneshot_to_vec(self.input.as_bytes()).unwrap();
        let mut form = self.form.clone();
        base64::Engine::encode_string(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            signature,
            &mut form,
        );
        let request = hyper::Request::post("/oauth2/v1/introspect")
            .header("host", &self.host)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .unwrap();
        connection.ready().await.unwrap();
        let response = connection.send_request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<Introspection>(&body).unwrap().active
    }
}

async fn handshake<T>(stream: TokioIo<T>) -> SendRequest<Full<Bytes>>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// What somebody who measures would write with reqwest: URL, headers and the constant part of the
/// form built once.
struct Tuned {
    client: reqwest::Client,
    url: reqwest::Url,
    headers: reqwest::header::HeaderMap,
    form: String,
    token: String,
}

impl Tuned {
    fn new(sitting: &Sitting) -> Self {
        use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
        let mut roots = rustls::RootCertStore::empty();
        if sitting.tls {
            roots
                .add(CertificateDer::from_pem_slice(&sitting.server.certificate).unwrap())
                .unwrap();
        }
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
        let client =
            reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
        let url = format!("{}/oauth2/v1/introspect", sitting.origin()).parse().unwrap();
        let headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        ]);
        let signature = if sitting.name == "RS256" { "s".repeat(342) } else { "s".repeat(86) };
        let form = assertion_form(&signing_input()) + &signature + "&token=";
        Self { client, url, headers, form, token: token() }
    }

    async fn call(&self) -> bool {
        let mut request = reqwest::Request::new(reqwest::Method::POST, self.url.clone());
        *request.headers_mut() = self.headers.clone();
        let mut form = String::with_capacity(2048);
        form.push_str(&self.form);
        form.extend(url::form_urlencoded::byte_serialize(self.token.as_bytes()));
        *request.body_mut() = Some(form.into());
        let body = self.client.execute(request).await.unwrap().bytes().await.unwrap();
        serde_json::from_slice::<Introspection>(&body).unwrap().active
    }
}

/// The CPU time of this process so far, as Linux counts it; zero elsewhere.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").ok();
    // With threads, only the sum over them is right.
    let threads = std::fs::read_dir("/proc/self/task").ok();
    let of_thread = |entry: std::fs::DirEntry| -> Option<f64> {
        let text = std::fs::read_to_string(entry.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    let sum = threads.map(|threads| threads.flatten().filter_map(of_thread).sum::<f64>());
    sum.or_else(|| stat?.split(' ').next()?.parse().ok()).unwrap_or(0.0) / 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
