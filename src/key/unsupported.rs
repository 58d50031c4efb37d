//! What is no private key in PEM, DER or JSON: named for what it is, with the command that makes
//! one of it.

use openssl::pkcs7::Pkcs7;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Req};

use crate::error::{Error, redact};

const EXTRACT: &str = "extract the key with `openssl pkcs12 -in FILE -nocerts -nodes -out key.pem` (an old one with `-legacy` too)";
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

/// Names bytes that are no private key in DER, if they are known.
pub(super) fn binary(bytes: &[u8]) -> Option<Error> {
    Some(if bytes.starts_with(b"openssh-key-v1\0") {
        openssh()
    } else if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce; 4]) {
        error("this is a Java key store (JKS), not a private key", FROM_JKS)
    } else if is_utf16(bytes) {
        error("the private key is in UTF-16, not in UTF-8", TO_UTF8)
    } else if Pkcs12::from_der(bytes).is_ok() {
        error("this is a PKCS#12 key store (.p12, .pfx), not a private key", EXTRACT)
    } else if PKey::public_key_from_der(bytes).is_ok()
        || Rsa::public_key_from_der_pkcs1(bytes).is_ok()
    {
        public()
    } else if X509::from_der(bytes).is_ok() {
        certificate()
    } else if X509Req::from_der(bytes).is_ok() {
        request()
    } else if Pkcs7::from_der(bytes).is_ok() {
        pkcs7("PKCS7")
    } else {
        return None;
    })
}

/// What is said of a PEM or DER that is not that of a key.
pub(super) fn damaged() -> Error {
    error("the private key is damaged: its DER is not that of a key", WHOLE)
}

/// What is said of a text with more than one private key that is not a JWK Set.
pub(super) fn several() -> Error {
    error("there are several private keys", "leave the one that the app has registered")
}

/// What is said of bytes that are neither text nor DER.
pub(super) fn unknown() -> Error {
    error("the private key is neither PEM nor JSON, but binary", PEM)
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
        _ if text.contains("PRIVATE KEY") => error(
            "this is a PEM whose first line is damaged",
            "write five hyphens before and after `BEGIN PRIVATE KEY`",
        ),
        _ => error("the private key is neither PEM nor JSON", PEM),
    }
}

