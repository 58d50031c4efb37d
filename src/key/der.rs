//! Private keys in DER, encrypted or not. OpenSSL reads them; here stands what to say if it cannot.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::{PKey, Private};
use zeroize::Zeroizing;

use super::{encryption, unsupported};
use crate::error::Error;
use crate::secret::Secret;

/// Reads PKCS#8, PKCS#1 or SEC 1, or PKCS#8 that is encrypted under `passphrase`.
pub(super) fn private_key(der: &[u8], passphrase: Option<&Secret>) -> Result<PKey<Private>, Error> {
    if !is_encrypted(der) {
        return PKey::private_key_from_der(der)
            .map_err(|_| unsupported::binary(der).unwrap_or_else(unsupported::damaged));
    }
    if let Some(cipher) = RETIRED.iter().find(|cipher| contains(der, cipher.oid)) {
        return Err(retired(cipher.name));
    }
    encryption::check_cost(der)?;
    let passphrase = required(passphrase)?;
    PKey::private_key_from_pkcs8_passphrase(der, passphrase).map_err(|_| undecipherable(passphrase))
}

/// Reads a key under OpenSSL's own encryption, which older versions wrote. `info` is `DEK-Info`.
pub(super) fn legacy(
    encrypted: &[u8],
    label: &str,
    info: &str,
    passphrase: Option<&Secret>,
) -> Result<PKey<Private>, Error> {
    let name = info.split(',').next().unwrap_or_default();
    if let Some(cipher) = ["RC2", "DES-CBC", "IDEA", "BF", "CAST5", "SEED"]
        .into_iter()
        .find(|family| name.to_ascii_uppercase().starts_with(family))
    {
        return Err(retired(cipher));
    }
    let passphrase = required(passphrase)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-, ".contains(c);
    if ![label, info].iter().all(|text| text.contains(is_plain) && !text.contains(|c| !is_plain(c)))
    {
        return Err(undecipherable(passphrase));
    }
    let body = Zeroizing::new(STANDARD.encode(encrypted));
    let mut pem = format!("-----BEGIN {label}-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: {info}\n\n");
    for line in body.as_bytes().chunks(LINE) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    PKey::private_key_from_pem_passphrase(pem.as_bytes(), passphrase)
        .map_err(|_| undecipherable(passphrase))
}

fn required(passphrase: Option<&Secret>) -> Result<&[u8], Error> {
    passphrase.map(|passphrase| passphrase.expose().as_bytes()).ok_or_else(|| {
        Error::key("the private key is encrypted and no passphrase was given")
            .advise("name the passphrase's file, or decrypt the key with `openssl pkey`")
    })
}

/// An empty passphrase is tried as any other is: some keys have one.
fn undecipherable(passphrase: &[u8]) -> Error {
    if passphrase.is_empty() {
        return Error::key("the private key cannot be decrypted: the passphrase is empty")
            .advise("check what the passphrase is read from, perhaps an empty file");
    }
    Error::key("the private key cannot be decrypted: the passphrase is wrong")
        .advise("check the passphrase; if it is right, copy the file again, whole")
}

fn retired(cipher: &str) -> Error {
    let what = format!("the private key is encrypted with {cipher}, which OpenSSL has retired");
    Error::key(what).advise(
        "encrypt it anew with `openssl pkey -provider legacy -provider default -in FILE -aes256 -out key.pem`",
    )
}

/// Whether this is an EncryptedPrivateKeyInfo ([RFC 5958 §3](https://www.rfc-editor.org/rfc/rfc5958#section-3)):
/// an algorithm of PKCS#5 or PKCS#12 stands where other keys have their version.
fn is_encrypted(der: &[u8]) -> bool {
    const NEAR: usize = 32;
    let start = &der[..der.len().min(NEAR)];
    [PKCS5, PKCS12_PBE].iter().any(|family| contains(start, family))
}

fn contains(der: &[u8], oid: &[u8]) -> bool {
    // An algorithm and its parameters stand at the beginning.
    const FAR: usize = 256;
    der[..der.len().min(FAR)].windows(oid.len()).any(|window| window == oid)
}

/// An encryption that OpenSSL 3 has in its legacy provider only.
struct Cipher {
    name: &'static str,
    oid: &'static [u8],
}

const RETIRED: [Cipher; 10] = [
    Cipher { name: "RC2", oid: b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x05" },
    Cipher { name: "RC2", oid: b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x06" },
    Cipher { name: "RC2", oid: b"\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03\x02" },
    Cipher { name: "RC4", oid: b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x01" },
    Cipher { name: "RC4", oid: b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x02" },
    Cipher { name: "DES and MD5", oid: b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x03" },
    Cipher { name: "DES and SHA-1", oid: b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0a" },
    Cipher { name: "RC2 and MD5", oid: b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x06" },
    Cipher { name: "RC2 and SHA-1", oid: b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0b" },
    Cipher { name: "DES", oid: b"\x06\x05\x2b\x0e\x03\x02\x07" },
];

/// 1.2.840.113549.1.5: the schemes of PKCS#5.
const PKCS5: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05";

/// 1.2.840.113549.1.12.1: the password-based schemes of PKCS#12.
const PKCS12_PBE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01";

/// The length of a line of PEM.
const LINE: usize = 64;
