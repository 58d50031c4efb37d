//! Finds the private key, and its public half.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use okta_introspect::{Error, KeyOptions, PublicJwk};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;
use openssl::x509::X509;

use super::fault::{Fault, Reach};
use super::slot::listed;
use super::uri::Uri;

/// How many private keys are looked at in a token.
const MAX_KEYS: usize = 100;

/// The one private key that the URI names.
pub(super) fn find(session: &Session, uri: &Uri) -> Result<ObjectHandle, Fault> {
    let found = private_keys(session, uri.object.as_deref(), uri.id.as_deref())?;
    match *found {
        [key] => Ok(key),
        [] => {
            let all = private_keys(session, None, None)?;
            let shown = match names(session, &all) {
                names if names.is_empty() => "the token shows no private key".to_owned(),
                names => format!("the token shows {}", listed(&names)),
            };
            // The key may be there again once the token is.
            Err(Fault::new(
                format!("the token has no such private key: {}; {shown}", wanted(uri)),
                "correct `object` or `id`, or make the key with `okta-introspect keygen --pkcs11`",
            )
            .reaching(Reach::Token))
        }
        _ => Err(Fault::new(
            format!(
                "{} private keys are meant by the `pkcs11:` URI, {}: {}",
                found.len(),
                wanted(uri),
                listed(&names(session, &found))
            ),
            "add what tells one from the others: id=%01, or object=LABEL",
        )),
    }
}

fn wanted(uri: &Uri) -> String {
    match (&uri.object, &uri.id) {
        (None, None) => "any".to_owned(),
        (Some(label), None) => format!("object {label:?}"),
        (None, Some(id)) => format!("id {}", hex(id)),
        (Some(label), Some(id)) => format!("object {label:?}, id {}", hex(id)),
    }
}

/// As it is written in a URI.
fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("%{byte:02x}")).collect()
}

pub(super) fn private_keys(
    session: &Session,
    label: Option<&str>,
    id: Option<&[u8]>,
) -> Result<Vec<ObjectHandle>, Fault> {
    objects(session, ObjectClass::PRIVATE_KEY, label, id)
}

fn objects(
    session: &Session,
    class: ObjectClass,
    label: Option<&str>,
    id: Option<&[u8]>,
) -> Result<Vec<ObjectHandle>, Fault> {
    let label = label.map(|label| Attribute::Label(label.as_bytes().to_vec()));
    let id = id.map(|id| Attribute::Id(id.to_vec()));
    let template: Vec<_> =
        [Some(Attribute::Class(class)), label, id].into_iter().flatten().collect();
    let looking = |error| Fault::call("looking for the key", error);
    let found = session.iter_objects(&template).map_err(looking)?;
    found.take(MAX_KEYS).collect::<Result<_, _>>().map_err(looking)
}

fn names(session: &Session, keys: &[ObjectHandle]) -> Vec<String> {
    let name = |key: &ObjectHandle| {
        let found = read(session, *key, &[AttributeType::Label, AttributeType::Id]);
        found.into_iter().find_map(|attribute| match attribute {
            Attribute::Label(label) if !label.is_empty() => {
                Some(String::from_utf8_lossy(&label).into_owned())
            }
            Attribute::Id(id) => Some(hex(&id)),
            _ => None,
        })
    };
    keys.iter().filter_map(name).collect()
}

/// The attributes that the object has; modules differ in what they tell of which object.
fn read(session: &Session, object: ObjectHandle, types: &[AttributeType]) -> Vec<Attribute> {
    let mut found = session.get_attributes(object, types).unwrap_or_default();
    if found.is_empty() {
        // Some modules refuse all for one that they do not know.
        for kind in types {
            found.extend(session.get_attributes(object, &[*kind]).unwrap_or_default());
        }
    }
    found
}

/// What is known of a private key beside its public half.
#[derive(Debug, Default)]
pub(super) struct Restrictions {
    /// Empty: any.
    pub(super) mechanisms: Vec<MechanismType>,
    /// Whether each signature needs the PIN.
    pub(super) always_authenticate: bool,
}

pub(super) fn restrictions(session: &Session, key: ObjectHandle) -> Restrictions {
    let mut restrictions = Restrictions::default();
    for kind in [AttributeType::AllowedMechanisms, AttributeType::AlwaysAuthenticate] {
        for attribute in session.get_attributes(key, &[kind]).unwrap_or_default() {
            match attribute {
                Attribute::AllowedMechanisms(allowed) => restrictions.mechanisms = allowed,
                Attribute::AlwaysAuthenticate(always) => restrictions.always_authenticate = always,
                _ => {}
            }
        }
    }
    restrictions
}

