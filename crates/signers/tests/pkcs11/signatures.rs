//! Every kind of key signs as JWS wants it.

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
