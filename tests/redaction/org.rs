//! An org with something to refuse in every way.

use okta_introspect::sandbox::{App, AppStatus, AuthMethod, CustomServer, Sandbox, User};
use okta_introspect::*;
use openssl::pkey::{PKey, Private};
use test_support::secrets::Secrets;

use crate::said::{CLIENT, ec_key, rsa_key, signing_key};
use crate::support;

/// A sandbox with apps for every refusal.
pub(crate) struct Org {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: ManualClock,
    pub(crate) keys: [PKey<Private>; 3],
}

impl Org {
    pub(crate) async fn start() -> Self {
        let keys = [ec_key(), rsa_key(), ec_key()];
        let clock = support::clock();
        let app = |id: &str| App::service(id).grant("okta.users.read");
        let with_key = |id: &str| app(id).key(signing_key(&keys[0], "k1").public_jwk());
        let sandbox = Sandbox::builder()
            .app(with_key(CLIENT).key(signing_key(&keys[1], "rsa").public_jwk()))
            .app(with_key("0oa2dpop").dpop_required(true))
            .app(with_key("0oa3gone").status(AppStatus::Inactive))
            .app(app("0oa4keyless"))
            .app(with_key("0oa5secret").auth_method(AuthMethod::ClientSecretBasic))
            .server(CustomServer::new("default").scope("read").client("0oa9other"))
            .user(User::new("00u1ada", "ada@example.test"))
            .clock(clock.clone())
            .start()
            .await
            .unwrap();
        Self { sandbox, clock, keys }
    }

    pub(crate) fn client(&self, client_id: &str) -> ClientBuilder {
        self.client_of(self.sandbox.issuer(), client_id, signing_key(&self.keys[0], "k1"))
    }

    pub(crate) fn client_of(
        &self,
        issuer: Issuer,
        client_id: &str,
        key: SigningKey,
    ) -> ClientBuilder {
        Client::builder(issuer, client_id, key).clock(self.clock.clone()).retry(RetryConfig::off())
    }

    /// The keys, and the assertions and proofs that the sandbox received.
    pub(crate) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        for (name, key) in
            ["the ES256 key", "the RS256 key", "the foreign key"].iter().zip(&self.keys)
        {
            secrets.add_key(name, key);
        }
        for request in self.sandbox.requests() {
            if let Some((_, token)) =
                request.header("authorization").and_then(|h| h.split_once(' '))
            {
                secrets.add("a token that was presented", token);
            }
            if let Some(assertion) = request.form("client_assertion") {
                secrets.add_jwt("an assertion", assertion);
            }
            if let Some(proof) = request.header("dpop") {
                secrets.add_jwt("a proof", proof);
            }
        }
        secrets
    }

    pub(crate) fn assert_no_queries(&self) {
        let requests = self.sandbox.requests();
        let requests: Vec<_> = requests.iter().filter(|r| r.path().contains("/oauth2/")).collect();
        assert!(!requests.is_empty());
        for request in requests {
            let names: Vec<_> = request.query_names().collect();
            assert!(names.is_empty(), "{} has the query {names:?}", request.path());
        }
    }
}
