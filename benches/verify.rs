//! What a local verification costs beyond its signature.
//!
//! The reference is OpenSSL's own `Verifier` on an input and a signature that are decoded
//! already, with the same key. `cargo bench --bench verify`

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use common::{Variant, compare, now_or_never};
use josekit::jws::alg::ecdsa::EcdsaJwsAlgorithm;
use josekit::jws::alg::rsassa::RsassaJwsAlgorithm;
use josekit::jws::{ES256, JwsVerifier, RS256};
use josekit::{jwk, jwt};
use okta_introspect::{
    Algorithm, Issuer, JwkSet, Jwks, KeyOptions, ManualClock, Scopes, SigningKey, Verifier,
};
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::sign::Verifier as OpensslVerifier;
use serde_json::json;

const ISSUER: &str = "https://acme.okta.com/oauth2/default";
const AUDIENCE: &str = "api://default";
const CLIENT: &str = "0oa1b2c3d4e5f6g7h8i9";
const NOW: i64 = 1_795_211_259;

fn main() {
    let rsa = include_bytes!("../keys/sample-rsa-2048.pem");
    let p256 = include_bytes!("../keys/sample-p256.pem");
    run("RS256, 2048 bits, a token of 1 KB", rsa, Algorithm::Rs256, 300, 100);
    run("ES256, a token of 1 KB", p256, Algorithm::Es256, 300, 60);
}

fn run(title: &str, pem: &[u8], algorithm: Algorithm, rounds: usize, repeats: usize) {
    let options = KeyOptions::default().algorithm(algorithm).key_id("k1");
    let key = SigningKey::parse(pem, &options).unwrap();
    let token = token(&key);
    let set = format!(r#"{{"keys":[{}]}}"#, key.public_jwk().to_json());
    let verifier = Verifier::access_token(Issuer::parse(ISSUER).unwrap(), AUDIENCE)
        .algorithms([algorithm])
        .clients([CLIENT])
        .required_scopes(Scopes::parse("orders.read").unwrap())
        .keys(Jwks::fixed(JwkSet::parse(set.as_bytes()).unwrap()))
        .clock(ManualClock::new(DateTime::from_timestamp(NOW, 0).unwrap()))
        .build()
        .unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = bare_signature(&URL_SAFE_NO_PAD.decode(signature).unwrap(), algorithm);
    let public = public_half(pem);
    let josekit = josekit(&key.public_jwk().to_json(), algorithm);

    compare(
        &format!("{title} ({} bytes)", token.len()),
        rounds,
        repeats,
        vec![
            Variant::new("OpenSSL's Verifier on decoded input (reference)", || {
                let mut verifier = OpensslVerifier::new(MessageDigest::sha256(), &public).unwrap();
                assert!(verifier.verify_oneshot(&signature, input.as_bytes()).unwrap());
            }),
            Variant::new("this crate: decoded, verified, every claim checked", || {
                assert!(now_or_never(verifier.verify(&token)).unwrap().is_verified());
            }),
            Variant::new("josekit's decoder: decoded and verified", || {
                std::hint::black_box(jwt::decode_with_verifier(&token, &*josekit).unwrap());
            }),
        ],
    );
}

/// An access token as Okta's custom authorization servers issue them, with claims of the org's
/// own and as many groups as it takes to make it 1 KB long.
fn token(key: &SigningKey) -> String {
    let header = json!({"kid": "k1", "alg": key.public_jwk().algorithm().name()});
    let mut claims = json!({
        "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "iss": ISSUER,
        "aud": AUDIENCE, "iat": NOW, "exp": NOW + 3600, "cid": CLIENT,
        "uid": "00ujmkLgagxeRrAg20g3", "scp": ["openid", "profile", "orders.read"],
        "auth_time": NOW - 60, "sub": "ada@acme.example", "groups": ["Everyone"],
        "tenant": "acme-production", "region": "eu-central-1",
    });
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    loop {
        let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(key.sign_blocking(input.as_bytes()).unwrap());
        let token = format!("{input}.{signature}");
        if token.len() >= 1024 {
            return token;
        }
        claims["groups"].as_array_mut().unwrap().push("Engineering".into());
    }
}

/// The signature as OpenSSL wants it, which for EC is DER.
fn bare_signature(signature: &[u8], algorithm: Algorithm) -> Vec<u8> {
    if algorithm != Algorithm::Es256 {
        return signature.to_vec();
    }
    let [r, s] = [&signature[..32], &signature[32..]].map(|n| BigNum::from_slice(n).unwrap());
    EcdsaSig::from_private_components(r, s).unwrap().to_der().unwrap()
}

fn public_half(pem: &[u8]) -> PKey<Public> {
    let der = PKey::private_key_from_pem(pem).unwrap().public_key_to_der().unwrap();
    PKey::public_key_from_der(&der).unwrap()
}

fn josekit(jwk: &str, algorithm: Algorithm) -> Box<dyn JwsVerifier> {
    let jwk = jwk::Jwk::from_bytes(jwk).unwrap();
    match algorithm {
        Algorithm::Es256 => Box::new(EcdsaJwsAlgorithm::verifier_from_jwk(&ES256, &jwk).unwrap()),
        _ => Box::new(RsassaJwsAlgorithm::verifier_from_jwk(&RS256, &jwk).unwrap()),
    }
}
