//! The signature algorithms that Okta takes.

use josekit::jws::JwsAlgorithm as _;
use josekit::jws::alg::ecdsa::EcdsaJwsAlgorithm;
use josekit::jws::alg::rsassa::RsassaJwsAlgorithm;

/// A signature algorithm. Okta takes no PS, no HS and no `none`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Algorithm {
    /// RSASSA-PKCS1-v1_5.
    Rsa(RsassaJwsAlgorithm),
    /// ECDSA, each with a curve of its own.
    Ec(EcdsaJwsAlgorithm),
}

impl Algorithm {
    /// The algorithm that `alg` names, if Okta takes it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rsa(RsassaJwsAlgorithm::Rs256),
            "RS384" => Self::Rsa(RsassaJwsAlgorithm::Rs384),
            "RS512" => Self::Rsa(RsassaJwsAlgorithm::Rs512),
            "ES256" => Self::Ec(EcdsaJwsAlgorithm::Es256),
            "ES384" => Self::Ec(EcdsaJwsAlgorithm::Es384),
            "ES512" => Self::Ec(EcdsaJwsAlgorithm::Es512),
            _ => return None,
        })
    }

    /// Its name in `alg`.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Rsa(rsa) => rsa.name(),
            Self::Ec(ec) => ec.name(),
        }
    }
}
