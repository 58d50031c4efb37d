//! The signer.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use okta_introspect::{
    Algorithm, BoxError, BoxFuture, Error, ErrorKind, KeyOptions, PublicJwk, Signer, SignerLimits,
};

use crate::{algorithm, fault};

/// Signs with a key in AWS KMS. Cheap to clone; clones share everything.
///
/// Each signature is one `Sign` of KMS, with the digest of what is to be signed; its time limit and its repetitions are
/// those of the [`Client`] given. A signature that does not fit the public half is an error.
///
/// # Example: an alias
///
/// ```no_run
/// use okta_introspect::{Client, Error, Issuer};
/// use okta_introspect_aws_kms::KmsSigner;
///
/// # async fn example(kms: aws_sdk_kms::Client) -> Result<(), Error> {
/// let signer = KmsSigner::builder(kms, "alias/okta-service-app").key_id("k1").open().await?;
/// println!("register {}", signer.jwk().to_json());
/// let client = Client::builder(Issuer::parse("https://acme.okta.com")?, "0oa1b2c3d4", signer).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KmsSigner {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    key: String,
    algorithm: Algorithm,
    spec: SigningAlgorithmSpec,
    public: PublicJwk,
    limits: SignerLimits,
}

impl KmsSigner {
    /// Begins a signer with the key of this id, ARN, alias or alias's ARN.
    pub fn builder(client: Client, key: impl Into<String>) -> KmsSignerBuilder {
        KmsSignerBuilder {
            client,
            key: key.into(),
            key_id: None,
            algorithm: None,
            limits: SignerLimits::default(),
        }
    }

    /// The public half, as it is registered with the server.
    pub fn jwk(&self) -> &PublicJwk {
        &self.inner.public
    }

    async fn signature(&self, input: &[u8]) -> Result<Vec<u8>, Error> {
        let inner = &*self.inner;
        let wrong = |what: &str| {
            let advice =
                "see whether the endpoint is that of KMS, and the key the one that was opened";
            Error::from_remote_signer(ErrorKind::Key, format!("AWS KMS {what}"), advice, None)
        };
        let digest = algorithm::digest(inner.algorithm, input)
            .map_err(|_| wrong("was asked for nothing: OpenSSL failed"))?;
        let request = inner.client.sign().key_id(&inner.key).message(Blob::new(digest));
        let request =
            request.message_type(MessageType::Digest).signing_algorithm(inner.spec.clone());
        let answer =
            request.send().await.map_err(|error| fault::of("made no signature", &error))?;
        let given = answer.signature.ok_or_else(|| wrong("gave no signature"))?;
        let signature = algorithm::jws(inner.algorithm, given.as_ref())
            .ok_or_else(|| wrong("gave an ECDSA signature that is none in DER"))?;
        match inner.public.verifies(input, &signature) {
            true => Ok(signature),
            false => Err(wrong("gave a signature that does not fit the key's public half")),
        }
    }
}

impl fmt::Debug for KmsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsSigner")
            .field("key", &self.inner.key)
            .field("public", &self.inner.public)
            .finish_non_exhaustive()
    }
}

impl Signer for KmsSigner {
    fn algorithm(&self) -> Algorithm {
        self.inner.algorithm
    }

    fn key_id(&self) -> Option<&str> {
        self.inner.public.key_id()
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        Some(&self.inner.public)
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        Box::pin(async move { self.signature(signing_input).await.map_err(Into::into) })
    }

    fn limits(&self) -> SignerLimits {
        self.inner.limits
    }
}

/// The settings of a [`KmsSigner`].
///
/// # Example: an RSA key, and a share of the account's quota
///
/// ```no_run
/// use std::num::NonZeroU32;
///
/// use okta_introspect::{Algorithm, Error};
/// use okta_introspect_aws_kms::KmsSigner;
///
/// # async fn example(kms: aws_sdk_kms::Client) -> Result<KmsSigner, Error> {
/// let signer = KmsSigner::builder(kms, "alias/okta-service-app").algorithm(Algorithm::Rs256);
/// signer.max_per_second(NonZeroU32::new(50)).open().await
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct KmsSignerBuilder {
    client: Client,
    key: String,
    key_id: Option<String>,
    algorithm: Option<Algorithm>,
    limits: SignerLimits,
}

impl KmsSignerBuilder {
    /// The `kid` under which the public half is registered with the server. Default: none.
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// The algorithm of every signature. Default: RS256 for an RSA key, and the curve's for an EC key.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// How many signatures a second this process may ask for; see [`SignerLimits::max_per_second`]. Default: as many as are
    /// wanted.
    pub fn max_per_second(mut self, signatures: Option<NonZeroU32>) -> Self {
        self.limits = self.limits.max_per_second(signatures);
        self
    }

    /// Reads the public half from KMS.
    ///
    /// # Errors
    ///
    /// [`Configuration`](ErrorKind::Configuration) if there is no such key, [`Key`](ErrorKind::Key) if it cannot sign or
    /// not with this algorithm, [`ClientRefused`](ErrorKind::ClientRefused) if AWS does not allow it, and
    /// temporary ones where KMS is away or busy.
    pub async fn open(self) -> Result<KmsSigner, Error> {
        let answer = self.client.get_public_key().key_id(&self.key).send().await;
        let answer = answer.map_err(|error| fault::of("gave no public key", &error))?;
        let unfit = |what: String| {
            let advice =
                "take an asymmetric key with the usage SIGN_VERIFY, RSA or on a NIST curve";
            Error::from_remote_signer(ErrorKind::Key, what, advice, None)
        };
        let der =
            answer.public_key.ok_or_else(|| unfit("AWS KMS gave no public key".to_owned()))?;
        let mut options = KeyOptions::default();
        options.algorithm = self.algorithm;
        options.key_id = self.key_id;
        let public = PublicJwk::parse(der.as_ref(), &options)?;
        let algorithm = public.algorithm();
        let spec = algorithm::spec(algorithm)
            .filter(|spec| answer.signing_algorithms.as_deref().unwrap_or_default().contains(spec));
        let Some(spec) = spec else {
            return Err(unfit(format!("the key in AWS KMS does not sign with {algorithm}")));
        };
        let (client, key, limits) = (self.client, self.key, self.limits);
        Ok(KmsSigner { inner: Arc::new(Inner { client, key, algorithm, spec, public, limits }) })
    }
}

impl fmt::Debug for KmsSignerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsSignerBuilder")
            .field("key", &self.key)
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
