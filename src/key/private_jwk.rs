//! Private keys from a JWK or a JWK Set.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::JoseError;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcKeyPair;
use josekit::jwk::alg::rsa::RsaKeyPair;
use openssl::bn::{BigNum, BigNumContext};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use serde_json::Value;
use zeroize::Zeroizing;

use super::accept::{MAX_RSA_BITS, accept};
use super::factors::factors;
use super::jwk::{Jwk as _, KeyFault};
use super::{KeyOptions, SigningKey};
use crate::error::{Error, redact};
use crate::support::json::{JsonFault, Node, Object};

/// Reads the text of a JWK, or of a JWK Set.
pub(super) fn from_json(json: &str, options: &KeyOptions) -> Result<SigningKey, Error> {
    let document = Object::parse(json.as_bytes()).map_err(|fault| not_a_jwk(json, fault))?;
    match document.get("keys") {
        Some(Node::List(keys)) => from_jwk(pick(keys, options.key_id.as_deref())?, options),
        Some(_) => Err(Error::key("`keys` of the JWK Set is not a list")
            .advise("write the keys in square brackets")),
        None if document.text("kty").is_none() => Err(not_a_key(json)),
        None => from_jwk(&document, options),
    }
}

fn from_jwk(jwk: &Object<'_>, options: &KeyOptions) -> Result<SigningKey, Error> {
    let build = match jwk.text("kty") {
        Some("RSA") => rsa_key,
        Some("EC") => ec_key,
        other => {
            let kind = redact::name(other.unwrap_or("missing"));
            return Err(Error::key(format!("this JWK cannot sign assertions: kty is {kind}"))
                .advise("use an RSA or EC key"));
        }
    };
    if !jwk.has_any(&["d"]) {
        return Err(Error::key("this JWK is a public key, not a private one")
            .advise("give the JWK that has the member `d`"));
    }
    if !jwk.is_for("sign") {
        return Err(Error::key("this JWK is not for signing, by its `use` or `key_ops`")
            .advise("give the signing key; encryption keys are for encrypted tokens"));
    }
    let key = build(jwk)?;
    let algorithm = match options.algorithm {
        Some(algorithm) => Some(algorithm),
        None => jwk.algorithm()?,
    };
    let key_id = options.key_id.as_deref().or_else(|| jwk.text("kid"));
    accept(key, algorithm, key_id.map(str::to_owned))
}

fn rsa_key(jwk: &Object<'_>) -> Result<PKey<Private>, KeyFault> {
    if jwk.has_any(&["oth"]) {
        return Err(KeyFault::Invalid);
    }
    let number = |member: &str| big_number(&jwk.bytes(member)?);
    let (n, e, d) = (number("n")?, number("e")?, number("d")?);
    let bits = [&n, &e, &d].map(|number| number.num_bits().unsigned_abs()).into_iter().max();
    if let Some(bits) = bits.filter(|bits| *bits > MAX_RSA_BITS) {
        return Err(KeyFault::Size { bits });
    }
    // RFC 7518 §6.3.2 lets a key leave the factors out, and OpenSSL is four times as fast with
    // them; they follow from the three numbers in any case.
    let (p, q) = if jwk.has_any(&["p"]) && jwk.has_any(&["q"]) {
        (number("p")?, number("q")?)
    } else {
        factors(&n, &e, &d).map_err(invalid)?.ok_or(KeyFault::Invalid)?
    };
    let mut context = BigNumContext::new_secure().map_err(invalid)?;
    let mut product = BigNum::new_secure().map_err(invalid)?;
    product.checked_mul(&p, &q, &mut context).map_err(invalid)?;
    if product != n {
        return Err(KeyFault::Invalid);
    }
    let (dp, dq, qi) = crt(&p, &q, &d, &mut context).map_err(invalid)?;
    let members =
        [("n", n), ("e", e), ("d", d), ("p", p), ("q", q), ("dp", dp), ("dq", dq), ("qi", qi)];
    let mut whole = Jwk::new("RSA");
    for (name, number) in members {
        set(&mut whole, name, &number.to_vec())?;
    }
    RsaKeyPair::from_jwk(&whole).map_err(misfit).and_then(|pair| parse(pair.to_der_private_key()))
}

/// The exponents for each factor and the coefficient of the Chinese remainder theorem.
fn crt(
    p: &BigNum,
    q: &BigNum,
    d: &BigNum,
    context: &mut BigNumContext,
) -> Result<(BigNum, BigNum, BigNum), ErrorStack> {
    let [mut less, mut dmp1, mut dmq1, mut iqmp] = [
        BigNum::new_secure()?,
        BigNum::new_secure()?,
        BigNum::new_secure()?,
        BigNum::new_secure()?,
    ];
    let one = BigNum::from_u32(1)?;
    less.checked_sub(p, &one)?;
    dmp1.checked_rem(d, &less, context)?;
    less.checked_sub(q, &one)?;
    dmq1.checked_rem(d, &less, context)?;
    iqmp.mod_inverse(q, p, context)?;
    Ok((dmp1, dmq1, iqmp))
}