/// The public half: from the named file, or what the private object tells of it, or the public object
/// or certificate with the same id, or without one the same label.
pub(super) fn public(
    session: &Session,
    key: ObjectHandle,
    uri: &Uri,
    options: &KeyOptions,
) -> Result<PublicJwk, Error> {
    if let Some(path) = &uri.public_key {
        return PublicJwk::parse(&content(path)?, options);
    }
    let own = read(session, key, &TOLD);
    let der = of_attributes(&own).or_else(|| {
        let (label, id) = label_and_id(&own);
        let named = |class| match (&id, &label) {
            (Some(id), _) => objects(session, class, None, Some(id)),
            (None, Some(label)) => objects(session, class, Some(label), None),
            (None, None) => Ok(Vec::new()),
        };
        let of_public = named(ObjectClass::PUBLIC_KEY).unwrap_or_default();
        let of_certificate = named(ObjectClass::CERTIFICATE).unwrap_or_default();
        let public = of_public.into_iter().find_map(|it| of_attributes(&read(session, it, &TOLD)));
        public.or_else(|| {
            of_certificate.into_iter().find_map(|it| of_certificate_object(session, it))
        })
    });
    match der {
        Some(der) => PublicJwk::parse(&der, options),
        None => Err(Fault::new(
            "the token does not tell the public half of the key",
            "put the public key or a certificate with the same id into the token, or name a file with public-key-source=file:/path/of/key.pem",
        )
        .into()),
    }
}

const TOLD: [AttributeType; 8] = [
    AttributeType::KeyType,
    AttributeType::Modulus,
    AttributeType::PublicExponent,
    AttributeType::EcParams,
    AttributeType::EcPoint,
    AttributeType::PublicKeyInfo,
    AttributeType::Label,
    AttributeType::Id,
];

fn label_and_id(attributes: &[Attribute]) -> (Option<String>, Option<Vec<u8>>) {
    let (mut label, mut id) = (None, None);
    for attribute in attributes {
        match attribute {
            Attribute::Label(bytes) if !bytes.is_empty() => {
                label = String::from_utf8(bytes.clone()).ok();
            }
            Attribute::Id(bytes) if !bytes.is_empty() => id = Some(bytes.clone()),
            _ => {}
        }
    }
    (label, id)
}

/// A SubjectPublicKeyInfo of what an object tells.
fn of_attributes(attributes: &[Attribute]) -> Option<Vec<u8>> {
    let (mut kind, mut n, mut e, mut params, mut point, mut info) =
        (None, None, None, None, None, None);
    for attribute in attributes {
        match attribute {
            Attribute::KeyType(found) => kind = Some(*found),
            Attribute::Modulus(bytes) => n = Some(bytes),
            Attribute::PublicExponent(bytes) => e = Some(bytes),
            Attribute::EcParams(bytes) => params = Some(bytes),
            Attribute::EcPoint(bytes) => point = Some(bytes),
            Attribute::PublicKeyInfo(bytes) if !bytes.is_empty() => info = Some(bytes),
            _ => {}
        }
    }
    let built = match (kind, n, e, params, point) {
        (Some(KeyType::RSA), Some(n), Some(e), _, _) => rsa(n, e).ok(),
        (Some(KeyType::EC), _, _, Some(params), Some(point)) => ec(params, point).ok().flatten(),
        _ => None,
    };
    let read = || PKey::public_key_from_der(info?).ok();
    built.or_else(read)?.public_key_to_der().ok()
}

fn of_certificate_object(session: &Session, certificate: ObjectHandle) -> Option<Vec<u8>> {
    let value =
        read(session, certificate, &[AttributeType::Value]).into_iter().find_map(|it| match it {
            Attribute::Value(der) => Some(der),
            _ => None,
        });
    X509::from_der(&value?).ok()?.public_key().ok()?.public_key_to_der().ok()
}

fn rsa(n: &[u8], e: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    PKey::from_rsa(Rsa::from_public_components(BigNum::from_slice(n)?, BigNum::from_slice(e)?)?)
}

/// `params` is the curve's name (the DER of an OID), `point` the DER of an OCTET STRING or, from some
/// modules, the bare point. `None` for other curves.
fn ec(params: &[u8], point: &[u8]) -> Result<Option<PKey<Public>>, ErrorStack> {
    let Some((_, nid, _)) = CURVES.iter().find(|(oid, _, _)| *oid == params) else {
        return Ok(None);
    };
    let group = EcGroup::from_curve_name(*nid)?;
    let bare = match point {
        [0x04, len, rest @ ..] if usize::from(*len) == rest.len() && *len < 0x80 => rest,
        [0x04, 0x81, len, rest @ ..] if usize::from(*len) == rest.len() => rest,
        bare => bare,
    };
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(&group, bare, &mut context)
        .or_else(|_| EcPoint::from_bytes(&group, point, &mut context))?;
    PKey::from_ec_key(EcKey::from_public_key(&group, &point)?).map(Some)
}

/// The curves by the DER of their OIDs, with the name of JWS' algorithm.
pub(super) const CURVES: [(&[u8], Nid, &str); 3] = [
    (&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], Nid::X9_62_PRIME256V1, "ES256"),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22], Nid::SECP384R1, "ES384"),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23], Nid::SECP521R1, "ES512"),
];

fn content(path: &Path) -> Result<Vec<u8>, Fault> {
    const MAX_LEN: u64 = 256 * 1024;
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(MAX_LEN + 1).read_to_end(&mut bytes)) {
        Ok(_) => Ok(bytes),
        Err(cause) => Err(Fault::new(
            format!("the file of the public key cannot be read: {} ({cause})", path.display()),
            "check the path and the right to read it",
        )),
    }
}
