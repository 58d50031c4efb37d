//! What it costs to decrypt a key. The file itself says how often its passphrase is to be hashed, so
//! that a hostile or damaged one could take hours, or all memory.
//!
//! An EncryptedPrivateKeyInfo ([RFC 5958 §3](https://www.rfc-editor.org/rfc/rfc5958#section-3)) begins
//! with an algorithm and its parameters: PBES2 with PBKDF2
//! ([RFC 8018 §A.2](https://www.rfc-editor.org/rfc/rfc8018#appendix-A.2)) or scrypt
//! ([RFC 7914 §7](https://www.rfc-editor.org/rfc/rfc7914#section-7)), or one of the older schemes,
//! whose parameters are a salt and a number of iterations.

use super::unsupported;
use crate::error::Error;

/// The most iterations of a hash: some seconds, and many times what is advised anywhere.
const MAX_ITERATIONS: u64 = 10_000_000;

/// The most memory for scrypt, in bytes, which is OpenSSL's own bound for keys.
const MAX_MEMORY: u64 = 32 * 1024 * 1024;

/// The largest product of scrypt's three parameters: some seconds, as above.
const MAX_WORK: u64 = 1 << 23;

const ANEW: &str = "encrypt it anew with `openssl pkey -in FILE -aes256 -out key.pem`";
const WITHOUT_SCRYPT: &str = "encrypt it with PBKDF2 where it was made; or write it there without encryption, and then `openssl pkcs8 -topk8 -in FILE -v2 aes256 -out key.pem`";

/// Refuses a key that takes too long, or too much memory, to decrypt. What cannot be read here is
/// damaged: OpenSSL is not asked about it.
pub(super) fn check_cost(der: &[u8]) -> Result<(), Error> {
    match cost(der).ok_or_else(unsupported::damaged)? {
        Cost::Iterations(count) if count > MAX_ITERATIONS => Err(Error::key(format!(
            "the private key is encrypted with {count} iterations of a hash, and at most {MAX_ITERATIONS} are taken"
        ))
        .advise(ANEW)),
        Cost::Scrypt { n, r, p } => check_scrypt(n, r, p),
        Cost::Iterations(_) | Cost::Unknown => Ok(()),
    }
}

fn check_scrypt(n: u64, r: u64, p: u64) -> Result<(), Error> {
    let memory = n.saturating_add(p).saturating_add(2).saturating_mul(r).saturating_mul(128);
    if memory > MAX_MEMORY {
        let (needed, taken) = (memory.div_ceil(1024 * 1024), MAX_MEMORY / (1024 * 1024));
        return Err(Error::key(format!(
            "the private key is encrypted with scrypt, which needs {needed} MiB for it, and at most {taken} MiB are taken"
        ))
        .advise(WITHOUT_SCRYPT));
    }
    match n.saturating_mul(r).saturating_mul(p) > MAX_WORK {
        true => Err(Error::key(format!(
            "the private key is encrypted with scrypt in {p} passes of {n} blocks, which takes too long"
        ))
        .advise(ANEW)),
        false => Ok(()),
    }
}

/// How the key of the cipher is made from a passphrase.
enum Cost {
    Iterations(u64),
    Scrypt {
        n: u64,
        r: u64,
        p: u64,
    },
    /// Another function, which OpenSSL has not either.
    Unknown,
}

fn cost(der: &[u8]) -> Option<Cost> {
    let mut algorithm = Der(Der(Der(der).content(SEQUENCE)?).content(SEQUENCE)?);
    if algorithm.content(OID)? != PBES2 {
        let mut parameters = Der(algorithm.content(SEQUENCE)?);
        parameters.content(OCTETS)?;
        return parameters.number().map(Cost::Iterations);
    }
    let mut function = Der(Der(algorithm.content(SEQUENCE)?).content(SEQUENCE)?);
    let name = function.content(OID)?;
    if ![PBKDF2, SCRYPT].contains(&name) {
        return Some(Cost::Unknown);
    }
    let mut parameters = Der(function.content(SEQUENCE)?);
    parameters.content(OCTETS)?;
    let first = parameters.number()?;
    match name == SCRYPT {
        true => Some(Cost::Scrypt { n: first, r: parameters.number()?, p: parameters.number()? }),
        false => Some(Cost::Iterations(first)),
    }
}

/// What is left of a sequence in DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next element, if it has this tag.
    fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(&[tag])?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            // The length in as many bytes; nothing here needs more than four.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The next element as a number; one that is too large is the largest.
    fn number(&mut self) -> Option<u64> {
        let bytes = self.content(INTEGER)?;
        let is_negative = bytes.first()? & 0x80 != 0;
        let number = bytes
            .iter()
            .try_fold(0_u64, |number, byte| Some(number.checked_mul(256)? | u64::from(*byte)));
        (!is_negative).then_some(number.unwrap_or(u64::MAX))
    }
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// 1.2.840.113549.1.5.13
const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";

/// 1.2.840.113549.1.5.12
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";

