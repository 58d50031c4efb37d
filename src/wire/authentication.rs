//! What of a client's authentication goes into a request: the one place that decides it.

use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::credential::assertion::{AssertionConfig, AssertionSigner, ClientAssertion};
use crate::credential::client_auth::ClientAuth;
use crate::credential::{check_client_id, check_client_secret};
use crate::error::Error;
use crate::secret::Secret;
use crate::support::random::Random;
use crate::wire::secret_header::secret_header;

/// What precedes the assertion in every form; the type is [`ClientAssertion::TYPE`].
const ASSERTION_FIELDS: &str = "client_assertion_type=\
    urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=";

/// Authenticates one client.
#[derive(Debug)]
pub(crate) struct Authenticator {
    client_id: String,
    method: &'static str,
    means: Means,
}

#[derive(Debug)]
enum Means {
    /// An assertion for each request, in the form.
    Assertion(Box<AssertionSigner>),
    /// The same header in each request; and all that is secret about it.
    Header(HeaderValue, [Secret; 3]),
    /// The same fields in each form; and all that is secret about them.
    Fields(Secret, Option<[Secret; 2]>),
}

/// What one request authenticates with.
#[derive(Debug)]
pub(crate) struct Credential {
    by: Arc<Authenticator>,
    assertion: Option<ClientAssertion>,
}

impl Authenticator {
    pub(crate) fn new(
        client_id: String,
        auth: &ClientAuth,
        config: AssertionConfig,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        check_client_id(&client_id)?;
        let assertions = |made: AssertionSigner| Means::Assertion(Box::new(made));
        let id = client_id.as_str();
        let means = match auth {
            ClientAuth::PrivateKeyJwt(signer) => {
                AssertionSigner::new(id, Arc::clone(signer), config, random).map(assertions)?
            }
            ClientAuth::ClientSecretJwt { secret, algorithm } => {
                AssertionSigner::with_secret(id, secret, *algorithm, config, random)
                    .map(assertions)?
            }
            ClientAuth::ClientSecretBasic(secret) => basic(id, secret)?,
            ClientAuth::ClientSecretPost(secret) => post(id, secret)?,
            ClientAuth::None => Means::Fields(fields(&[("client_id", id)]), None),
            ClientAuth::SecretFile(file) => {
                let auth = ClientAuth::of_file(file, &file.read()?)?;
                return Self::new(client_id, &auth, config, random);
            }
        };
        Ok(Self { client_id, method: auth.method(), means })
    }

