//! Every kind of key signs as JWS wants it.

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use okta_introspect::{Algorithm, KeyOptions};

use crate::token::{Kind, with};

/// By label: the algorithm with which the key is made, its size, and all by which it signs.
type Key = (&'static str, Algorithm, u32, &'static [Algorithm]);

const RSA: &[Algorithm] = &[
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];
const PKCS1: &[Algorithm] = &[Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];

fn sign_with_all(kind: Kind, name: &str, keys: &[Key]) {
    let Some(token) = with(kind, name) else { return };
    for (label, made_for, bits, algorithms) in keys {
        token.make(label, *made_for, *bits);
        for algorithm in *algorithms {
            let key = token.open(label, &KeyOptions::default().algorithm(*algorithm));
            for input in [b"".as_slice(), b"e30.e30", &[b'a'; 4000]] {
                let signature = key.sign_blocking(input).unwrap();
                assert!(key.public_jwk().verifies(input, &signature), "{label} {algorithm}");
            }
        }
    }
}

#[test]
fn soft_hsm_signs_with_every_algorithm() {
    let keys: &[Key] = &[
        ("r2048", Algorithm::Rs256, 2048, RSA),
        ("r3072", Algorithm::Rs256, 3072, &[Algorithm::Rs256, Algorithm::Ps256]),
        ("p256", Algorithm::Es256, 0, &[Algorithm::Es256]),
        ("p384", Algorithm::Es384, 0, &[Algorithm::Es384]),
        ("p521", Algorithm::Es512, 0, &[Algorithm::Es512]),
    ];
    sign_with_all(Kind::SoftHsm, "signatures::soft_hsm_signs_with_every_algorithm", keys);
}

#[test]
fn a_tpm_signs() {
    let keys: &[Key] = &[
        ("r2048", Algorithm::Rs256, 2048, PKCS1),
        ("p256", Algorithm::Es256, 0, &[Algorithm::Es256]),
        ("p384", Algorithm::Es384, 0, &[Algorithm::Es384]),
    ];
    sign_with_all(Kind::Tpm, "signatures::a_tpm_signs", keys);
}

/// As those of a PIV card for signatures.
#[test]
fn a_key_that_wants_the_pin_each_time_gets_it() {
    let name = "signatures::a_key_that_wants_the_pin_each_time_gets_it";
    let Some(token) = with(Kind::SoftHsm, name) else { return };
    token.make("other", Algorithm::Es256, 0);
    let other = token.open("other", &KeyOptions::default());
    let module = Pkcs11::new("/usr/lib/softhsm/libsofthsm2.so").unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    let session = module.open_rw_session(slot).unwrap();
    let named =
        [Attribute::Token(true), Attribute::Label(b"each".to_vec()), Attribute::Id(vec![7])];
    let public = [Attribute::ModulusBits(2048.into()), Attribute::Verify(true)];
    let private =
        [Attribute::Private(true), Attribute::Sign(true), Attribute::AlwaysAuthenticate(true)];
    let both = |own: &[Attribute]| [&named, own].concat();
    session
        .generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &both(&public), &both(&private))
        .unwrap();
    let key = token.open("each", &KeyOptions::default());
    for input in [b"one".as_slice(), b"two"] {
        let signature = key.sign_blocking(input).unwrap();
        assert!(key.public_jwk().verifies(input, &signature));
    }
    drop(other);
}