fn ec_key(jwk: &Object<'_>) -> Result<PKey<Private>, KeyFault> {
    let curve = jwk.curve()?;
    let mut whole = Jwk::new("EC");
    whole.set_curve(curve.name());
    for name in ["x", "y", "d"] {
        set(&mut whole, name, &jwk.wide(name, curve)?)?;
    }
    let pair = EcKeyPair::from_jwk(&whole).map_err(misfit)?;
    let key = parse(pair.to_der_private_key())?;
    // This refuses a point that does not belong to the private number.
    key.ec_key().and_then(|key| key.check_key()).map_err(invalid)?;
    Ok(key)
}

/// Sets a member of bytes.
fn set(jwk: &mut Jwk, name: &str, bytes: &[u8]) -> Result<(), KeyFault> {
    let text = URL_SAFE_NO_PAD.encode(bytes);
    jwk.set_parameter(name, Some(Value::String(text))).map_err(misfit)
}

fn parse(der: Vec<u8>) -> Result<PKey<Private>, KeyFault> {
    PKey::private_key_from_der(&Zeroizing::new(der)).map_err(invalid)
}

/// The numbers are those of no key.
fn misfit(_: JoseError) -> KeyFault {
    KeyFault::Invalid
}

fn big_number(bytes: &[u8]) -> Result<BigNum, KeyFault> {
    let mut number = BigNum::new_secure().map_err(invalid)?;
    number.copy_from_slice(bytes).map_err(invalid)?;
    Ok(number)
}

fn invalid(_: ErrorStack) -> KeyFault {
    KeyFault::Invalid
}

/// The one key of a set that can be meant. Of a public and a private key under one id, the private
/// one is.
fn pick<'a, 'j>(keys: &'a [Node<'j>], key_id: Option<&str>) -> Result<&'a Object<'j>, Error> {
    let jwks = || keys.iter().filter_map(Node::as_object);
    let mut named = jwks().filter(|jwk| key_id.is_none() || jwk.text("kid") == key_id);
    let is_signing = |jwk: &&Object<'_>| jwk.has_any(&["d"]) && jwk.is_for("sign");
    let mut signing = named.clone().filter(is_signing);
    match (signing.next(), signing.next()) {
        (Some(only), None) => return Ok(only),
        (Some(_), Some(_)) => return Err(ambiguous(keys, 2 + signing.count())),
        (None, _) => {}
    }
    match (named.next(), named.next(), key_id) {
        // Not a key that can sign: why not is said when it is read.
        (Some(only), None, _) => Ok(only),
        (Some(_), Some(_), _) => Err(Error::key("the JWK Set has no private key for signing")
            .advise("put the JWK that has the member `d` into `keys`")),
        // The id is not repeated: a passphrase may have been given in its place.
        (None, _, Some(_)) if jwks().next().is_some() => {
            Err(Error::key("the JWK Set has no key with the chosen id").advise(known_ids(keys)))
        }
        (None, ..) => {
            Err(Error::key("the JWK Set has no key").advise("put the private JWK into `keys`"))
        }
    }
}

