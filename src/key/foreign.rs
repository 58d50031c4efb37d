//! What is no private key in PEM, DER or JSON: named for what it is, with the command that makes
//! one of it.

use openssl::pkcs7::Pkcs7;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Req};

use crate::error::{Error, redact};

const EXTRACT: &str = "extract the key with `openssl pkcs12 -in FILE -nocerts -nodes -out key.pem`";
const FROM_JKS: &str = "convert it with `keytool -importkeystore -srckeystore FILE -destkeystore key.p12 -deststoretype PKCS12`, then `openssl pkcs12 -in key.p12 -nocerts -nodes -out key.pem`";
const FROM_OPENSSH: &str = "convert a copy of it with `ssh-keygen -p -m PKCS8 -f COPY`, or make a key with `okta-introspect keygen`";
const FROM_PUTTY: &str = "convert it with `puttygen FILE -O private-openssh -o key`, then `ssh-keygen -p -m PKCS8 -f key`";
const TO_UTF8: &str =
    "save it as UTF-8, or convert it with `iconv -f UTF-16 -t UTF-8 FILE > key.pem`";
const PRIVATE_HALF: &str = "give the private half; the public half is what the app has registered";
const OF_CERTIFICATE: &str = "give the private key that belongs to the certificate";
const PEM: &str = "give a PEM file with `BEGIN PRIVATE KEY`, a JWK or a JWK Set";
const WHOLE: &str = "copy the file again, whole";

fn error(what: &str, advice: &'static str) -> Error {
    Error::key(what).advise(advice)
}

/// Names a PEM block that is not a private key, by its label.
pub(super) fn label(label: &str) -> Error {
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" | "EC PUBLIC KEY" => public(),
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => certificate(),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => request(),
        "EC PARAMETERS" => error("the PEM ends after the parameters of a curve", WHOLE),
        "PKCS7" | "CMS" => pkcs7(label),
        other if other.starts_with("PGP ") => error(
            "this is an OpenPGP key, which cannot sign JWTs",
            "make a key with `okta-introspect keygen`",
        ),
        other => {
            let label = redact::name(other);
            Error::key(format!("this is PEM, but not of a private key: {label}")).advise(PEM)
        }
    }
}

/// Names bytes that are no private key in DER.
pub(super) fn binary(bytes: &[u8]) -> Error {
    if bytes.starts_with(b"openssh-key-v1\0") {
        return error("this is an OpenSSH key, which has a notation of its own", FROM_OPENSSH);
    }
    if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce; 4]) {
        return error("this is a Java key store (JKS), not a private key", FROM_JKS);
    }
    if is_utf16(bytes) {
        return error("the private key is in UTF-16, not in UTF-8", TO_UTF8);
    }
    if Pkcs12::from_der(bytes).is_ok() {
        return error("this is a PKCS#12 key store (.p12, .pfx), not a private key", EXTRACT);
    }
    if PKey::public_key_from_der(bytes).is_ok() || Rsa::public_key_from_der_pkcs1(bytes).is_ok() {
        return public();
    }
    if X509::from_der(bytes).is_ok() {
        return certificate();
    }
    if X509Req::from_der(bytes).is_ok() {
        return request();
    }
    if Pkcs7::from_der(bytes).is_ok() {
        return pkcs7("PKCS7");
    }
    match bytes.starts_with(&[0x30]) {
        true => error("the private key is damaged: its DER is not that of a key", WHOLE),
        false => error("the private key is neither PEM nor JSON, but binary", PEM),
    }
}

/// Names a text that is neither PEM nor JSON.
pub(super) fn text(text: &str) -> Error {
    let first = text.split_ascii_whitespace().next().unwrap_or_default();
    let is_path = |word: &str| {
        let ends = [".pem", ".key", ".jwk", ".json", ".p8", ".pk8", ".der", ".p12"];
        word == text && (word.starts_with(['/', '~']) || ends.iter().any(|end| word.ends_with(end)))
    };
    match first {
        "null" | "undefined" | "None" | "nil" | "true" | "false" if text == first => error(
            "this is a word in the place of a private key, such as an unset value leaves",
            "check the command or template that wrote it",
        ),
        word if word.starts_with('$') || text.starts_with("{{") => error(
            "this is a variable that was not replaced, not a private key",
            "check the quotes or the template around it",
        ),
        word if word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-") => {
            error("this is the public half of an OpenSSH key", PRIVATE_HALF)
        }
        word if word.starts_with("PuTTY-User-Key-File") => {
            error("this is a PuTTY key, which has a notation of its own", FROM_PUTTY)
        }
        word if word.starts_with("<RSAKeyValue") => error(
            "this is an RSA key in XML",
            "export it as PEM, in .NET with `ExportPkcs8PrivateKeyPem()`",
        ),
        word if is_path(word) => error(
            "this is the path of a file, not a private key",
            "give the content of the file, or name the path where a path belongs",
        ),
        word if word.starts_with('[') => error(
            "this is a JSON list, not a JWK",
            "give one JWK, or write the list as {\"keys\": [ … ]}",
        ),
        _ if text.contains("PRIVATE KEY") => error(
            "this is a PEM whose first line is damaged",
            "write five hyphens before and after `BEGIN PRIVATE KEY`",
        ),
        _ => error("the private key is neither PEM nor JSON", PEM),
    }
}

fn public() -> Error {
    error("this is a public key, not a private one", PRIVATE_HALF)
}

fn certificate() -> Error {
    error("this is a certificate, not a private key", OF_CERTIFICATE)
}

fn request() -> Error {
    error("this is a certificate request, not a private key", OF_CERTIFICATE)
}

fn pkcs7(label: &str) -> Error {
    Error::key(format!("this is {label}, which holds certificates, not a private key"))
        .advise(OF_CERTIFICATE)
}

/// Whether every other byte is zero, as in ASCII that was written in UTF-16.
fn is_utf16(bytes: &[u8]) -> bool {
    let has_mark = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let zeros = |first: usize| {
        bytes.len() > 8 && bytes.iter().skip(first).step_by(2).take(16).all(|byte| *byte == 0)
    };
    has_mark || zeros(0) || zeros(1)
}
