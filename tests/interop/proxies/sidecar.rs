//! The command `okta-introspect serve` before the sandbox.

use std::fs;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use okta_introspect::sandbox::{App, Grant, Sandbox, User};
use okta_introspect::{Algorithm, KeyOptions, SigningKey};
use okta_introspect_serve::Proxy;
use okta_introspect_settings::files::{self, Readers};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::client::{HOST, pause};

const SERVICE: &str = "0oa1backend";
const PORTAL: &str = "0oa2portal";
pub(super) const USER: &str = "00u1ada";

/// For how long a revocation may go unnoticed.
pub(super) const MAX_AGE: Duration = Duration::from_secs(1);

/// The headers that it sends on every yes.
pub(super) fn identity() -> Vec<String> {
    let facts =
        ["Sub", "Client-Id", "Uid", "Username", "Scope", "Exp", "Issuer", "Age-Ms", "Source"];
    facts.map(|fact| format!("X-Auth-{fact}")).into()
}

/// A running sidecar, and the org that it asks.
pub(super) struct Sidecar {
    pub(super) sandbox: Sandbox,
    proxy: Proxy,
    folder: TempDir,
    child: Option<Child>,
    /// As a socket unit has it: open whether a sidecar runs or not.
    held: Option<UnixListener>,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The command, if it was built, and knows `serve`.
pub(super) fn executable() -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let path = own.ancestors().nth(2).unwrap().join("okta-introspect"); // without `deps` and the name
    let help = Command::new(&path).args(["serve", "--help"]).output();
    let knows = help.is_ok_and(|output| output.status.success());
    if !knows {
        println!(
            "-- skipped: the sidecar behind proxies (okta-introspect with `serve` is not built)"
        );
    }
    knows.then_some(path)
}

/// Hands the socket at its standard input on as systemd does.
const ACTIVATE: &str =
    "LISTEN_FDS=1 LISTEN_FDNAMES=authz LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 </dev/null";

impl Sidecar {
    /// One that opens its own socket.
    pub(super) async fn start(proxy: Proxy) -> Self {
        let mut sidecar = Self::prepare(proxy).await;
        sidecar.run().await;
        sidecar
    }

    /// One that answers no proxy but the one that shows this secret.
    pub(super) async fn start_for(proxy: Proxy, secret: &str) -> Self {
        let mut sidecar = Self::prepare(proxy).await;
        let hash = test_support::sha256_hex(secret);
        let socket = format!("unix: {}", sidecar.path("authz.sock").display());
        let callers = format!("\ncallers: [{{name: edge, secret_sha256: {hash}}}]\n");
        sidecar.write_config("serve.yaml", &socket, &callers);
        sidecar.run().await;
        sidecar
    }

    /// One that gets its socket as from systemd, which keeps it open.
    pub(super) async fn activate(proxy: Proxy) -> Self {
        let mut sidecar = Self::prepare(proxy).await;
        sidecar.held = Some(UnixListener::bind(sidecar.path("authz.sock")).unwrap());
        sidecar.write_config("unit.yaml", "systemd: authz", "");
        sidecar.run().await;
        sidecar
    }

    async fn prepare(proxy: Proxy) -> Self {
        let (pem, key) = private_key();
        let sandbox = Sandbox::builder()
            .app(App::service(SERVICE).key(key.public_jwk()))
            .app(App::web(PORTAL))
            .user(User::new(USER, "ada@acme.example"))
            .record_requests(false)
            .start()
            .await
            .unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("key.pem"), pem).unwrap();
        let sidecar = Self { sandbox, proxy, folder, child: None, held: None };
        let socket = format!("unix: {}", sidecar.path("authz.sock").display());
        sidecar.write_config("serve.yaml", &socket, "");
        sidecar
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_config(&self, name: &str, socket: &str, more: &str) {
        let issuer = self.sandbox.issuer();
        let config = configuration(issuer.as_str(), mode(self.proxy), socket, self.folder.path());
        // At once, for the sidecar looks at it all the time; and it takes none that others can write to.
        let config = config + more;
        files::replace(&self.path(name), config.as_bytes(), Readers::Owner).unwrap();
    }

    /// The files that the command prints for the proxy.
    pub(super) fn snippet(&self, listen: SocketAddr, backend: SocketAddr) -> Vec<(String, String)> {
        let folder = TempDir::new_in(self.folder.path()).unwrap();
        let mut print = self.command();
        print.args(["serve", "snippet", self.proxy.as_str(), "--config"]);
        print.arg(self.path("serve.yaml")).args(["--listen", &listen.to_string()]);
        print.args(["--backend", &backend.to_string(), "--directory"]).arg(folder.path());
        let printed = print.output().unwrap();
        let failed = String::from_utf8_lossy(&printed.stderr);
        assert!(printed.status.success(), "{}: {failed}", self.proxy);
        let names = String::from_utf8(printed.stdout).unwrap();
        let read = |path: &str| {
            let name = Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        };
        names.lines().map(read).collect()
    }

    /// The command, without what a developer has configured.
    fn command(&self) -> Command {
        self.at_home(Command::new(executable().unwrap()))
    }

