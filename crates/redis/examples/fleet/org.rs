//! The authorization server in this process: tokens, when they were revoked, and how often it was asked about each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use okta_introspect::sandbox::{App, Bucket, Grant, Sandbox, User};
use okta_introspect::signals::SystemLog;
use okta_introspect::{Algorithm, SigningKey};

use crate::{CLIENT_ID, micros};

pub(crate) struct Org {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    asked: Arc<Mutex<HashMap<String, u64>>>,
}

/// A token, and when what happened to it.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) text: String,
    pub(crate) issued: u64,
    /// Just before it was revoked, and just after.
    pub(crate) revoked: Option<[u64; 2]>,
    pub(crate) dropped: Option<u64>,
}

impl Org {
    pub(crate) async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let key = SigningKey::generate(Algorithm::Es256)?.with_key_id(Some("k1".to_owned()));
        let folder = tempfile::tempdir()?;
        key.write_new_file(folder.path().join("key.pem"))?;
        let asked = Arc::<Mutex<HashMap<String, u64>>>::default();
        let own = Arc::clone(&asked);
        let backend = App::service(CLIENT_ID).grant(SystemLog::SCOPE).key(key.public_jwk());
        let sandbox = Sandbox::builder().app(backend).app(App::web("0oa2portal"));
        let sandbox = sandbox.user(User::new("00u1ada", "ada@acme.example")).record_requests(false);
        let sandbox = sandbox.on_answer(move |request| {
            if let (true, Some(token)) =
                (request.path().ends_with("/introspect"), request.form("token"))
            {
                *own.lock().unwrap().entry(token.to_owned()).or_default() += 1;
            }
        });
        let sandbox = sandbox.start().await?;
        for bucket in [Bucket::Org, Bucket::OrgToken, Bucket::Logs] {
            sandbox.set_rate_limit(bucket, None);
        }
        sandbox.set_concurrency_limit(None);
        Ok(Self { sandbox, folder, asked })
    }

    pub(crate) fn issuer(&self) -> String {
        self.sandbox.issuer().to_string()
    }

    pub(crate) fn key(&self) -> PathBuf {
        Path::new(self.folder.path()).join("key.pem")
    }

    pub(crate) fn issue(&self) -> Life {
        let grant = Grant::to_client("0oa2portal").user("00u1ada");
        let text = self.sandbox.issue(&grant).unwrap().expose().to_owned();
        Life { text, issued: micros(), revoked: None, dropped: None }
    }

    pub(crate) fn revoke(&self, life: &mut Life) {
        let before = micros();
        assert!(self.sandbox.revoke(life.text.as_str()));
        life.revoked = Some([before, micros()]);
    }

    /// How often it was asked about each of these.
    pub(crate) fn asked<'a>(&self, tokens: impl IntoIterator<Item = &'a Life>) -> Vec<u64> {
        let asked = self.asked.lock().unwrap();
        tokens.into_iter().map(|life| asked.get(&life.text).copied().unwrap_or_default()).collect()
    }
}
