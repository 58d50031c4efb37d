//! A server with a key and a verifier of its tokens, living in the same time.

use chrono::DateTime;
use okta_introspect::{
    AccessTokenClaims, Algorithm, Error, InvalidToken, Issuer, Jwks, JwksBuilder, ManualClock,
    SeededRandom, Verification, Verifier,
};
use serde_json::{Value, json};

use super::key_server::KeyServer;
use super::minter::{AUDIENCE, Minter, NOW, access_claims, with};

/// A server with a key, and a verifier of its tokens that lives in the same time.
pub struct Scene {
    pub server: KeyServer,
    pub clock: ManualClock,
    pub verifier: Verifier,
}

impl Scene {
    pub async fn new(minter: &Minter) -> Self {
        Self::configured(minter, |builder, _| builder).await
    }

    /// A scene in which the address of the keys is known.
    pub async fn without_discovery(minter: &Minter) -> Self {
        let at_hand = |builder: JwksBuilder, issuer: &Issuer| {
            builder.address(issuer.endpoints().unwrap().jwks)
        };
        Self::configured(minter, at_hand).await
    }

    pub async fn configured(
        minter: &Minter,
        configure: impl FnOnce(JwksBuilder, &Issuer) -> JwksBuilder,
    ) -> Self {
        let server = KeyServer::start(minter.document()).await;
        let clock = ManualClock::new(DateTime::from_timestamp(NOW, 0).unwrap());
        let issuer = Issuer::parse(&server.issuer()).unwrap();
        let builder =
            Jwks::builder(issuer.clone()).clock(clock.clone()).random(SeededRandom::new(1));
        let keys = configure(builder, &issuer).build().unwrap();
        let verifier = Verifier::access_token(issuer, AUDIENCE)
            .algorithms([Algorithm::Es256])
            .keys(keys)
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { server, clock, verifier }
    }

    /// A token of the server that lives for a week.
    pub fn token(&self, minter: &Minter) -> String {
        minter.token(&self.claims())
    }

    pub fn claims(&self) -> Value {
        let changes = json!({"iss": self.server.issuer(), "exp": NOW + 7 * 86_400});
        with(access_claims(), changes)
    }

    /// A token that nobody signed, with a key id that nobody has.
    pub fn made_up(&self, number: usize) -> String {
        let stranger = minter("stranger");
        let header = json!({"alg": "ES256", "kid": format!("random-{number}")});
        stranger.sign(&header.to_string(), self.claims().to_string())
    }

    pub fn rotate(&self, minter: &Minter) {
        self.server.change(|says| says.keys = minter.document());
    }

    pub async fn verify(&self, token: &str) -> Result<Verification<AccessTokenClaims>, Error> {
        self.verifier.verify(token).await
    }

    pub async fn accepts(&self, token: &str) -> bool {
        self.verify(token).await.unwrap().is_verified()
    }

    pub async fn rejection(&self, token: &str) -> InvalidToken {
        self.verify(token).await.unwrap().into_result().unwrap_err()
    }

    pub fn key_fetches(&self) -> usize {
        self.server.fetches().keys
    }

    pub fn is_stale(&self) -> bool {
        self.verifier.keys().status().is_stale
    }
}

pub fn minter(key_id: &str) -> Minter {
    Minter::generate(Algorithm::Es256, key_id)
}
