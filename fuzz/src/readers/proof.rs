//! DPoP proofs, and the URLs that they are for.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use serde_json::{Map, Value, json};

use super::written::{self, TOKEN};
use crate::checker::{ProofConfig, ProofDenial};
use crate::credential::dpop::htu::{htu as htu_of, names};
use crate::credential::dpop::{Now, PresentedProof, Proof, ProofRefusal, ProofValidator};
use crate::{Clock, JwkSet, KeyOptions, SigningKey, SystemClock};

/// The time at which the proofs of the corpus are good.
const NOW: i64 = 1_795_211_259;

const METHOD: &str = "GET";
const URL: &str = "https://api.example/orders/1";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let pem = include_bytes!("../../../keys/sample-p256.pem");
    SigningKey::parse(pem, &KeyOptions::default()).unwrap()
});

static STARTED: LazyLock<Instant> = LazyLock::new(|| SystemClock.monotonic());

/// A proof as it came, or the members of one, to be signed here: a line for the header, and the
/// claims. What is taken for a proof says what the members say, and is good once, for its request,
/// its token, its key and its time alone.
pub fn dpop_proof(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let proof = signed(text).unwrap_or_else(|| text.to_owned());
    let Ok(read) = Proof::verify(&proof) else {
        return assert_eq!(validate(&proof, KEY_OF_NOBODY, NOW).unwrap_err(), ProofDenial::Invalid);
    };
    check_members(&proof, &read);
    assert_eq!(validate(&proof, KEY_OF_NOBODY, NOW).unwrap_err(), ProofDenial::Key);
    for now in [NOW, read.iat, read.iat.saturating_add(60), i64::MAX, i64::MIN] {
        let Ok(()) = validate(&proof, &read.jkt, now) else { continue };
        assert_eq!(read.htm, METHOD);
        assert!(names(&read.htu, URL), "{}", read.htu);
        let age = i128::from(now) - i128::from(read.iat);
        assert!((-5..=60).contains(&age), "{age} s old");
        assert!(read.exp.is_none_or(|exp| now < exp));
    }
}

const KEY_OF_NOBODY: &str = "1ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

/// The proof that the input describes, with members of the header that it names put in place of
/// those of a good proof.
fn signed(text: &str) -> Option<String> {
    let (header, claims) = text.split_once('\n')?;
    let others: Map<String, Value> = serde_json::from_str(header).ok()?;
    let jwk: Value = serde_json::from_str(&KEY.public_jwk().to_json()).ok()?;
    let mut header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
    header.as_object_mut()?.extend(others);
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let input = format!("{}.{}", encode(&header.to_string()), encode(claims));
    let signature = KEY.sign_blocking(input.as_bytes()).ok()?;
    Some(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Validates a proof for the request, and uses it twice if it is good.
fn validate(proof: &str, jkt: &str, now: i64) -> Result<(), ProofDenial> {
    let now: DateTime<Utc> = DateTime::from_timestamp(now, 0).unwrap_or(match now {
        ..0 => DateTime::<Utc>::MIN_UTC,
        _ => DateTime::<Utc>::MAX_UTC,
    });
    let validator = ProofValidator::new(ProofConfig::default());
    let presented = PresentedProof::new(proof, METHOD, URL);
    let good = validator.validate(&presented, TOKEN, jkt, now)?;
    let mut monotonic = *STARTED;
    assert_eq!(validator.record_use(&good, Now { wall: now.timestamp(), monotonic }), Ok(()));
    for _ in 0..3 {
        monotonic += Duration::from_secs(50);
        let again = validator.record_use(&good, Now { wall: now.timestamp(), monotonic });
        // Once it is forgotten, nothing of its time is taken.
        let refused = [ProofDenial::Replayed, ProofDenial::Time].map(ProofRefusal::Denied);
        assert!(again.is_err_and(|refusal| refused.contains(&refusal)));
    }
    Ok(())
}

/// What was read is what the segments say to another reader of JSON, and the thumbprint is the one
/// that key sets have.
fn check_members(proof: &str, read: &Proof) {
    let segment = |at| {
        let segment = proof.split('.').nth(at).unwrap();
        let json = URL_SAFE_NO_PAD.decode(segment).unwrap();
        serde_json::from_slice::<Value>(&json).unwrap()
    };
    let (header, claims) = (segment(0), segment(1));
    for (name, text) in [("htm", &read.htm), ("htu", &read.htu), ("jti", &read.jti)] {
        assert_eq!(claims[name], **text);
    }
    assert_eq!(claims["iat"], read.iat);
    assert_eq!(claims["ath"].as_str(), read.ath.as_deref());
    assert!(!read.jti.is_empty() && read.jti.len() <= 256);
    assert_eq!(header["typ"], "dpop+jwt");
    let jwk = header["jwk"].as_object().unwrap();
    assert!(!["d", "p", "q", "k"].iter().any(|name| jwk.get(*name).is_some_and(|d| !d.is_null())));
    let members = ["kty", "crv", "x", "y", "n", "e"];
    let bare: Map<_, _> = jwk
        .iter()
        .filter(|(name, _)| members.contains(&&***name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let set = JwkSet::parse(json!({"keys": [bare]}).to_string().as_bytes()).unwrap();
    assert!(set.thumbprints().all(|(_, thumbprint)| thumbprint == read.jkt));
}

/// A claimed and a requested URL, a line each: they name each other or neither does, and only
/// where both are plainly the same place for every reader.
pub fn htu(data: &[u8]) {
    let (claimed, requested) = written::split(data, b"\n");
    let texts = [claimed, requested].map(std::str::from_utf8);
    let [Ok(claimed), Ok(requested)] = texts else { return };
    assert_eq!(names(claimed, requested), names(requested, claimed));
    if names(claimed, requested) {
        assert!(names(claimed, claimed) && names(requested, requested));
        check_place(claimed, requested);
    }
    for text in [claimed, requested] {
        let Ok(url) = Url::parse(text) else { continue };
        if url.has_host() && matches!(url.scheme(), "http" | "https") {
            check_claim(&url, text);
        }
    }
}

/// Decoded segment by segment, both paths are the same.
fn check_place(claimed: &str, requested: &str) {
    let [one, other] = [claimed, requested].map(|text| Url::parse(text).unwrap());
    assert_eq!(one.origin(), other.origin());
    assert!(one.username().is_empty() && one.password().is_none());
    let segments = |url: &Url| -> Vec<Vec<u8>> {
        url.path_segments().unwrap().map(|segment| percent_decode_str(segment).collect()).collect()
    };
    assert_eq!(segments(&one), segments(&other), "{claimed} {requested}");
    for text in [claimed, requested] {
        let authority = text.split("://").nth(1).unwrap();
        let end = authority.find(['?', '#']).unwrap_or(authority.len());
        assert!(authority[..end].split('/').all(|part| !matches!(part, "." | "..")), "{text}");
        assert!(!text.contains(|c: char| c.is_control() || c.is_whitespace()), "{text}");
    }
}

/// What a proof claims has no query, is a URL itself, and claims the same when it is read again.
fn check_claim(url: &Url, text: &str) {
    let claim = htu_of(url);
    assert!(
        !claim.contains(['?', '#', '\\']) && !claim.contains(|c: char| c.is_ascii_control()),
        "{claim}"
    );
    let again = Url::parse(&claim).unwrap();
    assert_eq!(again.origin(), url.origin(), "{text}");
    assert_eq!(htu_of(&again), claim, "{text}");
    // The claim for a plain URL is understood by the server that it names.
    if names(text, text) {
        assert!(names(&claim, text), "{claim} {text}");
    }
}
