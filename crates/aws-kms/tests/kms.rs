//! Keys at a server that speaks as AWS KMS does: moto, by the Python that `MOTO_PYTHON` names, or the one in the path.
//! Where that has no moto, these tests skip themselves by name.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_kms::Client as Kms;
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region, timeout::TimeoutConfig};
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{Algorithm, Client, Error, ErrorKind, Scopes, Signer as _};
use okta_introspect_aws_kms::KmsSigner;

/// The server, which ends with the test.
struct Moto {
    child: Child,
    port: u16,
}

impl Moto {
    fn start(what: &str) -> Option<Self> {
        let program = std::env::var("MOTO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut has_moto = Command::new(&program);
        has_moto.args(["-c", "import moto.server"]).stderr(Stdio::null());
        if !has_moto.status().is_ok_and(|status| status.success()) {
            println!("-- skipped: {what} (moto is not installed)");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kms_server.py"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moto = Self { child, port };
        let listens = (0..2000).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        assert!(listens, "moto does not listen");
        Some(moto)
    }

    fn kms(&self) -> Kms {
        kms(&format!("http://127.0.0.1:{}", self.port))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn kms(endpoint: &str) -> Kms {
    let seconds = Duration::from_secs(20);
    let timeouts = TimeoutConfig::builder().operation_timeout(seconds).connect_timeout(seconds);
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("sample", "sample", None, None, "a test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .timeout_config(timeouts.build())
        .retry_config(aws_sdk_kms::config::retry::RetryConfig::disabled());
    Kms::from_conf(config.build())
}

async fn make(kms: &Kms, spec: KeySpec) -> String {
    let made = kms.create_key().key_spec(spec).key_usage(KeyUsageType::SignVerify).send().await;
    made.unwrap().key_metadata.unwrap().key_id
}

/// A token is got, introspected and revoked with a key in KMS.
async fn use_key(signer: KmsSigner) -> Result<(), Error> {
    let app = App::service("0oa1").key(signer.jwk()).grant("okta.users.read");
    let sandbox = Sandbox::builder().app(app).start().await.unwrap();
    let client = Client::builder(sandbox.issuer(), "0oa1", signer).build()?;
    let token = client.request_token(&Scopes::parse("okta.users.read")?).await?;
    assert!(client.introspect(token.token(), None).await?.active);
    client.revoke(token.token(), None).await?;
    assert!(!client.introspect(token.token(), None).await?.active);
    Ok(())
}

#[test_support::test]
async fn each_kind_of_key_authenticates() {
    let Some(moto) = Moto::start("keys in AWS KMS") else { return };
    let kms = moto.kms();
    for (spec, algorithms) in [
        (KeySpec::Rsa2048, &[Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512][..]),
        (KeySpec::Rsa3072, &[Algorithm::Rs256]),
        (KeySpec::EccNistP256, &[Algorithm::Es256]),
        (KeySpec::EccNistP384, &[Algorithm::Es384]),
        (KeySpec::EccNistP521, &[Algorithm::Es512]),
    ] {
        let id = make(&kms, spec).await;
        for algorithm in algorithms {
            let builder = KmsSigner::builder(kms.clone(), &id).key_id("k1");
            let signer = builder.algorithm(*algorithm).open().await.unwrap();
            assert_eq!((signer.algorithm(), signer.key_id()), (*algorithm, Some("k1")));
            use_key(signer).await.unwrap();
        }
    }
}

#[test_support::test]
async fn what_cannot_be_used_is_said_with_its_kind() {
    let Some(moto) = Moto::start("what is wrong with keys in AWS KMS") else { return };
    let kms = moto.kms();
    let open = async |id: &str, algorithm| {
        KmsSigner::builder(kms.clone(), id).algorithm(algorithm).open().await.unwrap_err()
    };
    let absent = open("00000000-0000-4000-8000-000000000000", Algorithm::Es256).await;
    assert_eq!(absent.kind(), ErrorKind::Configuration, "{absent}");
    let id = make(&kms, KeySpec::EccNistP256).await;
    let unfit = open(&id, Algorithm::Es384).await;
    assert_eq!(unfit.kind(), ErrorKind::Key, "{unfit}");
    assert!(!absent.advice().is_empty() && !unfit.advice().is_empty());
}

#[test_support::test]
async fn where_nothing_listens_it_cannot_be_reached() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let kms = kms(&format!("http://127.0.0.1:{closed}"));
    let error = KmsSigner::builder(kms, "alias/a").open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}
