//! Signs with a key that lives elsewhere: a KMS, an HSM, an agent.
//!
//! `cargo run --example own_signer --features sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{Algorithm, BoxError, BoxFuture, Client, Scopes, Signer, SigningKey};

/// Stands for a key service: it signs on request and never gives the key away.
#[derive(Debug)]
struct KeyService {
    key: SigningKey,
    signatures: AtomicU64,
}

impl KeyService {
    async fn sign_remotely(&self, input: &[u8]) -> Result<Vec<u8>, BoxError> {
        self.signatures.fetch_add(1, Ordering::Relaxed);
        // Here a real one sends `input`, or its SHA-256, to the service and awaits the answer.
        // For ES256, services that answer in DER must be converted to r ‖ s.
        self.key.sign(input).await
    }
}

/// What this crate asks of such a key.
#[derive(Clone, Debug)]
struct RemoteSigner(Arc<KeyService>);

impl Signer for RemoteSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Es256
    }

    fn key_id(&self) -> Option<&str> {
        Some("kms-1")
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        Box::pin(self.0.sign_remotely(signing_input))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SigningKey::generate(Algorithm::Es256)?.with_key_id(Some("kms-1".to_owned()));
    let app = App::service("0oa1service").key(key.public_jwk()).grant("okta.users.read");
    let signer = RemoteSigner(Arc::new(KeyService { key, signatures: AtomicU64::new(0) }));

    // An org of our own, on loopback. Against a real one the signer is passed in the same way:
    //
    //     let issuer = Issuer::parse("https://acme.okta.com")?;
    let sandbox = Sandbox::builder().app(app).start().await?;
    let client = Client::builder(sandbox.issuer(), "0oa1service", signer.clone()).build()?;

    let token = client.request_token(&Scopes::parse("okta.users.read")?).await?;
    let answer = client.introspect(token.token(), None).await?;
    println!("active:     {}", answer.active);
    println!("signatures: {} (one a request)", signer.0.signatures.load(Ordering::Relaxed));
    Ok(())
}
