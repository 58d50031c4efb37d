//! A sidecar in this process, with a listener for each mode, and the org that it asks.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chrono::DateTime;
use okta_introspect::sandbox::{App, Grant, Sandbox, User};
use okta_introspect::{KeyOptions, ManualClock, SigningKey};
use okta_introspect_serve::life::{Signal, Signals};
use okta_introspect_serve::{Fault, Mode, Sidecar, config};
use okta_introspect_settings::Environment;
use okta_introspect_settings::files::{self, Readers};
use openssl::pkey::{PKey, Private};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc::Sender;
use tokio::task::{JoinHandle, yield_now};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;

use crate::http::{Reply, ask, request};

pub(crate) const HOST: &str = "api.acme.example";
pub(crate) const BACKEND: &str = "0oa1backend";
pub(crate) const PORTAL: &str = "0oa2portal";
pub(crate) const USER: &str = "00u1ada";
pub(crate) const INTROSPECT: &str = "/oauth2/v1/introspect";

/// What the sidecar asks about until it is answered once.
const MADE_UP: &str = "okta-introspect-is-ready";

/// The rules of most tests.
pub(crate) const RULES: &str = "\
rules:
  - {name: read, methods: [GET], path: /orders, require: {scopes: [orders.read], max_age: 30s}}
  - {name: write, methods: [POST], path: /orders, require: {scopes: [orders.write]}}
  - {name: now, path: /now, require: {max_age: 0}}
  - {name: stale, path: /stale, require: {max_age: 30s, stale_if_error: 1m}}
  - {name: health, path: /health, public: true}
  - {name: new, path: /new, require: {scopes: [orders.write]}, dry_run: true}
";

