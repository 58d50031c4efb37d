//! RSASSA-PKCS1-v1_5 signatures whose padding is not exactly that of RFC 8017 §9.2.
//!
//! A verifier that parses the padding instead of comparing it lets some of these through, and
//! with a small exponent such signatures can be made without the private key.

use okta_introspect::Algorithm;
use openssl::rsa::{Padding, Rsa};
use openssl::sha::sha256;

use super::Case;
use crate::tokens::minter::{Minter, encode};

/// The DER of the digest's algorithm, as `DigestInfo` has it for SHA-256.
const OID: [u8; 11] = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const NULL: [u8; 2] = [0x05, 0x00];
const LEN: usize = 256;

pub fn cases() -> Vec<Case> {
    let minter = Minter::rsa(Algorithm::Rs256);
    let input = format!("{}.{}", encode(minter.header().to_string()), encode("{}"));
    let keys = minter.document();
    let digest = sha256(input.as_bytes());
    let case = |name: &str, block: Vec<u8>| {
        let name = format!("RS256 padding: {name}");
        let jws = format!("{input}.{}", encode(raw(&block)));
        match name.ends_with("none of these") {
            true => Case::valid(name, jws, &keys),
            false => Case::refused(name, jws, &keys, "bad_signature"),
        }
    };
    blocks(&digest).into_iter().map(|(name, block)| case(name, block)).collect()
}

/// The RSA operation alone, on a block of the modulus' length.
fn raw(block: &[u8]) -> Vec<u8> {
    let rsa = Rsa::private_key_from_pem(include_bytes!("../../../../keys/sample-rsa-2048.pem"));
    let mut signature = vec![0; LEN];
    rsa.unwrap().private_encrypt(block, &mut signature, Padding::NONE).unwrap();
    signature
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, value.len() as u8], value].concat()
}

fn long_form(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, 0x81, value.len() as u8], value].concat()
}

fn leading_zero(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, 0x82, 0x00, value.len() as u8], value].concat()
}

fn indefinite(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], value, &[0, 0]].concat()
}

fn false_length(tag: u8, value: &[u8], length: u8) -> Vec<u8> {
    [&[tag, length], value].concat()
}

/// `00 01 FF … FF 00` before the text, as many FF as fit.
fn padded(text: &[u8]) -> Vec<u8> {
    let fill = vec![0xff; LEN - 3 - text.len()];
    [&[0, 1], &fill[..], &[0], text].concat()
}

