//! The sidecar in this process, before a sandbox.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use okta_introspect::sandbox::{App, Grant, Sandbox, User};
use okta_introspect::{Algorithm, Clock, SigningKey, SystemClock, Token};
use okta_introspect_serve::{Mode, config};
use okta_introspect_settings::Environment;
use okta_introspect_settings::files::{self, Readers};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use crate::world::{BACKEND, HOST, PORTAL, USER, private_key};

pub(crate) struct Sidecar {
    sandbox: Sandbox,
    folder: TempDir,
    task: JoinHandle<()>,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sidecar {
    /// With one listener for this mode, a rule for `/files/{*rest}`, and more lines of configuration.
    pub(crate) async fn start(mode: Mode, lines: &str) -> Self {
        let (key, own) = private_key("k1");
        let sandbox = Sandbox::builder()
            .app(App::service(BACKEND).key(own.public_jwk()))
            .app(App::web(PORTAL))
            .user(User::new(USER, "ada@acme.example"))
            .record_requests(false)
            .start()
            .await
            .unwrap();
        let folder = TempDir::new().unwrap();
        let pem = key.private_key_to_pem_pkcs8().unwrap();
        fs::write(folder.path().join("key.pem"), pem).unwrap();
        let file = folder.path().join("serve.yaml");
        let place = folder.path().display();
        let issuer = sandbox.issuer();
        let prefix = if mode == Mode::Envoy { ", path_prefix: /authz" } else { "" };
        let text = format!(
            "okta: {{issuer: \"{issuer}\", client_id: {BACKEND}, private_key: \"file:{place}/key.pem\", key_id: k1}}
listeners: [{{unix: {place}/authz.sock, mode: {mode}{prefix}}}]
management: {{unix: {place}/management.sock}}
origins: [{{url: \"https://{HOST}\"}}]
rules:
  - {{name: files, methods: [GET], path: \"/files/{{*rest}}\", require: {{scopes: [orders.read]}}}}
{lines}
"
        );
        files::replace(&file, text.as_bytes(), Readers::Owner).unwrap();
        let environment = Environment::process();
        let (config, _) = config::load(&file, &environment).unwrap();
        let task = tokio::spawn(async move {
            okta_introspect_serve::run(file, config, environment).await.unwrap();
        });
        let sidecar = Self { sandbox, folder, task };
        while UnixStream::connect(sidecar.socket()).await.is_err() {
            SystemClock.sleep_until(SystemClock.monotonic() + Duration::from_millis(5)).await;
        }
        sidecar
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("authz.sock")
    }

    /// Nobody listens any more.
    pub(crate) fn end(&self) {
        self.task.abort();
        // The sidecar may have removed it already.
        let _ = fs::remove_file(self.socket());
    }

    pub(crate) fn token(&self) -> Token {
        self.issued(Grant::to_client(PORTAL).user(USER).scope("orders.read"))
    }

    /// A token that is bound to some key.
    pub(crate) fn bound_token(&self) -> Token {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let grant = Grant::to_client(PORTAL).user(USER).scope("orders.read");
        self.issued(grant.bound_to(key.public_jwk().thumbprint()))
    }

    fn issued(&self, grant: Grant) -> Token {
        Token::parse(self.sandbox.issue(&grant).unwrap().expose()).unwrap()
    }
}
