//! What the transit engine is asked, and what it answers. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use okta_introspect::{Algorithm, Error, ErrorKind, KeyOptions, PublicJwk};
use openssl::hash::{MessageDigest, hash};
use serde_json::{Value, json};

use super::fault;

/// A version of a key: its number and its public half.
#[derive(Clone, Debug)]
pub(super) struct KeyVersion {
    pub(super) number: u64,
    pub(super) public: PublicJwk,
}

/// Reads what `GET keys/KEY` answers: the version that is wanted, or the latest.
pub(super) fn version(
    answer: &Value,
    wanted: Option<u64>,
    algorithm: Option<Algorithm>,
) -> Result<KeyVersion, Error> {
    let data = &answer["data"];
    let latest = data["latest_version"].as_u64();
    let latest = latest.ok_or_else(|| fault::malformed("about the key names no version"))?;
    if data["supports_signing"] == false {
        return Err(key(
            "the key in Vault is not for signatures",
            "make an RSA or ECDSA key there",
        ));
    }
    let number = wanted.unwrap_or(latest);
    let Some(pem) = data["keys"][number.to_string()]["public_key"].as_str() else {
        return Err(match data["type"].as_str() {
            Some(kind) if !(kind.starts_with("rsa-") || kind.starts_with("ecdsa-")) => {
                key("the key in Vault is neither RSA nor ECDSA", "make one of these there")
            }
            _ => key(
                &format!("the key in Vault has no version {number}; the latest is {latest}"),
                "name a version that is there, or none for the latest",
            ),
        });
    };
    let mut options = KeyOptions::default();
    options.algorithm = algorithm;
    let public = PublicJwk::parse(pem.as_bytes(), &options)?;
    Ok(KeyVersion { number, public })
}

/// The path below the mount, and the body, of a request to sign.
///
/// The digest is sent, not the signing input: who is called with which assertion is not Vault's
/// business, nor that of its audit log.
pub(super) fn request(
    name: &str,
    number: u64,
    algorithm: Algorithm,
    input: &[u8],
) -> Result<(String, Value), Error> {
    let (hash_name, digest) = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => {
            ("sha2-256", MessageDigest::sha256())
        }
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => {
            ("sha2-384", MessageDigest::sha384())
        }
        _ => ("sha2-512", MessageDigest::sha512()),
    };
    let digest = hash(digest, input).map_err(|_| key("no digest can be made", ""))?;
    let mut body = json!({
        "input": STANDARD.encode(digest),
        "prehashed": true,
        "key_version": number,
    });
    match algorithm {
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => {
            body["marshaling_algorithm"] = "jws".into();
        }
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 => {
            body["signature_algorithm"] = "pss".into();
            // RFC 7518 §3.5: the salt is as long as the digest.
            body["salt_length"] = "hash".into();
        }
        _ => body["signature_algorithm"] = "pkcs1v15".into(),
    }
    Ok((format!("sign/{name}/{hash_name}"), body))
}

/// Reads `vault:vNUMBER:SIGNATURE`.
pub(super) fn signature(answer: &Value, number: u64) -> Result<Vec<u8>, Error> {
    let text = answer["data"]["signature"].as_str().unwrap_or_default();
    let parts: Vec<&str> = text.splitn(3, ':').collect();
    let [_, version, signature] = parts[..] else {
        return Err(fault::malformed("to a request to sign has no signature"));
    };
    if version.strip_prefix('v').and_then(|version| version.parse().ok()) != Some(number) {
        return Err(key(
            "Vault signed with another version of the key than it was asked for",
            "see what stands between here and Vault",
        ));
    }
    crate::base64::decode(signature.as_bytes())
        .ok_or_else(|| fault::malformed("to a request to sign has a signature that is not Base64"))
}

fn key(what: &str, advice: &'static str) -> Error {
    Error::from_remote_signer(ErrorKind::Key, what, advice, None)
}