/// 1.3.6.1.4.1.11591.4.11
const SCRYPT: &[u8] = b"\x2b\x06\x01\x04\x01\xda\x47\x04\x0b";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::{ErrorKind, KeyOptions, SigningKey};

    /// 1.2.840.113549.1.12.1.3: SHA-1 and triple DES, of PKCS#12.
    const TRIPLE_DES: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03";

    /// 2.16.840.1.101.3.4.1.42
    const AES_256_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a";

    fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = u8::try_from(content.len()).unwrap();
        let long: &[u8] = if length < 0x80 { &[] } else { &[0x81] };
        [&[tag], long, &[length], &content].concat()
    }

    /// As short as DER wants it; OpenSSL takes no other.
    fn number(number: u64) -> Vec<u8> {
        let bytes = [&[0], &number.to_be_bytes()[..]].concat();
        let needless = bytes.windows(2).take_while(|pair| pair[0] == 0 && pair[1] < 0x80).count();
        element(INTEGER, &[&bytes[needless..]])
    }

    fn key(scheme: &[u8], parameters: &[Vec<u8>]) -> Vec<u8> {
        let parts: Vec<&[u8]> = parameters.iter().map(Vec::as_slice).collect();
        let algorithm = element(SEQUENCE, &[&element(OID, &[scheme]), &element(SEQUENCE, &parts)]);
        element(SEQUENCE, &[&algorithm, &element(OCTETS, &[&[7; 48]])])
    }

    fn pbes2(function: &[u8], numbers: &[u64]) -> Vec<u8> {
        let salt = element(OCTETS, &[&[7; 8]]);
        let numbers = numbers.iter().flat_map(|it| number(*it)).collect::<Vec<_>>();
        let parameters = element(SEQUENCE, &[&salt, &numbers]);
        let function = element(SEQUENCE, &[&element(OID, &[function]), &parameters]);
        let cipher =
            element(SEQUENCE, &[&element(OID, &[AES_256_CBC]), &element(OCTETS, &[&[7; 16]])]);
        key(PBES2, &[function, cipher])
    }

    fn older(iterations: u64) -> Vec<u8> {
        key(TRIPLE_DES, &[element(OCTETS, &[&[7; 8]]), number(iterations)])
    }

    #[test]
    fn what_a_key_may_cost_has_bounds_and_what_costs_more_is_named_with_its_cure() {
        let most = MAX_ITERATIONS;
        for (name, der, refusal) in [
            ("PBKDF2 at the bound", pbes2(PBKDF2, &[most]), None),
            (
                "PBKDF2 above",
                pbes2(PBKDF2, &[most + 1]),
                Some(("10000001 iterations", "openssl pkey")),
            ),
            ("PBKDF2 far above", pbes2(PBKDF2, &[u64::MAX]), Some(("iterations", "openssl pkey"))),
            ("PKCS#12 at the bound", older(most), None),
            ("PKCS#12 above", older(most + 1), Some(("10000001 iterations", "openssl pkey"))),
            ("scrypt of OpenSSL", pbes2(SCRYPT, &[16384, 8, 1]), None),
            ("scrypt of 32 MiB", pbes2(SCRYPT, &[32768 - 3, 8, 1]), None),
            ("scrypt above", pbes2(SCRYPT, &[32768 - 2, 8, 1]), Some(("33 MiB", "openssl pkcs8"))),
            (
                "scrypt of much",
                pbes2(SCRYPT, &[1 << 62, 1 << 62, 1]),
                Some(("MiB", "openssl pkcs8")),
            ),
            ("scrypt at the most work", pbes2(SCRYPT, &[16384, 8, 64]), None),
            ("scrypt above", pbes2(SCRYPT, &[16384, 8, 65]), Some(("65 passes", "openssl pkey"))),
            (
                "negative",
                key(TRIPLE_DES, &[element(OCTETS, &[]), element(INTEGER, &[&[0xff]])]),
                Some(("damaged", "whole")),
            ),
            ("no number", key(TRIPLE_DES, &[element(OCTETS, &[])]), Some(("damaged", "whole"))),
        ] {
            match (check_cost(&der), refusal) {
                (Ok(()), None) => {}
                (Err(error), Some((what, cure))) => {
                    assert!(error.to_string().contains(what), "{name}: {error}");
                    assert!(error.advice().contains(cure), "{name}: {}", error.advice());
                }
                (other, _) => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_cut_of_a_key_is_damaged_and_none_reads_past_its_end() {
        for der in [pbes2(PBKDF2, &[2048]), pbes2(SCRYPT, &[16384, 8, 1]), older(2048)] {
            assert!((0..der.len()).all(|end| check_cost(&der[..end]).is_err()));
            assert!(check_cost(&der).is_ok());
        }
        assert!(check_cost(b"\x30\x80\x30\x80\x00\x00").is_err(), "lengths without a number");
    }

    #[test_support::test]
    async fn a_key_of_years_is_refused_at_once() {
        let options = KeyOptions::default().passphrase(Secret::new("open"));
        for der in [
            pbes2(PBKDF2, &[2_000_000_000]),
            pbes2(SCRYPT, &[65536, 1, 131_072]),
            older(2_000_000_000),
        ] {
            let error = SigningKey::parse(&der, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Key);
            assert!(error.advice().contains("openssl"), "{error}");
        }
    }

    #[test]
    fn a_key_under_scrypt_is_read() {
        let options = KeyOptions::default().passphrase(Secret::new("open"));
        let key = SigningKey::parse(UNDER_SCRYPT.as_bytes(), &options).unwrap();
        let same = include_bytes!("../../keys/sample-p256.pem");
        let same = SigningKey::parse(same, &KeyOptions::default()).unwrap();
        assert_eq!(key.public_jwk().thumbprint(), same.public_jwk().thumbprint());
    }

    /// `openssl pkcs8 -topk8 -in keys/sample-p256.pem -scrypt`
    const UNDER_SCRYPT: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAhtF87vJK9mbwICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBAuf5kfAAXShZIlxRzSv2cABIGQihe4mWkt8T8S
ecY1C7/A2Wt2d8loOFhjudeKqVpeme33NXSRsseRKOi5g3nvPOKuGfgJt6SLhpzx
f1uZlyPzDXwOZocb3XlciNAPE5G8vRq/yYvzMcwysKkNRy/Z1BHGyVOnReSxDslm
cAmTlO087MuIe+mkBmsb7y8RDoPtHQbNLBAihde0cR09saWVnrp0
-----END ENCRYPTED PRIVATE KEY-----
";
}
