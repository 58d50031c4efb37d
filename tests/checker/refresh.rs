//! What a checker makes of users' refresh tokens: one that is told of a sign-in's end asks again at once,
//! although its answers are young enough.

use std::time::Duration;

use okta_introspect::checker::{
    Answered, Checker, CheckerConfig, Invalidation, Reason, Requirement, SendTime, Upstream,
};
use okta_introspect::sandbox::{App, CustomServer, Fault, Sandbox, SignIn, SignedIn, Times, User};
use okta_introspect::{
    Algorithm, BoxFuture, Client, Error, ErrorKind, Issuer, ManualClock, RetryConfig, SigningKey,
    Token, TokenTypeHint,
};

use crate::script::{authorized, denied, within};
use crate::support::{seconds, settle, start};

const CLIENT: &str = "0oa2web";
const OTHER: &str = "0oa3web";
const USERS: [&str; 2] = ["00u1ada", "00u2grace"];
const TOKEN: &str = "/oauth2/default/v1/token";
const INTROSPECT: &str = "/oauth2/default/v1/introspect";

struct Org {
    clock: ManualClock,
    sandbox: Sandbox,
    /// The one that holds the refresh tokens.
    client: Client,
    checker: Checker,
}

async fn org() -> Org {
    let clock = ManualClock::new(start());
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
    let app = |id| App::web(id).key(key.public_jwk()).rotates_refresh_tokens(30);
    let server = CustomServer::new("default").scope("read");
    let sandbox = Sandbox::builder().app(app(CLIENT)).app(app(OTHER)).server(server);
    let sandbox = USERS.iter().fold(sandbox, |sandbox, user| {
        sandbox.user(User::new(*user, format!("{user}@acme.example")))
    });
    let sandbox = sandbox.clock(clock.clone()).start().await.unwrap();
    let issuer = sandbox.custom_issuer("default").unwrap();
    let client = Client::builder(issuer, CLIENT, key)
        .clock(clock.clone())
        .retry(RetryConfig::off())
        .build()
        .unwrap();
    let mut config = CheckerConfig::default();
    config.refresh_ahead = false;
    let checker = Checker::builder(client.clone()).clock(clock.clone()).config(config);
    let checker = checker.build().unwrap();
    Org { clock, sandbox, client, checker }
}

impl Org {
    fn sign_in(&self, client: &str, user: &str) -> SignedIn {
        let sign_in = SignIn::new(client, user).server("default");
        self.sandbox.sign_in(&sign_in.scope("offline_access").scope("read")).unwrap()
    }

    async fn assert_good(&self, token: &Token) {
        authorized(self.checker.check(token, &requirement()).await);
    }

    async fn assert_inactive(&self, token: &Token) {
        let denied = denied(self.checker.check(token, &requirement()).await);
        assert_eq!(denied, Reason::Inactive);
    }

    /// How many introspections there were since the last look.
    fn asked(&self) -> usize {
        let requests = self.sandbox.requests();
        self.sandbox.clear_requests();
        requests.iter().filter(|request| request.path() == INTROSPECT).count()
    }
}

/// Far longer than a test takes.
fn requirement() -> Requirement {
    within(seconds(300)).scope("read")
}

#[test_support::test]
async fn reuse_is_seen_at_once_by_a_checker_that_refreshes() {
    let org = org().await;
    let [ada, grace] = USERS.map(|user| org.sign_in(CLIENT, user));
    let first = ada.refresh_token.unwrap();
    let whose = Invalidation::User(USERS[0]);
    let refreshed = org.checker.refresh(&org.client, &first, None, whose).await.unwrap();
    let access = refreshed.access_token.token();
    for token in [&ada.access_token, access, &grace.access_token] {
        org.assert_good(token).await;
    }
    org.asked();
    org.clock.advance(seconds(30));
    let error = org.checker.refresh(&org.client, &first, None, whose).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGrant);
    org.assert_inactive(&ada.access_token).await;
    org.assert_inactive(access).await;
    org.assert_good(&grace.access_token).await;
    assert_eq!(org.asked(), 2, "the other user's answer still counts");
}

#[test_support::test]
async fn without_being_told_the_answers_stay() {
    let org = org().await;
    let ada = org.sign_in(CLIENT, USERS[0]);
    let first = ada.refresh_token.unwrap();
    org.client.refresh(&first, None).await.unwrap();
    org.assert_good(&ada.access_token).await;
    org.clock.advance(seconds(30));
    assert!(org.client.refresh(&first, None).await.is_err());
    org.assert_good(&ada.access_token).await;
    org.checker.invalidate(Invalidation::User(USERS[0]));
    org.assert_inactive(&ada.access_token).await;
}

#[test_support::test]
async fn a_refresh_that_succeeds_costs_no_call_of_others() {
    let org = org().await;
    let ada = org.sign_in(CLIENT, USERS[0]);
    org.assert_good(&ada.access_token).await;
    org.asked();
    let first = ada.refresh_token.unwrap();
    let whose = Invalidation::User(USERS[0]);
    org.checker.refresh(&org.client, &first, None, whose).await.unwrap();
    org.assert_good(&ada.access_token).await;
    assert_eq!(org.asked(), 0);
}