fn ambiguous(keys: &[Node<'_>], count: usize) -> Error {
    Error::key(format!("the JWK Set has {count} keys that can be meant, and none was chosen"))
        .advise(known_ids(keys))
}

fn known_ids(keys: &[Node<'_>]) -> String {
    const MAX_LISTED: usize = 8;
    let jwks = keys.iter().filter_map(Node::as_object);
    let ids: Vec<&str> =
        jwks.filter_map(|jwk| jwk.text("kid")).take(MAX_LISTED).map(redact::name).collect();
    match ids.is_empty() {
        true => "give the one key alone, or give each key a `kid` of its own".to_owned(),
        false => format!("name one of its key ids: {}", ids.join(", ")),
    }
}

fn not_a_jwk(json: &str, fault: JsonFault) -> Error {
    match fault {
        JsonFault::Syntax => {
            // serde_json's text names a place and no value.
            let place = serde_json::from_str::<serde::de::IgnoredAny>(json).err();
            let place = place.map_or_else(String::new, |cause| {
                format!(" (line {}, column {})", cause.line(), cause.column())
            });
            Error::key(format!("the private key begins like JSON, but is not a JWK{place}"))
                .advise("give the whole JWK, with `kty`")
        }
        JsonFault::DuplicateMember => Error::key("this JWK has a member twice")
            .advise("export the JWK again from where it was made"),
        JsonFault::NotAnObject | JsonFault::TooDeep => Error::key(format!("this JSON {fault}"))
            .advise("give one JWK, or a JWK Set whose `keys` is a list of them"),
    }
}

fn not_a_key(json: &str) -> Error {
    if json.contains("-----BEGIN") {
        return Error::key("this is JSON with a PEM in one of its members, not a JWK")
            .advise("give that member's text alone, for instance with `jq -r .private_key`");
    }
    Error::key("this JSON is not a JWK: it has neither `kty` nor `keys`")
        .advise("give the whole JWK, with `kty`, or a JWK Set")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    fn set() -> Value {
        serde_json::from_str(include_str!("../../keys/sample-set.jwks.json")).unwrap()
    }

    fn jwk(at: usize) -> Value {
        set()["keys"][at].clone()
    }

    fn parse(jwk: &Value, key_id: Option<&str>) -> Result<SigningKey, Error> {
        let options = match key_id {
            Some(key_id) => KeyOptions::default().key_id(key_id),
            None => KeyOptions::default(),
        };
        SigningKey::parse(jwk.to_string().as_bytes(), &options)
    }

    #[test]
    fn what_is_wrong_with_a_member_is_said_with_what_to_write() {
        let text = |jwk: &Value, member: &str| jwk[member].as_str().unwrap().to_owned();
        let (ec, rsa) = (jwk(0), jwk(1));
        let short = URL_SAFE_NO_PAD.encode([1; 31]);
        for (name, jwk, member, value, says, advice) in [
            (
                "short coordinate",
                &ec,
                "x",
                json!(short),
                "`x` has 31 bytes and not 32",
                "leading zero",
            ),
            (
                "short private number",
                &ec,
                "d",
                json!(short),
                "`d` has 31 bytes and not 32",
                "leading zero",
            ),
            ("padded", &ec, "y", json!(text(&ec, "y") + "="), "`y` is padded", "remove the `=`"),
            (
                "padded modulus",
                &rsa,
                "n",
                json!(text(&rsa, "n") + "=="),
                "`n` is padded",
                "remove the `=`",
            ),
            ("other alphabet", &rsa, "d", json!("+/+/"), "`d` is not base64url", "- and _"),
            ("number", &rsa, "e", json!(65537), "`e` is not a text", "in quotes"),
            ("missing", &rsa, "n", Value::Null, "`n` is missing", "with `n`"),
            ("decryption", &rsa, "key_ops", json!(["decrypt"]), "`key_ops`", "signing key"),
            (
                "factor of another key",
                &rsa,
                "p",
                json!(text(&rsa, "q")),
                "do not fit together",
                "export",
            ),
            ("more primes", &rsa, "oth", json!([{}]), "do not fit together", "export"),
        ] {
            let mut jwk = jwk.clone();
            jwk[member] = value;
            let error = parse(&jwk, None).expect_err(name);
            assert!(error.to_string().contains(says), "{name}: {error}");
            assert!(error.advice().contains(advice), "{name}: {}", error.advice());
        }
    }

    #[test]
    fn the_private_half_is_picked_and_the_key_for_encryption_is_not() {
        let (ec, rsa) = (jwk(0), jwk(1));
        let mut public = ec.clone();
        public.as_object_mut().unwrap().remove("d");
        let mut encryption = rsa.clone();
        encryption["use"] = "enc".into();
        for keys in [json!([public, ec]), json!([ec, public]), json!([encryption, public, ec])] {
            for key_id in [None, Some("sample-set-es256")] {
                let key = parse(&json!({"keys": keys}), key_id).unwrap();
                assert_eq!(key.public_jwk().key_id(), Some("sample-set-es256"));
            }
        }
        assert!(parse(&json!([public, ec]), None).is_ok(), "the list alone");
        for (keys, says) in [
            (json!([public, public]), "no private key for signing"),
            (json!([public]), "public key"),
            (json!([encryption]), "not for signing"),
            (json!([ec, rsa]), "2 keys"),
            (json!([]), "no key"),
            (json!(["text", 1]), "no key"),
        ] {
            let error = parse(&json!({"keys": keys}), None).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn a_member_twice_is_refused() {
        let twice = jwk(0).to_string().replacen('{', r#"{"kid":"a","#, 1);
        let error = SigningKey::parse(twice.as_bytes(), &KeyOptions::default()).unwrap_err();
        assert!(error.to_string().contains("a member twice"), "{error}");
    }
}
