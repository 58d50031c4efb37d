//! Key sets: keys that are wrong, keys for something else, and sets that are mixed up.

use okta_introspect::Algorithm;
use openssl::rsa::Rsa;
use serde_json::{Value, json};

use super::Case;
use crate::tokens::minter::{Minter, encode, with};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for minter in [Minter::rsa(Algorithm::Rs256), Minter::p256()] {
        usage(&minter, &mut cases);
        members(&minter, &mut cases);
        sets(&minter, &mut cases);
    }
    rsa(&mut cases);
    ec(&mut cases);
    without_key_id(&mut cases);
    cases
}

/// A token of `minter` and the single key that comes of a change to its JWK.
fn changed(minter: &Minter, name: &str, changes: Value, reason: Option<&'static str>) -> Case {
    let keys = json!({"keys": [with(minter.jwk(), changes)]}).to_string();
    case(minter, name, keys, reason)
}

fn case(minter: &Minter, name: &str, keys: String, rejection: Option<&'static str>) -> Case {
    let jws = minter.sign(&minter.header().to_string(), "{}");
    Case { name: format!("{} key: {name}", minter.algorithm()), jws, keys, rejection }
}

fn usage(minter: &Minter, cases: &mut Vec<Case>) {
    let unusable = Some("unusable_key");
    let other = match minter.algorithm() {
        Algorithm::Rs256 => "RS512",
        _ => "ES384",
    };
    for (name, changes, reason) in [
        ("as it is", json!({}), None),
        ("without `use`", json!({"use": null}), None),
        ("without `alg`", json!({"alg": null}), None),
        ("`key_ops` of verify", json!({"key_ops": ["verify"]}), None),
        ("`key_ops` of verify and more", json!({"key_ops": ["encrypt", "verify"]}), None),
        ("members that nobody knows", json!({"x5t": "AAAA", "status": "ACTIVE"}), None),
        ("`use` of enc", json!({"use": "enc"}), unusable),
        ("`use` in another case", json!({"use": "SIG"}), unusable),
        ("`use` is a list", json!({"use": ["sig"]}), unusable),
        ("`key_ops` of encrypt", json!({"key_ops": ["encrypt"]}), unusable),
        ("`key_ops` of sign", json!({"key_ops": ["sign"]}), unusable),
        ("empty `key_ops`", json!({"key_ops": []}), unusable),
        ("`key_ops` is a text", json!({"key_ops": "verify"}), unusable),
        ("`alg` of an encryption", json!({"alg": "RSA-OAEP"}), unusable),
        ("`alg` of a key wrap", json!({"alg": "A256KW"}), unusable),
        ("`alg` of an HMAC", json!({"alg": "HS256"}), unusable),
        ("`alg` of none", json!({"alg": "none"}), unusable),
        ("`alg` that does not exist", json!({"alg": "ES224"}), unusable),
        ("`alg` is a number", json!({"alg": 256}), unusable),
        (
            "`alg` of the other type",
            json!({"alg": if minter.algorithm() == Algorithm::Rs256 { "ES256" } else { "RS256" }}),
            unusable,
        ),
        ("another key id", json!({"kid": "k2"}), Some("unknown_key")),
        ("no key id", json!({"kid": null}), Some("unknown_key")),
        ("key id is a number", json!({"kid": 1}), Some("unknown_key")),
    ] {
        cases.push(changed(minter, name, changes, reason));
    }
    // Another algorithm of the same type: for RSA it is one that the key could have.
    let reason = if other == "RS512" { "algorithm_not_for_key" } else { "unusable_key" };
    cases.push(changed(minter, "`alg` of the same type", json!({"alg": other}), Some(reason)));
}

