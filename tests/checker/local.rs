//! Local verification before introspection, enforced and in shadow.

use okta_introspect::checker::{Checker, CheckerBuilder, Reason};
use okta_introspect::sandbox::{Fault, Grant, Sandbox};
use okta_introspect::{Client, Jwks, ManualClock, Token, Verifier};

use crate::custom::{AUDIENCE, custom_server};
use crate::script::{authorized, denied, within};
use crate::support::{seconds, start};

const INTROSPECT: &str = "/oauth2/default/v1/introspect";

struct Org {
    clock: ManualClock,
    sandbox: Sandbox,
    client: Client,
    token: Token,
}

async fn org() -> Org {
    let clock = ManualClock::new(start());
    let (sandbox, client) = custom_server(&clock).await;
    let token = sandbox.issue(&Grant::to_client("0oa2portal").server("default")).unwrap();
    Org { clock, sandbox, client, token }
}

impl Org {
    fn builder(&self) -> CheckerBuilder {
        Checker::builder(self.client.clone()).clock(self.clock.clone())
    }

    fn verifier(&self, audience: &str) -> Verifier {
        let issuer = self.client.issuer().clone();
        let keys = Jwks::builder(issuer.clone()).clock(self.clock.clone()).build().unwrap();
        let verifier = Verifier::access_token(issuer, audience).keys(keys);
        verifier.clock(self.clock.clone()).build().unwrap()
    }

    /// The token with another signature.
    fn forged(&self) -> String {
        let (input, signature) = self.token.expose().rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        format!("{input}.{other}{}", &signature[1..])
    }

    fn introspections(&self) -> usize {
        self.sandbox.requests().iter().filter(|request| request.path() == INTROSPECT).count()
    }
}

#[test_support::test]
async fn a_forgery_is_never_asked_about_and_a_good_signature_lets_nobody_in() {
    let org = org().await;
    let checker = org.builder().verifier(org.verifier(AUDIENCE)).build().unwrap();
    let verdict = checker.check(&*org.forged(), &within(seconds(30))).await;
    assert!(matches!(denied(verdict), Reason::Verification(_)));
    assert_eq!(org.introspections(), 0);
    authorized(checker.check(&org.token, &within(seconds(30))).await);
    org.sandbox.revoke(&org.token);
    assert_eq!(denied(checker.check(&org.token, &within(seconds(0))).await), Reason::Inactive);
    assert_eq!((org.introspections(), checker.metrics().verified_but_inactive), (2, 1));
}

#[test_support::test]
async fn without_keys_the_server_decides_alone() {
    let org = org().await;
    let checker = org.builder().verifier(org.verifier(AUDIENCE)).build().unwrap();
    for path in ["/oauth2/default/v1/keys", "/oauth2/default/.well-known/openid-configuration"] {
        org.sandbox
            .faults()
            .inject(Fault::html(503).at(path), okta_introspect::sandbox::Times::Always);
    }
    authorized(checker.check(&org.token, &within(seconds(30))).await);
    assert_eq!(denied(checker.check(&*org.forged(), &within(seconds(30))).await), Reason::Inactive);
}

#[test_support::test]
async fn in_shadow_disagreement_is_counted_and_nothing_is_enforced() {
    let org = org().await;
    // The verifier was set up for another API.
    let checker = org.builder().shadow_verifier(org.verifier("api://other")).build().unwrap();
    authorized(checker.check(&org.token, &within(seconds(30))).await);
    let metrics = checker.metrics();
    assert_eq!((metrics.rejected_but_active, metrics.verified_but_inactive), (1, 0));
    assert!(metrics.denied_at_edge.is_empty());
}