/// A sidecar and its org. Everything runs in the thread of the test, and what is logged there is kept.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: TempDir,
    pub(crate) key: PKey<Private>,
    pub(crate) signals: Sender<Signal>,
    pub(crate) log: Log,
    running: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// With [`RULES`], an origin, and what else is told.
    pub(crate) async fn new(more: &str) -> Self {
        let mut world = Self::org(start_of_time()).await;
        let origins = format!("origins: [{{url: \"https://{HOST}\"}}]\n");
        world.write(&format!("{RULES}{origins}{more}"));
        world.start().await.unwrap();
        world.ready().await;
        world
    }

    /// The org alone; the sidecar is not configured yet.
    pub(crate) async fn org(clock: ManualClock) -> Self {
        let log = Log::begin();
        let (key, own) = private_key("k1");
        let sandbox = Sandbox::builder()
            .app(App::service(BACKEND).key(own.public_jwk()))
            .app(App::web(PORTAL))
            .user(User::new(USER, "ada@acme.example"))
            .clock(clock.clone())
            .start()
            .await
            .unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("key.pem"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let (signals, _) = Signals::channel();
        Self { clock, sandbox, folder, key, signals, log, running: None }
    }

    /// Another sidecar before the same org, in the same time; not configured yet. They have one log.
    pub(crate) fn beside(&self) -> Self {
        let folder = TempDir::new().unwrap();
        fs::copy(self.path("key.pem"), folder.path().join("key.pem")).unwrap();
        let log = Log { text: Arc::clone(&self.log.text), _guard: None };
        let (clock, sandbox, key) = (self.clock.clone(), self.sandbox.clone(), self.key.clone());
        let (signals, _) = Signals::channel();
        Self { clock, sandbox, folder, key, signals, log, running: None }
    }

    /// Starts the sidecar with what is written; gives where it listens.
    pub(crate) async fn start(&mut self) -> Result<Vec<Option<SocketAddr>>, Vec<Fault>> {
        let (path, environment) = (self.path("serve.yaml"), Environment::empty());
        let (config, _) = config::load(&path, &environment)?;
        let (sender, signals) = Signals::channel();
        let clock = Arc::new(self.clock.clone());
        let sidecar = Sidecar::start(path, config, environment, signals, clock).await?;
        self.signals = sender;
        let addresses = sidecar.addresses().to_vec();
        self.running = Some(tokio::spawn(sidecar.run()));
        Ok(addresses)
    }

    /// Writes the configuration: a listener for each mode, and this beside.
    pub(crate) fn write(&self, rest: &str) {
        self.write_whole(&format!("{}{}{rest}", self.okta(), listeners("")));
    }

    /// The app, for configurations that are written by hand.
    pub(crate) fn okta(&self) -> String {
        let issuer = self.sandbox.issuer();
        format!(
            "okta: {{issuer: {:?}, client_id: {BACKEND}, private_key: \"file:key.pem\", key_id: k1}}\n",
            issuer.as_str()
        )
    }

    /// Replaces the file, as editors do.
    pub(crate) fn write_whole(&self, text: &str) {
        files::replace(&self.path("serve.yaml"), text.as_bytes(), Readers::Owner).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn socket(&self, mode: Mode) -> PathBuf {
        self.path(&format!("{mode}.sock"))
    }

    /// Waits until requests may come.
    pub(crate) async fn ready(&self) {
        while self.management("/readyz").await.status != 200 {
            yield_now().await;
        }
    }

    pub(crate) async fn management(&self, path: &str) -> Reply {
        ask(&self.path("management.sock"), &request("GET", path, &[], "")).await
    }

    /// The value of a counter or gauge, by all that stands before it.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.management("/metrics").await.body;
        let line = text
            .lines()
            .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// How many connections are open, on all listeners.
    pub(crate) async fn open_connections(&self) -> f64 {
        let text = self.management("/metrics").await.body;
        let open =
            text.lines().filter(|line| line.starts_with("okta_introspect_connections_open{"));
        open.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Loads what is written, and waits until that is done.
    pub(crate) async fn reload(&self) {
        let before = self.log.count("the configuration was");
        self.signals.send(Signal::Reload).await.unwrap();
        while self.log.count("the configuration was") == before {
            yield_now().await;
        }
    }

    /// Waits until it has ended; time stands still.
    pub(crate) async fn ended(&mut self) {
        self.running.take().unwrap().await.unwrap();
    }

    /// A token of the portal's with these scopes.
    pub(crate) fn token(&self, scopes: &str) -> String {
        self.issue(Grant::to_client(PORTAL).user(USER).scope(scopes))
    }

    pub(crate) fn issue(&self, grant: Grant) -> String {
        self.sandbox.issue(&grant).unwrap().expose().to_owned()
    }

    /// How often the org was asked about tokens, beside the one that readiness is tried out with.
    pub(crate) fn asked(&self) -> usize {
        let requests = self.sandbox.requests();
        let of_tokens = requests.iter().filter(|request| request.path() == INTROSPECT);
        of_tokens.filter(|request| request.form("token") != Some(MADE_UP)).count()
    }

    /// What a proxy of this mode is answered about a request of its client.
    pub(crate) async fn ask(&self, mode: Mode, client: &Client<'_>) -> Reply {
        ask(&self.socket(mode), &client.through(mode)).await
    }

    /// The answer to `GET` of this path with a bearer token.
    pub(crate) async fn get(&self, mode: Mode, path: &str, token: &str) -> Reply {
        let authorization = format!("Bearer {token}");
        self.ask(mode, &Client::get(path).header("authorization", &authorization)).await
    }
}

/// A clock that shows the time at which every test begins.
pub(crate) fn start_of_time() -> ManualClock {
    ManualClock::new(DateTime::from_timestamp(1_795_211_259, 0).unwrap())
}

/// A listener for each mode, each with this beside.
pub(crate) fn listeners(more: &str) -> String {
    let mut text = "listeners:\n".to_owned();
    for mode in Mode::ALL {
        let prefix = if mode == Mode::Envoy { ", path_prefix: /check" } else { "" };
        text.push_str(&format!("  - {{unix: {mode}.sock, mode: {mode}{prefix}{more}}}\n"));
    }
    text + "management: {unix: management.sock}\n"
}

/// A request of a client, before a proxy has made a question of it.
#[derive(Clone, Debug)]
pub(crate) struct Client<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Client<'a> {
    pub(crate) fn get(target: &'a str) -> Self {
        Self { method: "GET", host: HOST, target, headers: Vec::new() }
    }

    pub(crate) fn method(mut self, method: &'a str) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What the proxy asks the sidecar.
    pub(crate) fn through(&self, mode: Mode) -> String {
        let Self { method, host, target, headers } = self;
        let mut headers = headers.clone();
        let url = format!("https://{host}{target}");
        match mode {
            Mode::Nginx => {
                headers.extend([("x-original-method", *method), ("x-original-url", &*url)]);
                request("GET", "/authz", &headers, "")
            }
            Mode::Envoy => {
                headers.push(("host", host));
                request(method, &format!("/check{target}"), &headers, "")
            }
            _ => {
                headers.extend([
                    ("x-forwarded-method", *method),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", *host),
                    ("x-forwarded-uri", *target),
                ]);
                request("GET", "/authz", &headers, "")
            }
        }
    }
}

/// A key for the app, as a file and to be registered.
pub(crate) fn private_key(id: &str) -> (PKey<Private>, SigningKey) {
    let key = test_support::p256_key();
    let pem = key.private_key_to_pem_pkcs8().unwrap();
    let own = SigningKey::parse(&pem, &KeyOptions::default()).unwrap();
    (key, own.with_key_id(Some(id.to_owned())))
}

/// A proof of possession for a request.
pub(crate) fn proof(
    world: &World,
    key: &SigningKey,
    method: &str,
    url: &str,
    token: &str,
    jti: &str,
) -> String {
    let iat = world.sandbox.now().timestamp();
    let claims = json!({"htm": method, "htu": url, "iat": iat, "jti": jti});
    let sign = |input: &[u8]| key.sign_blocking(input).unwrap();
    test_support::dpop_proof(&key.public_jwk().to_json(), claims, token, sign)
}

/// What is logged in the thread of a test.
pub(crate) struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    /// Of the first of those that have it.
    _guard: Option<DefaultGuard>,
}

impl Log {
    fn begin() -> Self {
        let text: Arc<Mutex<Vec<u8>>> = Arc::default();
        let writer = Arc::clone(&text);
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || Shared(Arc::clone(&writer)))
            .finish();
        Self { text, _guard: Some(tracing::subscriber::set_default(subscriber)) }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }

    /// How many lines have this.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.text().lines().filter(|line| line.contains(part)).count()
    }
}

struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