#[test_support::test]
async fn a_refresh_whose_answer_is_lost_or_not_awaited_invalidates_too() {
    let org = org().await;
    let whose = Invalidation::User(USERS[0]);
    for is_dropped in [false, true] {
        let ada = org.sign_in(CLIENT, USERS[0]);
        let first = ada.refresh_token.unwrap();
        org.assert_good(&ada.access_token).await;
        org.asked();
        if is_dropped {
            org.sandbox.faults().inject(Fault::hold().at(TOKEN), Times::Once);
            let refresh = org.checker.refresh(&org.client, &first, None, whose);
            tokio::select! {
                biased;
                _ = refresh => panic!("it was held back"),
                () = org.sandbox.faults().waiting(1) => {}
            }
            org.sandbox.faults().release();
        } else {
            let lost = Fault::truncated().at(TOKEN).acting_first(true);
            org.sandbox.faults().inject(lost, Times::Once);
            let error = org.checker.refresh(&org.client, &first, None, whose).await.unwrap_err();
            assert!(error.may_have_taken_effect());
        }
        settle().await;
        org.assert_good(&ada.access_token).await;
        assert_eq!(org.asked(), 1, "dropped: {is_dropped}");
    }
}

#[test_support::test]
async fn a_revoked_refresh_token_takes_along_what_the_client_was_given() {
    let org = org().await;
    let [ada, grace] = USERS.map(|user| org.sign_in(CLIENT, user));
    let elsewhere = org.sign_in(OTHER, USERS[0]);
    for signed_in in [&ada, &grace, &elsewhere] {
        org.assert_good(&signed_in.access_token).await;
    }
    org.asked();
    let refresh_token = ada.refresh_token.unwrap();
    org.checker.revoke(&refresh_token, Some(TokenTypeHint::RefreshToken)).await.unwrap();
    org.assert_inactive(&ada.access_token).await;
    org.assert_good(&grace.access_token).await;
    org.assert_good(&elsewhere.access_token).await;
    assert_eq!(org.asked(), 2, "what another client was given is not asked about");
}

/// An upstream that does not say who it is.
#[derive(Debug)]
struct Nameless(Client);

impl Upstream for Nameless {
    fn issuer(&self) -> &Issuer {
        Client::issuer(&self.0)
    }

    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Upstream::introspect(&self.0, token, send_time)
    }

    fn revoke<'a>(
        &'a self,
        token: &'a Token,
        hint: Option<TokenTypeHint>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Upstream::revoke(&self.0, token, hint)
    }
}

#[test_support::test]
async fn an_upstream_that_does_not_say_who_it_is_has_everything_of_its_issuer_asked_again() {
    let mut org = org().await;
    let mut config = CheckerConfig::default();
    config.refresh_ahead = false;
    let checker = Checker::builder(Nameless(org.client.clone())).clock(org.clock.clone());
    org.checker = checker.config(config).build().unwrap();
    let (ada, elsewhere) = (org.sign_in(CLIENT, USERS[0]), org.sign_in(OTHER, USERS[1]));
    for signed_in in [&ada, &elsewhere] {
        org.assert_good(&signed_in.access_token).await;
    }
    org.asked();
    let hint = Some(TokenTypeHint::RefreshToken);
    org.checker.revoke(&ada.refresh_token.unwrap(), hint).await.unwrap();
    org.assert_inactive(&ada.access_token).await;
    org.assert_good(&elsewhere.access_token).await;
    assert_eq!(org.asked(), 2);
}

#[test_support::test]
async fn the_system_log_tells_of_a_reuse_that_others_caused() {
    use okta_introspect::signals::{LogEvent, SourceKind, Subject};

    let org = org().await;
    let ada = org.sign_in(CLIENT, USERS[0]);
    let first = ada.refresh_token.unwrap();
    org.client.refresh(&first, None).await.unwrap();
    org.clock.advance(Duration::from_secs(30));
    assert!(org.client.refresh(&first, None).await.is_err());
    let log = org.sandbox.log();
    let reuse = log.iter().find(|event| event.event_type.ends_with("detect_reuse")).unwrap();
    for outcome in ["SUCCESS", "FAILURE"] {
        let mut event = serde_json::to_value(reuse).unwrap();
        event["outcome"]["result"] = outcome.into();
        let event: LogEvent = serde_json::from_value(event).unwrap();
        let subjects = event.signal(SourceKind::SystemLog).expect(outcome).subjects;
        let hash = Some(first.fingerprint());
        let is_token = |subject: &Subject| match subject {
            Subject::Token { hash: told, .. } => *told == hash,
            _ => false,
        };
        let is_user = |subject: &Subject| match subject {
            Subject::User { id, .. } => id.as_deref() == Some(USERS[0]),
            _ => false,
        };
        assert!(subjects.iter().any(is_token) && subjects.iter().any(is_user), "{subjects:?}");
    }
}
