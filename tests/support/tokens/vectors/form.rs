//! Changes to the form of a JWS, to its header and to the whole of its signature.

use okta_introspect::Algorithm;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::json;

use super::Case;
use crate::tokens::minter::{Minter, decode, encode, split};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for algorithm in Algorithm::ALL {
        valid(&minter(algorithm), &mut cases);
    }
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256] {
        let minter = minter(algorithm);
        segments(&minter, &mut cases);
        encodings(&minter, &mut cases);
        headers(&minter, &mut cases);
        algorithms(&minter, &mut cases);
        signatures(&minter, &mut cases);
    }
    cases
}

fn minter(algorithm: Algorithm) -> Minter {
    match algorithm {
        Algorithm::Es256 => Minter::p256(),
        Algorithm::Es384 | Algorithm::Es512 => Minter::generate(algorithm, "k1"),
        _ => Minter::rsa(algorithm),
    }
}

/// Adds cases whose names begin with the algorithm.
struct Table<'a> {
    algorithm: &'a str,
    keys: String,
    cases: &'a mut Vec<Case>,
}

impl<'a> Table<'a> {
    fn new(minter: &Minter, cases: &'a mut Vec<Case>) -> Self {
        Self { algorithm: minter.algorithm().name(), keys: minter.document(), cases }
    }

    fn valid(&mut self, name: &str, jws: String) {
        self.cases.push(Case::valid(format!("{}: {name}", self.algorithm), jws, &self.keys));
    }

    fn refused(&mut self, name: &str, jws: impl Into<String>, reason: &'static str) {
        let name = format!("{}: {name}", self.algorithm);
        self.cases.push(Case::refused(name, jws, &self.keys, reason));
    }
}

