//! A server that answers as Vault does, as far as the signer goes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use okta_introspect::{Algorithm, SigningKey};
use openssl::ecdsa::EcdsaSig;
use openssl::md::Md;
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::RsaPssSaltlen;
use serde_json::{Value, json};
use test_support::{Peer, Recorded, reply, reply_with};

/// What a JWS signs.
pub(crate) const INPUT: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJzdWJqZWN0LW9mLXRoZS10ZXN0In0";
pub(crate) const ROLE: &str = "role-of-the-service";
pub(crate) const SECRET_ID: &str = "secret-id-of-the-service";
pub(crate) const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.c2VydmljZS1hY2NvdW50.c2ln";

/// The server's state.
pub(crate) struct State {
    /// One for each version.
    pub(crate) keys: Vec<PKey<Private>>,
    pub(crate) tokens: BTreeSet<String>,
    pub(crate) logins: usize,
    pub(crate) renewals: usize,
    /// How long a login is good, in seconds.
    pub(crate) lease: u64,
    /// Answers all requests to sign, if it is set.
    pub(crate) signs: Option<Vec<u8>>,
}

#[derive(Clone)]
pub(crate) struct Vault {
    pub(crate) peer: Arc<Peer>,
    state: Arc<Mutex<State>>,
}

pub(crate) fn pkey(algorithm: Algorithm) -> PKey<Private> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    SigningKey::generate(algorithm).unwrap().write_new_file(&path).unwrap();
    PKey::private_key_from_pem(&std::fs::read(path).unwrap()).unwrap()
}

impl Vault {
    pub(crate) async fn start(algorithm: Algorithm) -> Self {
        let state = Arc::new(Mutex::new(State {
            keys: vec![pkey(algorithm)],
            tokens: BTreeSet::new(),
            logins: 0,
            renewals: 0,
            lease: 600,
            signs: None,
        }));
        let serving = Arc::clone(&state);
        let answer = move |request: &Recorded| answer(&mut serving.lock().unwrap(), request);
        Self { peer: Arc::new(Peer::answering(answer).await), state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How many logins and renewals there were.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.logins, state.renewals)
    }

    pub(crate) fn address(&self) -> String {
        self.peer.issuer()
    }

    /// The bodies of requests to sign.
    pub(crate) fn signed(&self) -> Vec<Recorded> {
        self.of("/v1/transit/sign/")
    }

    pub(crate) fn of(&self, path: &str) -> Vec<Recorded> {
        let requests = self.peer.requests();
        requests.into_iter().filter(|request| request.target.starts_with(path)).collect()
    }
}

pub(crate) fn errors(status: u16, text: &str) -> Vec<u8> {
    reply(status, "application/json", &json!({ "errors": [text] }).to_string())
}

fn ok(body: &Value) -> Vec<u8> {
    reply_with(200, &[("content-type", "application/json")], &body.to_string())
}

fn answer(state: &mut State, request: &Recorded) -> Vec<u8> {
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let path = request.target.strip_prefix("/v1/").unwrap();
    match path {
        "auth/approle/login" if body == json!({"role_id": ROLE, "secret_id": SECRET_ID}) => {
            login(state)
        }
        "auth/kubernetes/login" if body == json!({"role": ROLE, "jwt": JWT}) => login(state),
        "auth/approle/login" | "auth/kubernetes/login" => errors(400, "invalid role or secret ID"),
        _ => {
            let token = request.header("x-vault-token").unwrap_or_default().to_owned();
            if !state.tokens.contains(&token) {
                return errors(403, "permission denied");
            }
            with_token(state, path, &token, &body)
        }
    }
}

fn login(state: &mut State) -> Vec<u8> {
    state.logins += 1;
    let token = format!("hvs.CAESIToken{:0>20}", state.logins);
    state.tokens.insert(token.clone());
    auth(state, &token)
}

fn auth(state: &State, token: &str) -> Vec<u8> {
    ok(&json!({"auth": {"client_token": token, "lease_duration": state.lease, "renewable": true}}))
}

fn with_token(state: &mut State, path: &str, token: &str, body: &Value) -> Vec<u8> {
    match path {
        "auth/token/lookup-self" => ok(&json!({"data": {"ttl": state.lease, "renewable": true}})),
        "auth/token/renew-self" => {
            state.renewals += 1;
            auth(state, token)
        }
        "transit/keys/service-app" => {
            let versions = state.keys.iter().enumerate().map(|(at, key)| {
                let pem = String::from_utf8(key.public_key_to_pem().unwrap()).unwrap();
                ((at + 1).to_string(), json!({ "public_key": pem }))
            });
            let versions: serde_json::Map<_, _> = versions.collect();
            ok(
                &json!({"data": {"latest_version": state.keys.len(), "supports_signing": true, "keys": versions}}),
            )
        }
        _ => match (path.strip_prefix("transit/sign/service-app/"), state.signs.clone()) {
            (Some(_), Some(answer)) => answer,
            (Some(hash), None) => sign(state, hash, body),
            _ => errors(404, "no handler for route"),
        },
    }
}

fn sign(state: &State, hash: &str, body: &Value) -> Vec<u8> {
    let version = body["key_version"].as_u64().unwrap();
    let Some(key) = state.keys.get(usize::try_from(version).unwrap() - 1) else {
        return errors(400, "no such version");
    };
    let digest = STANDARD.decode(body["input"].as_str().unwrap()).unwrap();
    let mut context = PkeyCtx::new(key).unwrap();
    context.sign_init().unwrap();
    let md = match hash {
        "sha2-256" => Md::sha256(),
        "sha2-384" => Md::sha384(),
        _ => Md::sha512(),
    };
    if body["signature_algorithm"] == "pss" {
        context.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        context.set_rsa_mgf1_md(md).unwrap();
        context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
    }
    context.set_signature_md(md).unwrap();
    let mut signature = Vec::new();
    context.sign_to_vec(&digest, &mut signature).unwrap();
    let text = match (key.id(), body["marshaling_algorithm"] == "jws") {
        (Id::EC, true) => {
            let der = EcdsaSig::from_der(&signature).unwrap();
            let width = (i32::try_from(key.bits()).unwrap() + 7) / 8;
            let halves = [der.r(), der.s()].map(|half| half.to_vec_padded(width).unwrap());
            URL_SAFE_NO_PAD.encode(halves.concat())
        }
        _ => STANDARD.encode(signature),
    };
    ok(&json!({"data": {"key_version": version, "signature": format!("vault:v{version}:{text}")}}))
}