fn blocks(digest: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let algorithm = tlv(0x30, &[&OID[..], &NULL].concat());
    let octets = tlv(0x04, digest);
    let body = [&algorithm[..], &octets].concat();
    let info = tlv(0x30, &body);
    let of = |algorithm: &[u8], octets: &[u8]| padded(&tlv(0x30, &[algorithm, octets].concat()));
    let in_algorithm = |content: &[u8]| of(&tlv(0x30, content), &octets);
    let len = body.len() as u8;
    let oid = &OID[2..];
    vec![
        ("none of these", padded(&info)),
        ("long form of the outer length", padded(&long_form(0x30, &body))),
        ("leading zero in the outer length", padded(&leading_zero(0x30, &body))),
        ("outer length one too large", padded(&false_length(0x30, &body, len + 1))),
        ("outer length one too small", padded(&false_length(0x30, &body, len - 1))),
        ("indefinite outer length", padded(&indefinite(0x30, &body))),
        ("indefinite outer length without end", padded(&[&[0x30, 0x80], &body[..]].concat())),
        ("outer length of 2^31", padded(&[&[0x30, 0x84, 0x80, 0, 0, 0], &body[..]].concat())),
        ("outer length of 2^32", padded(&[&[0x30, 0x85, 1, 0, 0, 0, 0], &body[..]].concat())),
        ("outer tag of a set", padded(&tlv(0x31, &body))),
        ("outer tag missing", padded(&body)),
        ("outer tag alone", padded(&[0x30])),
        ("sequence of the sequence", padded(&tlv(0x30, &info))),
        ("sequence twice", padded(&[&info[..], &info].concat())),
        ("zeros after the sequence", padded(&[&info[..], &[0, 0]].concat())),
        ("garbage after the sequence", padded(&[&info[..], &[0x49, 0x77]].concat())),
        ("zeros inside the sequence", padded(&tlv(0x30, &[&body[..], &[0, 0]].concat()))),
        ("null inside the sequence", padded(&tlv(0x30, &[&body[..], &NULL].concat()))),
        ("garbage before the sequence", padded(&[&[0x49, 0x77], &info[..]].concat())),
        ("null instead of the sequence", padded(&NULL)),
        ("long form of the algorithm's length", of(&long_form(0x30, &algorithm[2..]), &octets)),
        (
            "leading zero in the algorithm's length",
            of(&leading_zero(0x30, &algorithm[2..]), &octets),
        ),
        ("indefinite length of the algorithm", of(&indefinite(0x30, &algorithm[2..]), &octets)),
        ("no algorithm", of(&[], &octets)),
        ("algorithm without parameters", in_algorithm(&OID)),
        ("parameters of another type", in_algorithm(&[&OID[..], &[0x04, 0x00]].concat())),
        ("parameters of length 1", in_algorithm(&[&OID[..], &[0x05, 0x01, 0x00]].concat())),
        ("long form of the null's length", in_algorithm(&[&OID[..], &[0x05, 0x81, 0x00]].concat())),
        ("parameters twice", in_algorithm(&[&OID[..], &NULL, &NULL].concat())),
        ("garbage in the parameters", in_algorithm(&[&OID[..], &NULL, &[0x49]].concat())),
        ("long form of the OID's length", in_algorithm(&[&long_form(6, oid)[..], &NULL].concat())),
        (
            "leading zero in the OID's length",
            in_algorithm(&[&leading_zero(6, oid)[..], &NULL].concat()),
        ),
        ("OID one byte shorter", in_algorithm(&[&tlv(6, &oid[..8])[..], &NULL].concat())),
        (
            "OID with a byte more",
            in_algorithm(&[&tlv(6, &[oid, &[0]].concat())[..], &NULL].concat()),
        ),
        (
            "OID with a leading 0x80",
            in_algorithm(&[&tlv(6, &[&[0x80], oid].concat())[..], &NULL].concat()),
        ),
        ("empty OID", in_algorithm(&[&tlv(6, &[])[..], &NULL].concat())),
        (
            "OID of SHA-512",
            in_algorithm(&[&tlv(6, &[&oid[..8], &[3]].concat())[..], &NULL].concat()),
        ),
        ("long form of the digest's length", of(&algorithm, &long_form(4, digest))),
        ("leading zero in the digest's length", of(&algorithm, &leading_zero(4, digest))),
        ("indefinite length of the digest", of(&algorithm, &indefinite(0x24, &octets))),
        ("digest one byte shorter", of(&algorithm, &tlv(4, &digest[..31]))),
        ("digest with a zero before", of(&algorithm, &tlv(4, &[&[0], digest].concat()))),
        ("digest with a zero after", of(&algorithm, &tlv(4, &[digest, &[0]].concat()))),
        ("empty digest", of(&algorithm, &tlv(4, &[]))),
        ("digest as a bit string", of(&algorithm, &tlv(3, digest))),
        ("no digest", of(&algorithm, &[])),
        ("digest without its DigestInfo", padded(digest)),
        ("first byte not 0", [&[1], &padded(&info)[1..]].concat()),
        ("block type 0", [&[0, 0], &padded(&info)[2..]].concat()),
        ("block type 2", [&[0, 2], &padded(&info)[2..]].concat()),
        ("a byte of the padding changed", changed(padded(&info), 20, 0xfe)),
        ("a zero in the padding", changed(padded(&info), 10, 0)),
        ("no zero after the padding", changed(padded(&info), LEN - info.len() - 1, 0xff)),
        ("short padding and garbage behind", garbage_behind(&info)),
        ("short padding and zeros before", zeros_before(&info)),
        ("nothing but padding", [&[0, 1], &[0xff; LEN - 2][..]].concat()),
    ]
}

fn changed(mut block: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
    block[at] = byte;
    block
}

/// Bleichenbacher's forgery of 2006: the padding ends early, and garbage follows the digest.
fn garbage_behind(info: &[u8]) -> Vec<u8> {
    let head = [&[0, 1], &[0xff; 8][..], &[0], info].concat();
    let garbage = vec![0xa5; LEN - head.len()];
    [head, garbage].concat()
}

fn zeros_before(info: &[u8]) -> Vec<u8> {
    let tail = [&[0, 1], &[0xff; 8][..], &[0], info].concat();
    [vec![0; LEN - tail.len()], tail].concat()
}