fn valid(minter: &Minter, cases: &mut Vec<Case>) {
    let mut table = Table::new(minter, cases);
    let header = minter.header().to_string();
    table.valid("claims", minter.sign(&header, r#"{"sub":"ada"}"#));
    table.valid("empty payload", minter.sign(&header, ""));
    table.valid("one byte", minter.sign(&header, "a"));
    table.valid("payload of zeros", minter.sign(&header, [0; 64]));
    let spaced = header.replace(':', " :\t").replace(',', " ,\n ").replace('{', " { ");
    table.valid("white space in the header's JSON", minter.sign(&spaced, "a"));
    let escaped = header.replace("kid", "\\u006bid");
    table.valid("escapes in the header's JSON", minter.sign(&escaped, "a"));
    let more = header.replace('}', r#","typ":"JWT","cty":"x","other":[{"a":null}]}"#);
    table.valid("parameters that nobody knows", minter.sign(&more, "a"));
}

fn segments(minter: &Minter, cases: &mut Vec<Case>) {
    let good = minter.sign(&minter.header().to_string(), r#"{"sub":"ada"}"#);
    let (header, payload, signature) = split(&good);
    let mut table = Table::new(minter, cases);
    table.refused("empty text", "", "not_compact");
    table.refused("payload alone", payload, "not_compact");
    table.refused("no signature and no separator", format!("{header}.{payload}"), "not_compact");
    table.refused("no payload and no separator", format!("{header}.{signature}"), "not_compact");
    table.refused("no header and no separator", format!("{payload}.{signature}"), "not_compact");
    table.refused("empty signature", format!("{header}.{payload}."), "bad_signature");
    table.refused("payload taken away", format!("{header}..{signature}"), "bad_signature");
    table.refused("empty header", format!(".{payload}.{signature}"), "json");
    table.refused("empty header and signature", format!(".{payload}."), "json");
    table.refused("separators alone", "..", "json");
    table.refused("an empty segment more", format!("{good}."), "not_compact");
    table.refused("a segment more", format!("{good}.{signature}"), "not_compact");
    table.refused("an empty segment before", format!(".{good}"), "not_compact");
    table.refused("five segments", format!("{good}.{payload}.{signature}"), "encrypted");
    table.refused("six segments", format!("{good}....."), "not_compact");
    table.refused("17 KB", format!("{good}{}", "A".repeat(17_000)), "too_long");
    let flattened = json!({"payload": payload, "protected": header, "signature": signature});
    table.refused("flattened JSON", flattened.to_string(), "json_serialization");
    let general = json!({
        "payload": payload,
        "signatures": [{"protected": header, "signature": signature}],
    });
    table.refused("general JSON", format!("\n {general}"), "json_serialization");
}

fn encodings(minter: &Minter, cases: &mut Vec<Case>) {
    let good = minter.sign(&minter.header().to_string(), r#"{"sub":"ada"}"#);
    let (header, payload, signature) = split(&good);
    let mut table = Table::new(minter, cases);
    for (name, header) in [
        ("padding on the header", format!("{header}=")),
        ("a blank in the header", format!("{} {}", &header[..4], &header[4..])),
        ("a line break in the header", format!("{header}\r\n")),
        ("a zero byte in the header", format!("{header}\0")),
        ("another character in the header", header.replacen('J', "J!", 1)),
        ("a character that is not ASCII in the header", format!("{header}é")),
    ] {
        table.refused(name, format!("{header}.{payload}.{signature}"), "encoding");
        // The same must hold if the sender signed just that.
        let signed = minter.sign_input(&format!("{header}.{payload}"));
        table.refused(&format!("{name}, signed so"), signed, "encoding");
    }
    for (name, payload) in [
        ("padding on the payload", format!("{payload}==")),
        ("a blank in the payload", format!("{payload} ")),
        ("the other alphabet in the payload", "Pj4-Pz8_".replace('-', "+").replace('_', "/")),
        ("half a byte in the payload", payload[..payload.len() - 1].to_owned()),
    ] {
        table.refused(name, minter.sign_input(&format!("{header}.{payload}")), "encoding");
    }
    // The last of 2 mod 3 bytes leaves bits that nothing stands for.
    let stray = minter.sign_input(&format!("{header}.e31"));
    table.refused("stray bits in the payload", stray, "encoding");
    for (name, signature) in [
        ("padding on the signature", format!("{signature}==")),
        ("a blank before the signature", format!(" {signature}")),
        ("a line break after the signature", format!("{signature}\n")),
        ("another character in the signature", format!("!{}", &signature[1..])),
        ("stray bits in the signature", with_stray_bits(signature)),
    ] {
        table.refused(name, format!("{header}.{payload}.{signature}"), "encoding");
    }
}

/// The signatures have 64 or 256 bytes, one more than a multiple of three: four bits are over.
fn with_stray_bits(signature: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = signature.as_bytes()[signature.len() - 1];
    let value = ALPHABET.iter().position(|b| *b == last).unwrap();
    let stray = char::from(ALPHABET[value | 1]);
    format!("{}{stray}", &signature[..signature.len() - 1])
}

fn headers(minter: &Minter, cases: &mut Vec<Case>) {
    let alg = minter.algorithm().name();
    let mut table = Table::new(minter, cases);
    let attacker = Minter::generate(minter.algorithm(), "k1");
    let jwk = attacker.jwk();
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    for (name, header, reason) in [
        ("header is a list", "[]".to_owned(), "json"),
        ("header is null", "null".to_owned(), "json"),
        ("header is a text", r#""alg""#.to_owned(), "json"),
        ("header is cut off", format!(r#"{{"alg":"{alg}""#), "json"),
        ("header has something behind", format!(r#"{{"alg":"{alg}"}} {{}}"#), "json"),
        ("header has `alg` twice", format!(r#"{{"alg":"none","alg":"{alg}"}}"#), "json"),
        (
            "header has `kid` twice, once escaped",
            format!(r#"{{"alg":"{alg}","kid":"k1","k\u0069d":"k2"}}"#),
            "json",
        ),
        ("header is deep", format!(r#"{{"alg":"{alg}","kid":"k1","x":{deep}}}"#), "json"),
        ("no `alg`", r#"{"kid":"k1"}"#.to_owned(), "malformed_header"),
        ("`alg` is null", r#"{"alg":null,"kid":"k1"}"#.to_owned(), "malformed_header"),
        ("`alg` is a list", format!(r#"{{"alg":["{alg}"],"kid":"k1"}}"#), "malformed_header"),
        ("`kid` is a number", format!(r#"{{"alg":"{alg}","kid":1}}"#), "malformed_header"),
        ("`typ` is a number", format!(r#"{{"alg":"{alg}","typ":1}}"#), "malformed_header"),
        ("another `kid`", format!(r#"{{"alg":"{alg}","kid":"k2"}}"#), "unknown_key"),
        ("empty `kid`", format!(r#"{{"alg":"{alg}","kid":""}}"#), "unknown_key"),
        ("`kid` in another case", format!(r#"{{"alg":"{alg}","kid":"K1"}}"#), "unknown_key"),
        (
            "critical extension",
            format!(r#"{{"alg":"{alg}","kid":"k1","crit":["exp"],"exp":1}}"#),
            "critical_extension",
        ),
        (
            "empty list of critical extensions",
            format!(r#"{{"alg":"{alg}","kid":"k1","crit":[]}}"#),
            "critical_extension",
        ),
        (
            "unencoded payload (RFC 7797)",
            format!(r#"{{"alg":"{alg}","kid":"k1","b64":false,"crit":["b64"]}}"#),
            "critical_extension",
        ),
        (
            "`jku`",
            format!(r#"{{"alg":"{alg}","kid":"k1","jku":"https://evil.example/keys"}}"#),
            "key_from_sender",
        ),
        (
            "`x5u`",
            format!(r#"{{"alg":"{alg}","kid":"k1","x5u":"https://evil.example/cert"}}"#),
            "key_from_sender",
        ),
        ("`x5c`", format!(r#"{{"alg":"{alg}","kid":"k1","x5c":["MIIB"]}}"#), "key_from_sender"),
    ] {
        table.refused(name, minter.sign(&header, "{}"), reason);
    }
    let embedded = format!(r#"{{"alg":"{alg}","kid":"k1","jwk":{jwk}}}"#);
    table.refused("a key of the sender", attacker.sign(&embedded, "{}"), "key_from_sender");
}

fn algorithms(minter: &Minter, cases: &mut Vec<Case>) {
    let own = minter.algorithm();
    let good = minter.sign(&minter.header().to_string(), "{}");
    let (_, payload, signature) = split(&good);
    let mut table = Table::new(minter, cases);
    for none in ["none", "None", "NONE", "nOnE"] {
        let header = encode(format!(r#"{{"alg":"{none}","kid":"k1"}}"#));
        let text = format!("{header}.{payload}.");
        table.refused(&format!("`{none}` without a signature"), text, "unsigned");
        let text = format!("{header}.{payload}.{signature}");
        table.refused(&format!("`{none}` with a signature"), text, "unsigned");
    }
    for (name, reason) in [
        ("", "unsupported_algorithm"),
        ("XX256", "unsupported_algorithm"),
        ("EdDSA", "unsupported_algorithm"),
        ("ES256K", "unsupported_algorithm"),
        ("RSA-OAEP", "unsupported_algorithm"),
        (&own.name().to_lowercase(), "unsupported_algorithm"),
        (&format!("{} ", own.name()), "unsupported_algorithm"),
    ] {
        let header = format!(r#"{{"alg":"{name}","kid":"k1"}}"#);
        table.refused(&format!("algorithm `{name}`"), minter.sign(&header, "{}"), reason);
    }
    for other in Algorithm::ALL.into_iter().filter(|other| *other != own) {
        let header = json!({"alg": other.name(), "kid": "k1"}).to_string();
        let name = format!("signature of {own} called {other}");
        table.refused(&name, minter.sign(&header, "{}"), "algorithm_not_for_key");
    }
    same_key_other_algorithm(minter, &mut table);
    with_public_key_as_secret(minter, &mut table);
}

/// A good signature of the right key by an algorithm that its JWK does not name.
fn same_key_other_algorithm(minter: &Minter, table: &mut Table<'_>) {
    if minter.algorithm() == Algorithm::Es256 {
        return; // a curve has one algorithm
    }
    for other in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Ps256, Algorithm::Ps512] {
        if other != minter.algorithm() {
            let signed = Minter::rsa(other);
            let name = format!("good {other} signature by a key that is not for it");
            let jws = signed.sign(&signed.header().to_string(), "{}");
            table.refused(&name, jws, "algorithm_not_for_key");
        }
    }
}

/// RFC 8725 §2.1: the public key as the key of an HMAC.
fn with_public_key_as_secret(minter: &Minter, table: &mut Table<'_>) {
    let jwk = minter.jwk();
    let number = |name: &str| jwk[name].as_str().map(decode).unwrap_or_default();
    let material = [number("n"), number("x"), number("y")].concat();
    for (name, secret) in [("JWK", jwk.to_string().into_bytes()), ("material", material)] {
        for (alg, digest) in [
            ("HS256", MessageDigest::sha256()),
            ("HS384", MessageDigest::sha384()),
            ("HS512", MessageDigest::sha512()),
            ("hs256", MessageDigest::sha256()),
        ] {
            let header = json!({"alg": alg, "kid": "k1"}).to_string();
            let input = format!("{}.{}", encode(header), encode("{}"));
            let key = PKey::hmac(&secret).unwrap();
            let mac = Signer::new(digest, &key).unwrap().sign_oneshot_to_vec(input.as_bytes());
            let jws = format!("{input}.{}", encode(mac.unwrap()));
            let name = format!("{alg} with the public key's {name} as secret");
            table.refused(&name, jws, "symmetric_algorithm");
        }
    }
}

fn signatures(minter: &Minter, cases: &mut Vec<Case>) {
    let header = minter.header().to_string();
    let good = minter.sign(&header, r#"{"sub":"ada"}"#);
    let (head, payload, signature) = split(&good);
    let bytes = decode(signature);
    let other = Minter::generate(minter.algorithm(), "k1");
    let mut table = Table::new(minter, cases);
    let mut flip = |name: &str, at: usize, mask: u8| {
        let mut changed = bytes.clone();
        changed[at] ^= mask;
        table.refused(name, format!("{head}.{payload}.{}", encode(changed)), "bad_signature");
    };
    flip("first bit of the signature", 0, 0x80);
    flip("last bit of the signature", bytes.len() - 1, 1);
    flip("a bit in the middle of the signature", bytes.len() / 2, 0x10);
    for (name, changed) in [
        ("shortened signature", bytes[..bytes.len() - 1].to_vec()),
        ("signature without its first byte", bytes[1..].to_vec()),
        ("lengthened signature", [&bytes[..], &[0]].concat()),
        ("signature after a zero", [&[0], &bytes[..]].concat()),
        ("signature twice", [&bytes[..], &bytes[..]].concat()),
        ("signature of zeros", vec![0; bytes.len()]),
        ("signature of ones", vec![0xff; bytes.len()]),
        ("signature of one byte", vec![1]),
    ] {
        table.refused(name, format!("{head}.{payload}.{}", encode(changed)), "bad_signature");
    }
    let changed = encode(r#"{"sub":"eve"}"#);
    table.refused("another payload", format!("{head}.{changed}.{signature}"), "bad_signature");
    let more = encode(header.replace('}', r#","x":1}"#));
    table.refused("another header", format!("{more}.{payload}.{signature}"), "bad_signature");
    table.refused("another key of the same id", other.sign(&header, "{}"), "bad_signature");
    let swapped = minter.sign_input(&format!("{payload}.{head}"));
    let swapped = format!("{head}.{payload}.{}", split(&swapped).2);
    table.refused("header and payload signed in turn", swapped, "bad_signature");
    let unencoded = minter.sign_input(&format!("{header}.{{}}"));
    let unencoded = format!("{head}.{}.{}", encode("{}"), unencoded.rsplit_once('.').unwrap().1);
    table.refused("signed before it was encoded", unencoded, "bad_signature");
}