fn members(minter: &Minter, cases: &mut Vec<Case>) {
    let unusable = Some("unusable_key");
    let is_rsa = minter.algorithm() == Algorithm::Rs256;
    for (name, changes) in [
        ("no type", json!({"kty": null})),
        ("type of another kind", json!({"kty": if is_rsa { "EC" } else { "RSA" }})),
        ("type in another case", json!({"kty": if is_rsa { "rsa" } else { "ec" }})),
        ("type of an octet key pair", json!({"kty": "OKP"})),
        ("symmetric", json!({"kty": "oct", "k": "c2VjcmV0"})),
        ("a secret beside", json!({"k": "c2VjcmV0"})),
        ("private exponent or scalar", json!({"d": "AQAB"})),
        ("private prime", json!({"p": "AQAB"})),
        ("other primes", json!({"oth": []})),
        ("CRT coefficient", json!({"qi": "AQAB"})),
    ] {
        cases.push(changed(minter, name, changes, unusable));
    }
    for member in if is_rsa { ["n", "e"] } else { ["x", "y"] } {
        let text = minter.jwk()[member].as_str().unwrap().to_owned();
        for (name, value) in [
            ("missing", Value::Null),
            ("empty", json!("")),
            ("a number", json!(65537)),
            ("padded", json!(format!("{text}="))),
            ("with a blank", json!(format!(" {text}"))),
            ("of another alphabet", json!(format!("+/{}", &text[2..]))),
        ] {
            let mut jwk = minter.jwk();
            match value {
                Value::Null => drop(jwk.as_object_mut().unwrap().remove(member)),
                value => jwk[member] = value,
            }
            let keys = json!({"keys": [jwk]}).to_string();
            cases.push(case(minter, &format!("`{member}` {name}"), keys, unusable));
        }
    }
}

fn sets(minter: &Minter, cases: &mut Vec<Case>) {
    let own = minter.jwk();
    let other = Minter::generate(minter.algorithm(), "k2").jwk();
    let same_id = with(other.clone(), json!({"kid": "k1"}));
    let symmetric = json!({"kty": "oct", "kid": "s1", "k": "c2VjcmV0", "alg": "HS256"});
    let of_other_type = match minter.algorithm() {
        Algorithm::Rs256 => Minter::p256().jwk(),
        _ => Minter::rsa(Algorithm::Rs256).jwk(),
    };
    let encrypting = with(same_id.clone(), json!({"use": "enc", "alg": null}));
    for (name, keys, reason) in [
        ("among others", json!([other, own, symmetric]), None),
        ("beside a key for encryption of the same id", json!([encrypting, own]), None),
        ("beside a key of another type and the same id", json!([of_other_type, own]), None),
        ("not in the set", json!([other]), Some("unknown_key")),
        ("in an empty set", json!([]), Some("unknown_key")),
        ("twice", json!([own, own]), Some("ambiguous_key")),
        ("two keys of one id", json!([own, same_id]), Some("ambiguous_key")),
        ("two keys of one id, the other first", json!([same_id, own]), Some("ambiguous_key")),
        ("another key of its id", json!([same_id]), Some("bad_signature")),
        (
            "a symmetric key of its id",
            json!([with(symmetric, json!({"kid": "k1"}))]),
            Some("unusable_key"),
        ),
    ] {
        cases.push(case(minter, name, json!({ "keys": keys }).to_string(), reason));
    }
    cases.push(case(minter, "alone, without a set", own.to_string(), None));
    let more = json!({"keys": [own], "issuer": "x", "more": {"a": 1}}).to_string();
    cases.push(case(minter, "in a set with other members", more, None));
}

fn rsa(cases: &mut Vec<Case>) {
    let minter = Minter::rsa(Algorithm::Rs256);
    let unusable = Some("unusable_key");
    let n = crate::tokens::minter::decode(minter.jwk()["n"].as_str().unwrap());
    let even = [&n[..255], &[n[255] & 0xfe]].concat();
    let small = |bits| encode(Rsa::generate(bits).unwrap().n().to_vec());
    for (name, changes) in [
        ("1024 bits", json!({"n": small(1024)})),
        ("2047 bits", json!({"n": encode([&[n[0] & 0x7f], &n[1..]].concat())})),
        ("16384 bits", json!({"n": encode(vec![0xd5; 2048])})),
        ("modulus 1", json!({"n": "AQ"})),
        ("modulus 0", json!({"n": "AA"})),
        ("even modulus", json!({"n": encode(even)})),
        ("ROCA modulus (CVE-2017-15361)", json!({"n": roca_modulus()})),
        ("exponent 0", json!({"e": "AA"})),
        ("exponent 1", json!({"e": "AQ"})),
        ("exponent 2", json!({"e": "Ag"})),
        ("even exponent", json!({"e": "AQAA"})),
        ("exponent of 65 bits", json!({"e": "AQAAAAAAAAAB"})),
        ("exponent as long as the modulus", json!({"e": encode(&n)})),
    ] {
        cases.push(changed(&minter, name, changes, unusable));
    }
    let zeros = json!({"n": encode([&[0, 0], &n[..]].concat())});
    cases.push(changed(&minter, "zeros before the modulus", zeros, None));
    cases.push(changed(&minter, "exponent 3", json!({"e": "Aw"}), Some("bad_signature")));
}

