//! RSASSA-PSS signatures whose encoding is not exactly that of RFC 8017 §9.1 and RFC 7518 §3.5.

use okta_introspect::Algorithm;
use openssl::rsa::{Padding, Rsa};
use openssl::sha::sha256;

use super::Case;
use crate::tokens::minter::{Minter, encode};

const LEN: usize = 256;
const DIGEST: usize = 32;

pub fn cases() -> Vec<Case> {
    let minter = Minter::rsa(Algorithm::Ps256);
    let input = format!("{}.{}", encode(minter.header().to_string()), encode("{}"));
    let keys = minter.document();
    let named = |name: &str| format!("PS256 encoding: {name}");
    let jws = |block: &[u8]| format!("{input}.{}", encode(raw(block)));
    let good = Encoding::of(input.as_bytes(), &[7; DIGEST]);
    let mut cases = Vec::new();
    for (name, salt) in [("salt of zeros", 0), ("salt of ones", 0xff), ("any salt", 0x5a)] {
        let block = Encoding::of(input.as_bytes(), &[salt; DIGEST]).block();
        cases.push(Case::valid(named(name), jws(&block), &keys));
    }
    for (name, block) in refused(&good, input.as_bytes()) {
        cases.push(Case::refused(named(name), jws(&block), &keys, "bad_signature"));
    }
    for (name, signature) in special(&raw(&good.block())) {
        let jws = format!("{input}.{}", encode(signature));
        cases.push(Case::refused(named(name), jws, &keys, "bad_signature"));
    }
    cases
}

/// The parts of an encoded message, to be changed before they are put together.
#[derive(Clone)]
struct Encoding {
    /// The hash of eight zeros, the message's digest and the salt.
    hash: Vec<u8>,
    /// What stands before the salt in the data block: zeros and a one.
    filling: Vec<u8>,
    salt: Vec<u8>,
    trailer: u8,
}

impl Encoding {
    fn of(input: &[u8], salt: &[u8]) -> Self {
        let hash = sha256(&[&[0; 8], &sha256(input)[..], salt].concat()).to_vec();
        let mut filling = vec![0; LEN - DIGEST - 2 - salt.len()];
        filling.push(1);
        Self { hash, filling, salt: salt.to_vec(), trailer: 0xbc }
    }

    fn block(&self) -> Vec<u8> {
        let data = [&self.filling[..], &self.salt].concat();
        let mask = mgf1(&self.hash, data.len());
        let mut masked: Vec<u8> = data.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
        masked[0] &= 0x7f; // one bit fewer than the modulus has
        [&masked[..], &self.hash, &[self.trailer]].concat()
    }
}

fn mgf1(seed: &[u8], len: usize) -> Vec<u8> {
    let blocks = (0_u32..).map(|counter| sha256(&[seed, &counter.to_be_bytes()].concat()));
    blocks.flatten().take(len).collect()
}

/// The RSA operation alone, on a block of the modulus' length.
fn raw(block: &[u8]) -> Vec<u8> {
    let rsa = Rsa::private_key_from_pem(include_bytes!("../../../../keys/sample-rsa-2048.pem"));
    let mut signature = vec![0; LEN];
    rsa.unwrap().private_encrypt(block, &mut signature, Padding::NONE).unwrap();
    signature
}

fn refused(good: &Encoding, input: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let change = |change: &dyn Fn(&mut Encoding)| {
        let mut encoding = good.clone();
        change(&mut encoding);
        encoding.block()
    };
    let bit = |at: usize, mask: u8| {
        let mut block = good.block();
        block[at] ^= mask;
        block
    };
    let with_salt = |len: usize| Encoding::of(input, &vec![7; len]).block();
    let zeroed: [u8; DIGEST] = [0; DIGEST];
    vec![
        ("no salt", with_salt(0)),
        ("salt of one byte", with_salt(1)),
        ("salt of 20 bytes", with_salt(20)),
        ("salt of 31 bytes", with_salt(31)),
        ("salt of 33 bytes", with_salt(33)),
        ("salt of 48 bytes", with_salt(48)),
        ("salt of all bytes that fit", with_salt(LEN - DIGEST - 2)),
        ("first byte of the hash", change(&|e| e.hash[0] ^= 1)),
        ("last byte of the hash", change(&|e| e.hash[DIGEST - 1] ^= 0x80)),
        ("hash of zeros", change(&|e| e.hash = zeroed.to_vec())),
        ("hash of ones", change(&|e| e.hash.fill(0xff))),
        ("first byte of the salt", change(&|e| e.salt[0] ^= 1)),
        ("last byte of the salt", change(&|e| e.salt[DIGEST - 1] ^= 1)),
        ("first zero of the filling", change(&|e| e.filling[0] = 0x40)),
        ("a zero in the middle of the filling", change(&|e| e.filling[100] = 1)),
        ("last zero of the filling", change(&|e| *e.filling.iter_mut().nth_back(1).unwrap() = 1)),
        ("no one behind the filling", change(&|e| *e.filling.last_mut().unwrap() = 0)),
        ("another one behind the filling", change(&|e| *e.filling.last_mut().unwrap() = 0x80)),
        ("trailer of RFC 8017's other hash", change(&|e| e.trailer = 0xcc)),
        ("trailer 0", change(&|e| e.trailer = 0)),
        ("masked data changed", bit(60, 4)),
        ("hash in the block changed", bit(LEN - 20, 4)),
        ("hash of the message alone", change(&|e| e.hash = sha256(input).to_vec())),
        ("PKCS#1 v1.5 block", [&[0, 1], &[0xff; LEN - 3][..], &[0]].concat()),
    ]
}

/// Numbers that are no signature at all, or one too large.
fn special(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let rsa = Rsa::private_key_from_pem(include_bytes!("../../../../keys/sample-rsa-2048.pem"));
    let modulus = rsa.unwrap().n().to_vec();
    let mut before = modulus.clone();
    *before.last_mut().unwrap() -= 1; // odd, so nothing is carried
    let mut one = vec![0; LEN];
    one[LEN - 1] = 1;
    vec![
        ("signature 0", vec![0; LEN]),
        ("signature 1", one),
        ("signature n − 1", before),
        ("signature n", modulus.clone()),
        ("signature and the modulus", sum(good, &modulus)),
        ("zero before the signature", [&[0], good].concat()),
        ("zero after the signature", [good, &[0]].concat()),
        ("shortened signature", good[..LEN - 1].to_vec()),
    ]
}

/// The same number modulo n, but not reduced; one byte longer if it does not fit.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut digits: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(*b) + carry;
            carry = sum >> 8;
            sum as u8
        })
        .collect();
    if carry > 0 {
        digits.push(1);
    }
    digits.reverse();
    digits
}