pub(super) fn openssh() -> Error {
    error("this is an OpenSSH key, which has a notation of its own", FROM_OPENSSH)
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

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use openssl::asn1::Asn1Time;
    use openssl::nid::Nid;
    use openssl::pkey::Private;
    use openssl::x509::{X509Builder, X509ReqBuilder};

    use crate::secret::Secret;
    use crate::{ErrorKind, KeyOptions, SigningKey};

    use super::*;

    const SAMPLE: &[u8] = include_bytes!("../../keys/sample-p256.pem");

    /// `openssl pkcs8 -topk8 -v1 PBE-SHA1-RC2-40`, as old versions encrypt without being asked.
    const RC2: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGxMBwGCiqGSIb3DQEMAQYwDgQI+6A9OBSXheQCAggABIGQlWpoGyTXni4DmwuD
5W9u1r6meN9LZTfiZw4oSk99Eyx11YUbJW2JhZy5wlRmCwtIW0VR9kLepdCPky/v
2zDtGn82sg+dUREZDjiVFI+52CqcsfHmNuEi47MvspDi0q2y/OrjD4ySqGQM0r9I
6RY0n0XRDba5daB/zszr45DLlE7s+uPfV48F4wzF02spLrxS
-----END ENCRYPTED PRIVATE KEY-----
";

    /// `openssl pkcs8 -topk8 -v2 rc2-cbc`.
    const RC2_OF_PBES2: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHrMFYGCSqGSIb3DQEFDTBJMCwGCSqGSIb3DQEFDDAfBAgKw/G70DmRNgICCAAC
ARAwDAYIKoZIhvcNAgkFADAZBggqhkiG9w0DAjANAgE6BAixssLkwk4UaQSBkNZy
xe1EoHPYz6r9Q+FXLF7OL5JjIZo6P30U8RIUYV6E2V6xrxu0uDGYck9hPpVQPbZ2
xlOns+DtBLNxagrZib4rPwU7K+yCci/tWeKnXj/eVlMvHjQ8sUrvfDtB1a7SPEWV
mhKXHWKX3c12gLVQk3o1l50USXWXWVzarlGawCNP2qEiW8tIsfrCePNX6yc6PA==
-----END ENCRYPTED PRIVATE KEY-----
";

    /// `openssl ec -des`.
    const DES: &str = "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: DES-CBC,FA8BB6A283F11B4F

z1NXDAM00dlmQM5qSyX+2rFAUkNrTRx9i+sORsYlWPnIe2wQhppjENZZT7WD1cWt
WlLRbY9MAJpuR3ICOBXOmEtTs32kRe4F5SEsaLe1eHtFq1s6QDuSr7amntCvcjdh
4wY27xIZ4lHaungz0F0KZMpum793zcQ07pcv1BWLkgw=
-----END EC PRIVATE KEY-----
";

    fn key() -> PKey<Private> {
        PKey::private_key_from_pem(SAMPLE).unwrap()
    }

    fn in_pem(label: &str, bytes: &[u8]) -> Vec<u8> {
        let body = STANDARD.encode(bytes);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n").into_bytes()
    }

    fn x509() -> X509 {
        let mut builder = X509Builder::new().unwrap();
        builder.set_pubkey(&key()).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(1).unwrap()).unwrap();
        builder.sign(&key(), openssl::hash::MessageDigest::sha256()).unwrap();
        builder.build()
    }

    fn x509_request() -> X509Req {
        let mut builder = X509ReqBuilder::new().unwrap();
        builder.set_pubkey(&key()).unwrap();
        builder.sign(&key(), openssl::hash::MessageDigest::sha256()).unwrap();
        builder.build()
    }

    fn pkcs12() -> Vec<u8> {
        let mut builder = Pkcs12::builder();
        builder.pkey(&key()).cert(&x509());
        // Without it OpenSSL 3 encrypts the certificates with RC2.
        builder.key_algorithm(Nid::AES_256_CBC).cert_algorithm(Nid::AES_256_CBC);
        builder.build2("sample").unwrap().to_der().unwrap()
    }

    #[test]
    fn der_of_a_private_key_is_taken_whatever_its_label() {
        let (key, ec) = (key(), key().ec_key().unwrap());
        let encrypted =
            key.private_key_to_pkcs8_passphrase(openssl::symm::Cipher::aes_256_cbc(), b"sample");
        let options = KeyOptions::default().passphrase(Secret::new("sample"));
        for (name, der) in [
            ("PKCS#8", key.private_key_to_pkcs8().unwrap()),
            ("SEC 1", ec.private_key_to_der().unwrap()),
            ("encrypted", encrypted.unwrap()),
        ] {
            let base64 = STANDARD.encode(&der).into_bytes();
            for label in ["PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
                SigningKey::parse(&in_pem(label, &der), &options).expect(name);
            }
            for text in [der, base64] {
                SigningKey::parse(&text, &options).expect(name);
            }
        }
    }

    #[test]
    fn what_is_no_key_is_named_with_its_cure() {
        let text = |text: &str| text.as_bytes().to_vec();
        let sample = String::from_utf8(SAMPLE.to_vec()).unwrap();
        let other = SigningKey::generate(crate::Algorithm::Es256).unwrap();
        let folder = tempfile::tempdir().unwrap();
        other.write_new_file(folder.path().join("k")).unwrap();
        let other = std::fs::read_to_string(folder.path().join("k")).unwrap();
        let openssh = b"openssh-key-v1\0\0\0\0\x04none";
        let jks = [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1];
        for (name, bytes, says, cure) in [
            ("RC2", text(RC2), "RC2", "-provider legacy"),
            ("RC2 of PBES2", text(RC2_OF_PBES2), "RC2", "-provider legacy"),
            ("DES", text(DES), "DES", "-provider legacy"),
            ("RC2 in base64", text(&STANDARD.encode(RC2)), "RC2", "-provider legacy"),
            ("PKCS#12", pkcs12(), "PKCS#12", "openssl pkcs12"),
            ("PKCS#12 in base64", text(&STANDARD.encode(pkcs12())), "PKCS#12", "openssl pkcs12"),
            (
                "PKCS#12 under a label",
                in_pem("PRIVATE KEY", &pkcs12()),
                "PKCS#12",
                "openssl pkcs12",
            ),
            ("JKS", jks.to_vec(), "JKS", "keytool"),
            ("OpenSSH", in_pem("OPENSSH PRIVATE KEY", openssh), "OpenSSH", "ssh-keygen"),
            (
                "OpenSSH under another label",
                in_pem("PRIVATE KEY", openssh),
                "OpenSSH",
                "ssh-keygen",
            ),
            ("public half of OpenSSH", text("ssh-rsa AAAA me@host"), "OpenSSH", "private half"),
            ("PuTTY", text("PuTTY-User-Key-File-3: ecdsa"), "PuTTY", "puttygen"),
            ("public DER", key().public_key_to_der().unwrap(), "public key", "private half"),
            (
                "public half under a private label",
                in_pem("PRIVATE KEY", &key().public_key_to_der().unwrap()),
                "public key",
                "private half",
            ),
            (
                "certificate in DER",
                x509().to_der().unwrap(),
                "certificate",
                "private key that belongs",
            ),
            ("request", x509_request().to_pem().unwrap(), "request", "private key that belongs"),
            ("OpenPGP", in_pem("PGP PRIVATE KEY BLOCK", b"x"), "OpenPGP", "keygen"),
            ("two keys", text(&(sample.clone() + &other)), "several", "leave the one"),
            (
                "a JWK beside a PEM",
                text(&format!("{sample}{{\"kty\":\"EC\"}}")),
                "several",
                "leave the one",
            ),
            ("no END", text(sample.split("-----END").next().unwrap()), "END line", "whole"),
            ("commas", text(&sample.replace('\n', ",")), "Base64", "commas"),
            (
                "other dashes",
                text(&sample.replace("-----", "\u{2014}")),
                "first line",
                "five hyphens",
            ),
            (
                "PEM in JSON",
                text(&serde_json::json!({"private_key": sample}).to_string()),
                "PEM in one of its members",
                "jq",
            ),
            ("XML", text("<RSAKeyValue><Modulus>"), "XML", "ExportPkcs8"),
            ("path", text("/etc/service/key.pem"), "path", "content"),
            ("variable", text("$PRIVATE_KEY"), "not replaced", "quotes"),
            ("null", text("null\n"), "word", "command"),
        ] {
            let options = KeyOptions::default().passphrase(Secret::new("sample"));
            let error = SigningKey::parse(&bytes, &options).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Key, "{name}");
            assert!(error.to_string().contains(says), "{name}: {error}");
            assert!(error.advice().contains(cure), "{name}: {error}: {}", error.advice());
        }
    }

    #[test]
    fn a_wrong_passphrase_is_called_so_in_one_line() {
        let key = key();
        let pem =
            key.private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_256_cbc(), b"open");
        let options = KeyOptions::default().passphrase(Secret::new("shut"));
        let error = SigningKey::parse(&pem.unwrap(), &options).unwrap_err();
        assert!(error.to_string().contains("the passphrase is wrong"), "{error}");
        assert!(std::error::Error::source(&error).is_none());
    }

    #[test]
    fn more_than_a_mebibyte_is_not_looked_at() {
        let mut pem = SAMPLE.to_vec();
        pem.resize(1024 * 1024, b' ');
        assert!(SigningKey::parse(&pem, &KeyOptions::default()).is_ok());
        pem.push(b' ');
        let error = SigningKey::parse(&pem, &KeyOptions::default()).unwrap_err();
        assert!(error.to_string().contains("1 MiB"), "{error}");
    }
}