/// A number of 2048 bits that is a power of 65537 modulo each of the small primes: 1, which is
/// the zeroth, made large.
fn roca_modulus() -> String {
    use openssl::bn::BigNum;
    let mut product = BigNum::from_u32(2).unwrap();
    for prime in (3..168).step_by(2).filter(|n| (3..*n).step_by(2).all(|d| n % d > 0)) {
        product.mul_word(prime).unwrap();
    }
    // Shifted left by zeros it stays a multiple of all of them.
    let mut modulus = BigNum::new().unwrap();
    modulus.lshift(&product, 2048 - product.num_bits()).unwrap();
    modulus.add_word(1).unwrap();
    encode(modulus.to_vec())
}

fn ec(cases: &mut Vec<Case>) {
    let minter = Minter::p256();
    let unusable = Some("unusable_key");
    let jwk = minter.jwk();
    let (x, y) = (jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap());
    let x_bytes = crate::tokens::minter::decode(x);
    let other = Minter::generate(Algorithm::Es256, "k1").jwk();
    for (name, changes) in [
        ("no curve", json!({"crv": null})),
        ("curve of another length", json!({"crv": "P-384", "alg": null})),
        ("curve secp256k1", json!({"crv": "secp256k1"})),
        ("curve of a DH function", json!({"crv": "X25519"})),
        ("curve in another case", json!({"crv": "p-256"})),
        ("coordinates swapped", json!({"x": y, "y": x})),
        (
            "one bit of a coordinate",
            json!({"x": encode([&[x_bytes[0] ^ 1], &x_bytes[1..]].concat())}),
        ),
        ("a coordinate of another key", json!({"y": other["y"]})),
        ("point at the origin", json!({"x": encode([0; 32]), "y": encode([0; 32])})),
        ("coordinate beyond the field", json!({"x": encode([0xff; 32])})),
        ("zero before a coordinate", json!({"x": encode([&[0], &x_bytes[..]].concat())})),
        ("zero behind a coordinate", json!({"x": encode([&x_bytes[..], &[0]].concat())})),
        ("short coordinate", json!({"x": encode(&x_bytes[1..])})),
        ("compressed point", json!({"x": encode([&[2], &x_bytes[..]].concat()), "y": null})),
        ("`alg` of P-521", json!({"alg": "ES512"})),
    ] {
        cases.push(changed(&minter, name, changes, unusable));
    }
    cases.push(changed(
        &minter,
        "another key",
        json!({"x": other["x"], "y": other["y"]}),
        Some("bad_signature"),
    ));
}

/// Tokens that do not say which key they mean.
fn without_key_id(cases: &mut Vec<Case>) {
    let (rsa, ec) = (Minter::rsa(Algorithm::Rs256), Minter::p256());
    let second = Minter::generate(Algorithm::Es256, "k2");
    let jws = ec.sign(r#"{"alg":"ES256"}"#, "{}");
    for (name, keys, reason) in [
        ("the only key", json!([ec.jwk()]), None),
        ("the only key for the algorithm", json!([rsa.jwk(), ec.jwk()]), None),
        ("a key without an id", json!([with(ec.jwk(), json!({"kid": null}))]), None),
        ("two keys for the algorithm", json!([ec.jwk(), second.jwk()]), Some("ambiguous_key")),
        ("no key for the algorithm", json!([rsa.jwk()]), Some("unknown_key")),
        ("no key", json!([]), Some("unknown_key")),
        ("another key", json!([second.jwk()]), Some("bad_signature")),
    ] {
        let name = format!("no key id in the token: {name}");
        let keys = json!({ "keys": keys }).to_string();
        cases.push(Case { name, jws: jws.clone(), keys, rejection: reason });
    }
}
