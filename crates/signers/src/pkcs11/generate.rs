//! Makes keys inside of a token.

use cryptoki::error::{Error as ModuleError, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType};
use cryptoki::session::Session;
use okta_introspect::{Algorithm, Error, KeyOptions, PublicJwk, Random as _, SystemRandom};

use super::fault::Fault;
use super::module::Module;
use super::module_file;
use super::object::{self, CURVES};
use super::pin::Pin;
use super::slot;
use super::uri::Uri;

pub(super) fn generate(
    uri: &Uri,
    algorithm: Algorithm,
    rsa_bits: u32,
    options: &KeyOptions,
) -> Result<PublicJwk, Error> {
    let Some(label) = uri.object.clone().filter(|label| !label.is_empty()) else {
        return Err(Fault::new(
            "the `pkcs11:` URI gives the new key no label",
            "add object=LABEL, such as pkcs11:token=okta;object=service-app",
        )
        .into());
    };
    let pin = Pin { source: uri.pin.clone(), given: options.passphrase.clone() };
    let module = Module::load(&module_file::locate(uri.module.as_ref())?)?;
    let context = module.context();
    let (slot, info) = slot::find(&context, &uri.token)?;
    let session = context
        .pkcs11
        .open_rw_session(slot)
        .map_err(|error| Fault::call("opening a session that writes", error))?;
    slot::login(&module, &context, slot, &info, &session, &pin)?;
    if !object::private_keys(&session, Some(&label), None)?.is_empty() {
        return Err(Fault::new(
            format!("the token has a private key of this label already: {label:?}"),
            "choose another label; an existing key is never overwritten",
        )
        .into());
    }
    let id = uri.id.clone().unwrap_or_else(random_id);
    let (key, public) = make(&session, algorithm, rsa_bits, &label, &id)?;
    let read =
        object::public(&session, key, &Uri::default(), &options.clone().algorithm(algorithm));
    if read.is_err() {
        // What cannot be registered would only be in the way.
        let _ = session.destroy_object(key);
        let _ = session.destroy_object(public);
    }
    read
}

/// As long as those that other tools make.
fn random_id() -> Vec<u8> {
    let mut id = [0; 16];
    SystemRandom.fill(&mut id);
    id.to_vec()
}

fn make(
    session: &Session,
    algorithm: Algorithm,
    rsa_bits: u32,
    label: &str,
    id: &[u8],
) -> Result<(cryptoki::object::ObjectHandle, cryptoki::object::ObjectHandle), Fault> {
    let shared =
        [Attribute::Token(true), Attribute::Label(label.into()), Attribute::Id(id.to_vec())];
    let mut private = shared.to_vec();
    private.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ]);
    let mut public = shared.to_vec();
    public.extend([Attribute::Private(false), Attribute::Verify(true)]);
    let curve = CURVES.iter().find(|(.., name)| *name == algorithm.name());
    let mechanism = match curve {
        Some((oid, ..)) => {
            public.extend([Attribute::KeyType(KeyType::EC), Attribute::EcParams(oid.to_vec())]);
            private.push(Attribute::KeyType(KeyType::EC));
            Mechanism::EccKeyPairGen
        }
        None => {
            public.extend([
                Attribute::KeyType(KeyType::RSA),
                Attribute::ModulusBits(u64::from(rsa_bits).into()),
                Attribute::PublicExponent(vec![1, 0, 1]),
            ]);
            private.push(Attribute::KeyType(KeyType::RSA));
            Mechanism::RsaPkcsKeyPairGen
        }
    };
    let (public, private) = session
        .generate_key_pair(&mechanism, &public, &private)
        .map_err(|error| not_made(algorithm, rsa_bits, error))?;
    Ok((private, public))
}

fn not_made(algorithm: Algorithm, rsa_bits: u32, error: ModuleError) -> Fault {
    let kind = match algorithm.name().starts_with('E') {
        true => format!("key for {algorithm}"),
        false => format!("RSA key of {rsa_bits} bits"),
    };
    match &error {
        ModuleError::Pkcs11(
            RvError::MechanismInvalid
            | RvError::CurveNotSupported
            | RvError::KeySizeRange
            | RvError::DomainParamsInvalid
            | RvError::AttributeValueInvalid
            | RvError::TemplateInconsistent,
            _,
        ) => Fault::new(
            format!("the token makes no {kind}"),
            "choose another algorithm or size; ES256 and RSA of 2048 bits are the most common",
        )
        .because(error),
        ModuleError::Pkcs11(RvError::TokenWriteProtected | RvError::SessionReadOnly, _) => {
            Fault::new("the token takes no new keys", "make the key with the token's own tool")
                .because(error)
        }
        _ => Fault::call("making a key", error),
    }
}