    /// Waits by this clock where the signer is slow.
    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        let means = match self.means {
            Means::Assertion(signer) => Means::Assertion(Box::new(signer.with_clock(clock))),
            means => means,
        };
        Self { means, ..self }
    }

    /// How many requests a second it can authenticate; `None` if nothing is known to stand in the way.
    pub(crate) fn max_per_second(&self) -> Option<NonZeroU32> {
        match &self.means {
            Means::Assertion(signer) => signer.max_per_second(),
            Means::Header(..) | Means::Fields(..) => None,
        }
    }

    /// The method's registered name.
    pub(crate) fn method(&self) -> &'static str {
        self.method
    }

    /// Whether a private key authenticates.
    pub(crate) fn has_key(&self) -> bool {
        self.method == "private_key_jwt"
    }

    /// An assertion for `audience`.
    pub(crate) async fn assertion(
        &self,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<ClientAssertion, Error> {
        match &self.means {
            Means::Assertion(signer) => signer.assertion(audience, now).await,
            Means::Header(..) | Means::Fields(..) => {
                let method = self.method;
                let what = format!("this client makes no assertions: it authenticates by {method}");
                Err(Error::configuration(what)
                    .advise("give the client a key, or let its secret sign: client_secret_jwt"))
            }
        }
    }

    /// What the next request authenticates with: where that is an assertion, a new one.
    pub(crate) async fn credential(
        self: &Arc<Self>,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<Credential, Error> {
        let assertion = match &self.means {
            Means::Assertion(signer) => Some(signer.assertion(audience, now).await?),
            Means::Header(..) | Means::Fields(..) => None,
        };
        Ok(Credential { by: Arc::clone(self), assertion })
    }
}

impl Credential {
    /// Whether it is this authenticator's.
    pub(crate) fn is_by(&self, authenticator: &Arc<Authenticator>) -> bool {
        Arc::ptr_eq(&self.by, authenticator)
    }

    /// Hears that the server did not take it. Gives whether there is another key to try.
    pub(crate) async fn refused(&self) -> bool {
        match (&self.by.means, &self.assertion) {
            (Means::Assertion(signer), Some(sent)) => signer.refused(sent).await,
            _ => false,
        }
    }

    /// Puts into the headers what belongs there.
    pub(crate) fn add_header(&self, headers: &mut HeaderMap) {
        if let Means::Header(value, _) = &self.by.means {
            headers.insert(AUTHORIZATION, value.clone());
        }
    }

    /// The beginning of the form, encoded: two texts, one after the other.
    pub(crate) fn fields(&self) -> [&str; 2] {
        match (&self.by.means, &self.assertion) {
            (Means::Fields(fields, _), _) => [fields.expose(), ""],
            (_, Some(assertion)) => [ASSERTION_FIELDS, assertion.expose()],
            (_, None) => ["", ""],
        }
    }

    /// All that is secret about it, in each form in which it is sent.
    pub(crate) fn secrets(&self) -> [Option<Secret>; 3] {
        match &self.by.means {
            Means::Header(_, secrets) => secrets.clone().map(Some),
            Means::Fields(_, Some([plain, encoded])) => {
                [Some(plain.clone()), Some(encoded.clone()), None]
            }
            Means::Fields(_, None) => [None, None, None],
            Means::Assertion(_) => {
                [self.assertion.as_ref().map(|sent| sent.secret().clone()), None, None]
            }
        }
    }

    /// What it says about itself, for the explanation of a refusal.
    pub(crate) fn describe(&self, about: &str) -> Option<String> {
        match (&self.by.means, &self.assertion) {
            _ if about == "authentication method" => Some(self.by.method.to_owned()),
            (Means::Assertion(signer), Some(sent)) => signer.describe(about, sent),
            _ => (about == "iss").then(|| self.by.client_id.clone()),
        }
    }
}

/// RFC 6749 §2.3.1: both are form-encoded first, so that a colon in either is none.
fn basic(client_id: &str, secret: &Secret) -> Result<Means, Error> {
    check_client_secret(secret)?;
    let encoded = encode(secret.expose());
    let pair = Zeroizing::new(format!("{}:{}", encode(client_id).expose(), encoded.expose()));
    let base64 = Secret::new(STANDARD.encode(pair.as_bytes()));
    let header = Zeroizing::new(format!("Basic {}", base64.expose()));
    Ok(Means::Header(secret_header(&header)?, [secret.clone(), encoded, base64]))
}

fn post(client_id: &str, secret: &Secret) -> Result<Means, Error> {
    check_client_secret(secret)?;
    let sent = fields(&[("client_id", client_id), ("client_secret", secret.expose())]);
    Ok(Means::Fields(sent, Some([secret.clone(), encode(secret.expose())])))
}

fn fields(fields: &[(&str, &str)]) -> Secret {
    Secret::new(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
}

fn encode(text: &str) -> Secret {
    Secret::new(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jws::HmacAlgorithm;
    use crate::key::{Algorithm, SigningKey};
    use crate::support::random::SeededRandom;

    /// With everything that an encoding could get wrong.
    const SECRET: &str = "s3cr%2B+: &=/pä\u{1f511}ss";

    fn authenticator(auth: &ClientAuth) -> Result<Arc<Authenticator>, Error> {
        let random = Arc::new(SeededRandom::new(1));
        let id = "my portal:1".to_owned();
        Authenticator::new(id, auth, AssertionConfig::default(), random).map(Arc::new)
    }

    async fn credential(authenticator: &Arc<Authenticator>) -> Credential {
        let now = DateTime::UNIX_EPOCH;
        authenticator.credential("https://acme.okta.com", now).await.unwrap()
    }

    fn read(form: &str) -> Vec<(String, String)> {
        form_urlencoded::parse(form.as_bytes()).into_owned().collect()
    }

    #[test_support::test]
    async fn basic_is_what_a_server_decodes_to_id_and_secret() {
        for secret in [SECRET, "plain-1", "%", "+", ":", &"\u{e9}".repeat(512)] {
            let basic = ClientAuth::ClientSecretBasic(Secret::new(secret));
            let authenticator = authenticator(&basic).unwrap();
            let credential = credential(&authenticator).await;
            let mut headers = HeaderMap::new();
            credential.add_header(&mut headers);
            assert!(headers[AUTHORIZATION].is_sensitive());
            let sent = headers[AUTHORIZATION].to_str().unwrap().strip_prefix("Basic ").unwrap();
            let pair = String::from_utf8(STANDARD.decode(sent).unwrap()).unwrap();
            let (id, encoded) = pair.split_once(':').unwrap();
            let decoded = read(&format!("id={id}&secret={encoded}"));
            assert_eq!(decoded[0].1, "my portal:1");
            assert_eq!(decoded[1].1, secret);
            assert_eq!(credential.fields().concat(), "");
            let forms = credential.secrets().map(|form| form.unwrap().expose().to_owned());
            assert_eq!(forms, [secret, encoded, sent]);
        }
    }

    #[test_support::test]
    async fn post_has_id_and_secret_in_the_form_and_none_has_the_id() {
        let post = authenticator(&ClientAuth::ClientSecretPost(Secret::new(SECRET))).unwrap();
        let none = authenticator(&ClientAuth::None).unwrap();
        let (post, none) = (credential(&post).await, credential(&none).await);
        let id = ("client_id".to_owned(), "my portal:1".to_owned());
        let secret = ("client_secret".to_owned(), SECRET.to_owned());
        assert_eq!(read(&post.fields().concat()), [id.clone(), secret]);
        assert_eq!(read(&none.fields().concat()), [id]);
        let sent = post.secrets().map(|form| form.map(|form| form.expose().to_owned()));
        assert_eq!(sent[0].as_deref(), Some(SECRET));
        assert!(post.fields()[0].ends_with(sent[1].as_deref().unwrap()));
        assert!(none.secrets().iter().all(Option::is_none));
        for credential in [post, none] {
            let mut headers = HeaderMap::new();
            credential.add_header(&mut headers);
            assert!(headers.is_empty());
            assert_eq!(credential.describe("iss").as_deref(), Some("my portal:1"));
            assert_eq!(credential.describe("aud"), None);
        }
    }

    #[test_support::test]
    async fn assertions_are_made_with_a_key_or_by_a_secret_and_with_nothing_else() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let secret = || Secret::new(SECRET.repeat(3));
        let by_secret = ClientAuth::client_secret_jwt(secret(), HmacAlgorithm::Hs512);
        for (auth, alg) in [(key.into(), "ES256"), (by_secret, "HS512")] {
            let authenticator = authenticator(&auth).unwrap();
            let credential = credential(&authenticator).await;
            assert_eq!(credential.describe("alg").as_deref(), Some(alg));
            let method = credential.describe("authentication method");
            assert_eq!(method.as_deref(), Some(auth.method()));
            let read = read(&credential.fields().concat());
            assert_eq!(read[0].1, ClientAssertion::TYPE);
            assert_eq!(read[1].0, "client_assertion");
            assert_eq!(credential.secrets()[0].as_ref().unwrap().expose(), read[1].1);
        }
        let (basic, post) =
            (ClientAuth::ClientSecretBasic(secret()), ClientAuth::ClientSecretPost(secret()));
        for auth in [basic, post, ClientAuth::None] {
            let authenticator = authenticator(&auth).unwrap();
            let none = authenticator.assertion("https://acme.okta.com", DateTime::UNIX_EPOCH).await;
            let error = none.unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Configuration);
            assert!(error.to_string().contains(auth.method()), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_by_every_method() {
        let bad = || Secret::new("s3cr\n");
        for auth in [
            ClientAuth::ClientSecretBasic(bad()),
            ClientAuth::ClientSecretPost(bad()),
            ClientAuth::client_secret_jwt(bad(), HmacAlgorithm::Hs256),
            ClientAuth::client_secret_jwt(Secret::new("x".repeat(31)), HmacAlgorithm::Hs256),
        ] {
            let error = authenticator(&auth).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Configuration, "{auth:?}");
        }
    }

    #[test]
    fn the_constant_part_of_the_form_is_what_encoding_would_give() {
        let pairs = [("client_assertion_type", ClientAssertion::TYPE), ("client_assertion", "")];
        assert_eq!(fields(&pairs).expose(), ASSERTION_FIELDS);
    }
}
