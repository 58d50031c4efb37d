//! What an assertion costs beyond its signature.
//!
//! The reference is OpenSSL's own `Signer` on an input that is already there, with the same key.
//! `cargo bench --bench assertion`

mod common;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use common::{Variant, compare, now_or_never};
use josekit::jws::alg::ecdsa::EcdsaJwsAlgorithm;
use josekit::jws::alg::rsassa::RsassaJwsAlgorithm;
use josekit::jws::{JwsHeader, JwsSigner};
use josekit::jwt::{self, JwtPayload};
use okta_introspect::{
    Algorithm, AssertionConfig, AssertionSigner, KeyOptions, SigningKey, SystemRandom,
};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

const AUDIENCE: &str = "https://acme.okta.com/oauth2/v1/introspect";
const CLIENT_ID: &str = "0oa1b2c3d4e5f6g7h8i9";

fn main() {
    let rsa = include_bytes!("../keys/sample-rsa-2048.pem");
    let p256 = include_bytes!("../keys/sample-p256.pem");
    let rs256 = RsassaJwsAlgorithm::Rs256.signer_from_pem(rsa).unwrap();
    let es256 = EcdsaJwsAlgorithm::Es256.signer_from_pem(p256).unwrap();
    run("RS256, 2048 bits", 120, 40, rsa, Algorithm::Rs256, &rs256);
    run("ES256", 120, 500, p256, Algorithm::Es256, &es256);
}

fn run(
    title: &str,
    rounds: usize,
    repeats: usize,
    pem: &[u8],
    algorithm: Algorithm,
    josekit: &dyn JwsSigner,
) {
    let options = KeyOptions::default().algorithm(algorithm).key_id("k1");
    let key = SigningKey::parse(pem, &options).unwrap();
    let assertions = AssertionSigner::new(
        CLIENT_ID,
        Arc::new(key),
        AssertionConfig::default(),
        Arc::new(SystemRandom),
    )
    .unwrap();
    let now = DateTime::<Utc>::from_timestamp(1_795_211_259, 0).unwrap();
    let finished = now_or_never(assertions.assertion(AUDIENCE, now)).unwrap();
    let (input, _) = finished.expose().rsplit_once('.').unwrap();
    let openssl_key = PKey::private_key_from_pem(pem).unwrap();

    compare(
        title,
        rounds,
        repeats,
        vec![
            Variant::new("OpenSSL's Signer on a finished input (reference)", || {
                let mut signer = Signer::new(MessageDigest::sha256(), &openssl_key).unwrap();
                std::hint::black_box(signer.sign_oneshot_to_vec(input.as_bytes()).unwrap());
            }),
            Variant::new("this crate: a new assertion, built and signed", || {
                std::hint::black_box(now_or_never(assertions.assertion(AUDIENCE, now)).unwrap());
            }),
            Variant::new("josekit's encoder: a new assertion, built and signed", || {
                std::hint::black_box(with_josekit(now, josekit));
            }),
            Variant::new("parsing the key for each OpenSSL signature", || {
                let key = PKey::private_key_from_pem(pem).unwrap();
                let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
                std::hint::black_box(signer.sign_oneshot_to_vec(input.as_bytes()).unwrap());
            }),
        ],
    );
}

fn with_josekit(now: DateTime<Utc>, signer: &dyn JwsSigner) -> String {
    let mut header = JwsHeader::new();
    header.set_key_id("k1");
    let mut payload = JwtPayload::new();
    payload.set_issuer(CLIENT_ID);
    payload.set_subject(CLIENT_ID);
    payload.set_audience(vec![AUDIENCE]);
    payload.set_claim("iat", Some((now.timestamp() - 10).into())).unwrap();
    payload.set_claim("exp", Some((now.timestamp() + 300).into())).unwrap();
    payload.set_jwt_id("2f8a9a50-7a0c-4f9c-8a5c-1c7a0d6f5b3e");
    jwt::encode_with_signer(&payload, &header, signer).unwrap()
}
