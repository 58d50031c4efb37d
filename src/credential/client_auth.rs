//! The ways in which a client authenticates.

use std::sync::Arc;

use super::secret_file::{Form, SecretFile};
use crate::error::Error;
use crate::jws::HmacAlgorithm;
use crate::key::Signer;
use crate::secret::Secret;

/// How a client authenticates at the token, introspection and revocation endpoints: the
/// `token_endpoint_auth_method` that its app is set to
/// ([OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication)).
///
/// A [`Signer`] becomes [`PrivateKeyJwt`](Self::PrivateKeyJwt) by itself, which is the one method by
/// which Okta's org server gives tokens to service apps; its custom servers take the others, too.
///
/// # Example: an app with a secret
///
/// ```
/// use okta_introspect::{Client, ClientAuth, Error, Issuer, Secret};
///
/// fn client(secret: Secret) -> Result<Client, Error> {
///     let issuer = Issuer::parse("https://acme.okta.com/oauth2/default")?;
///     Client::builder(issuer, "0oa1b2c3d4", ClientAuth::ClientSecretBasic(secret)).build()
/// }
/// # client(Secret::new("a sample, and no app's secret"))?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientAuth {
    /// A JWT signed with the app's private key
    /// ([RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).
    PrivateKeyJwt(Arc<dyn Signer>),
    /// The secret in the `Authorization` header
    /// ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)): id and secret are
    /// form-encoded each before Base64 is made of them.
    ClientSecretBasic(Secret),
    /// The secret in the form (RFC 6749 §2.3.1).
    ClientSecretPost(Secret),
    /// A JWT signed with the secret, which itself stays here.
    ClientSecretJwt {
        /// The secret: at least as many bytes as
        /// [`min_secret_len`](HmacAlgorithm::min_secret_len).
        secret: Secret,
        /// What it signs by.
        algorithm: HmacAlgorithm,
    },
    /// A secret in a file that may be replaced while the client is in use.
    SecretFile(SecretFile),
    /// Nothing but the client id, in the form: a public client.
    None,
}

impl ClientAuth {
    /// A JWT signed with `secret` by `algorithm`.
    pub fn client_secret_jwt(secret: Secret, algorithm: HmacAlgorithm) -> Self {
        Self::ClientSecretJwt { secret, algorithm }
    }

    /// The method's registered name, such as `private_key_jwt`.
    ///
    /// # Example
    ///
    /// ```
    /// use okta_introspect::ClientAuth;
    ///
    /// assert_eq!(ClientAuth::None.method(), "none");
    /// ```
    pub fn method(&self) -> &'static str {
        match self {
            Self::PrivateKeyJwt(_) => "private_key_jwt",
            Self::ClientSecretBasic(_) => "client_secret_basic",
            Self::ClientSecretPost(_) => "client_secret_post",
            Self::ClientSecretJwt { .. } => "client_secret_jwt",
            Self::SecretFile(file) => file.method(),
            Self::None => "none",
        }
    }

    /// What a file authenticates with when it has this content.
    pub(crate) fn of_file(file: &SecretFile, content: &[u8]) -> Result<Self, Error> {
        let secret = SecretFile::secret(content)?;
        Ok(match file.form {
            Form::Basic => Self::ClientSecretBasic(secret),
            Form::Post => Self::ClientSecretPost(secret),
            Form::Jwt(algorithm) => Self::client_secret_jwt(secret, algorithm),
        })
    }

    /// The key that signs, if a key does.
    pub fn signer(&self) -> Option<&Arc<dyn Signer>> {
        match self {
            Self::PrivateKeyJwt(signer) => Some(signer),
            Self::ClientSecretBasic(_)
            | Self::ClientSecretPost(_)
            | Self::ClientSecretJwt { .. }
            | Self::SecretFile(_)
            | Self::None => None,
        }
    }

    /// Whether the secret itself is sent, so that whatever gets it is as good as the client.
    pub(crate) fn sends_secret(&self) -> bool {
        match self {
            Self::ClientSecretBasic(_) | Self::ClientSecretPost(_) => true,
            Self::SecretFile(file) => file.sends_secret(),
            Self::PrivateKeyJwt(_) | Self::ClientSecretJwt { .. } | Self::None => false,
        }
    }
}

impl<S: Signer + 'static> From<S> for ClientAuth {
    fn from(signer: S) -> Self {
        Self::PrivateKeyJwt(Arc::new(signer))
    }
}

impl From<SecretFile> for ClientAuth {
    fn from(file: SecretFile) -> Self {
        Self::SecretFile(file)
    }
}

impl From<Arc<dyn Signer>> for ClientAuth {
    fn from(signer: Arc<dyn Signer>) -> Self {
        Self::PrivateKeyJwt(signer)
    }
}