    fn at_home(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OKTA_")) {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path()).env("HOME", self.folder.path());
        command
    }

    /// Starts it, and waits until it is ready.
    pub(super) async fn run(&mut self) {
        let mut start = match &self.held {
            None => self.command(),
            Some(held) => {
                let socket = OwnedFd::from(held.try_clone().unwrap());
                let mut start = self.at_home(Command::new("sh"));
                start.args(["-c", ACTIVATE]).arg(executable().unwrap()).stdin(Stdio::from(socket));
                start
            }
        };
        let config = if self.held.is_some() { "unit.yaml" } else { "serve.yaml" };
        start.args(["serve", "--config"]).arg(self.path(config));
        let log = fs::File::create(self.path("log")).unwrap();
        start.stdout(Stdio::null()).stderr(Stdio::from(log));
        self.child = Some(start.spawn().unwrap());
        for _ in 0..100 {
            if ready(&self.path("management.sock")).await {
                return;
            }
            pause(Duration::from_millis(50)).await;
        }
        panic!("not ready: {}", fs::read_to_string(self.path("log")).unwrap());
    }

    /// Closes the socket that a unit would keep open.
    pub(super) fn close(&mut self) {
        self.held = None;
    }

    /// Writes another configuration, which it finds by itself: `GET /added` is public there.
    pub(super) fn change_config(&self) {
        let rule = "\n  - {name: added, path: /added, public: true}\n";
        let (name, socket) = match self.held {
            Some(_) => ("unit.yaml", "systemd: authz".to_owned()),
            None => ("serve.yaml", format!("unix: {}", self.path("authz.sock").display())),
        };
        self.write_config(name, &socket, rule);
    }

    pub(super) fn reload(&self) {
        self.signal("HUP");
    }

    /// Asks it to end; it goes on serving for a while.
    pub(super) fn drain(&self) {
        self.signal("TERM");
    }

    /// Until it has ended, with what exit code.
    pub(super) async fn ended(&mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        tokio::task::spawn_blocking(move || child.wait().unwrap().code()).await.unwrap()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([format!("-{name}"), pid]).status().unwrap().success());
    }

    /// A token with the scope to read.
    pub(super) fn token(&self) -> String {
        self.issued(Grant::to_client(PORTAL).user(USER).scope("orders.read"))
    }

    /// A token that is bound to this key.
    pub(super) fn bound_token(&self, key: &SigningKey) -> String {
        let grant = Grant::to_client(PORTAL).user(USER).scope("orders.read");
        self.issued(grant.bound_to(key.public_jwk().thumbprint()))
    }

    fn issued(&self, grant: Grant) -> String {
        self.sandbox.issue(&grant).unwrap().expose().to_owned()
    }

    /// A proof for `GET` of this path.
    pub(super) fn proof(&self, key: &SigningKey, path: &str, token: &str, jti: u32) -> String {
        let claims = json!({
            "htm": "GET", "htu": format!("https://{HOST}{path}"),
            "iat": self.sandbox.now().timestamp(), "jti": format!("proof-{jti}"),
        });
        let sign = |input: &[u8]| key.sign_blocking(input).unwrap();
        test_support::dpop_proof(&key.public_jwk().to_json(), claims, token, sign)
    }
}

fn mode(proxy: Proxy) -> &'static str {
    match proxy {
        Proxy::EnvoyGrpc => "envoy",
        proxy => proxy.as_str(),
    }
}

fn configuration(issuer: &str, mode: &str, socket: &str, folder: &Path) -> String {
    let folder = folder.display();
    let prefix = if mode == "envoy" { ", path_prefix: /authz" } else { "" };
    format!(
        "okta: {{issuer: {issuer:?}, client_id: {SERVICE}, private_key: \"file:{folder}/key.pem\"}}
checker: {{max_age: 1s, inactive_max_age: 1s, stale_if_error: 0s, timeout: 5s}}
listeners: [{{{socket}, mode: {mode}{prefix}}}]
management: {{unix: {folder}/management.sock}}
origins: [{{url: \"https://{HOST}\"}}]
dpop: {{replay: consume, repeat_within: 0s}}
drain: 1s
rules:
  - {{name: read, methods: [GET], path: /orders, require: {{scopes: [orders.read]}}}}
  - {{name: write, methods: [DELETE], path: \"/orders/{{id}}\", require: {{scopes: [orders.write]}}}}
  - {{name: health, path: /health, public: true}}"
    )
}

fn private_key() -> (String, SigningKey) {
    let pem = test_support::p256_key().private_key_to_pem_pkcs8().unwrap();
    let pem = String::from_utf8(pem).unwrap();
    let own = SigningKey::parse(pem.as_bytes(), &KeyOptions::default()).unwrap();
    assert_eq!(own.public_jwk().algorithm(), Algorithm::Es256);
    (pem, own)
}

async fn ready(management: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(management).await else { return false };
    let mut answer = String::new();
    let _ = stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let _ = stream.read_to_string(&mut answer).await;
    answer.starts_with("HTTP/1.1 200")
}
