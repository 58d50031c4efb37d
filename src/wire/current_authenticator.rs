//! What authenticates the client now, where that changes while it is in use.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::credential::assertion::{AssertionConfig, ClientAssertion};
use crate::credential::client_auth::ClientAuth;
use crate::credential::secret_file::SecretFile;
use crate::error::Error;
use crate::key::follow::Followed;
use crate::support::random::Random;
use crate::wire::authentication::{Authenticator, Credential};

/// The authenticator of a client: the same one for ever, or one for each secret that a file has.
#[derive(Debug)]
pub(crate) struct CurrentAuthenticator {
    client_id: String,
    current: Arc<RwLock<Arc<Authenticator>>>,
    file: Option<Followed>,
}

impl CurrentAuthenticator {
    pub(crate) fn new(
        client_id: String,
        auth: &ClientAuth,
        config: AssertionConfig,
        random: Arc<dyn Random>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let id = client_id.clone();
        let paced_by = Arc::clone(&clock);
        let make = move |auth: &ClientAuth| {
            Authenticator::new(id.clone(), auth, config.clone(), Arc::clone(&random))
                .map(|made| made.with_clock(Arc::clone(&paced_by)))
        };
        match auth {
            ClientAuth::SecretFile(file) => Self::following(client_id, file.clone(), make, clock),
            fixed => {
                let current = Arc::new(RwLock::new(Arc::new(make(fixed)?)));
                Ok(Self { client_id, current, file: None })
            }
        }
    }

    fn following(
        client_id: String,
        file: SecretFile,
        make: impl Fn(&ClientAuth) -> Result<Authenticator, Error> + Send + 'static,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let content = file.read()?;
        let auth = ClientAuth::of_file(&file, &content)?;
        let current = Arc::new(RwLock::new(Arc::new(make(&auth)?)));
        let (taken, path, interval) = (Arc::clone(&current), file.path().to_owned(), file.interval);
        let take = move |content: &[u8]| {
            let next = ClientAuth::of_file(&file, content).and_then(|auth| make(&auth))?;
            *taken.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
            tracing::info!(
                "the file of the client secret was replaced; authenticating by the new one"
            );
            Ok(())
        };
        let (max_len, take) = (SecretFile::max_len(), Box::new(take));
        let mut followed = Followed::new(clock, &path, "client secret", max_len, &content, take);
        followed.set_interval(interval);
        Ok(Self { client_id, current, file: Some(followed) })
    }

    fn current(&self) -> Arc<Authenticator> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The method's registered name.
    pub(crate) fn method(&self) -> &'static str {
        self.current().method()
    }

    /// How many requests a second it can authenticate; `None` if nothing is known to stand in the way.
    pub(crate) fn max_per_second(&self) -> Option<NonZeroU32> {
        self.current().max_per_second()
    }

    /// Whether it authenticates by a private key.
    pub(crate) fn has_key(&self) -> bool {
        self.current().has_key()
    }

    /// An assertion for `audience`.
    pub(crate) async fn assertion(
        &self,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<ClientAssertion, Error> {
        self.look().await;
        self.current().assertion(audience, now).await
    }

    /// What the next request authenticates with.
    pub(crate) async fn credential(
        &self,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<Credential, Error> {
        self.look().await;
        self.current().credential(audience, now).await
    }

    /// Hears that the server did not take a credential. Gives whether the next one differs.
    pub(crate) async fn refused(&self, credential: &Credential) -> bool {
        match &self.file {
            Some(file) => {
                let is_replaced = || !credential.is_by(&self.current());
                file.look_after_refusal(is_replaced).await
            }
            None => credential.refused().await,
        }
    }

    async fn look(&self) {
        if let Some(file) = &self.file {
            file.look_if_due().await;
        }
    }
}
