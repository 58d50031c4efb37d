//! The log of the sandbox, with the sandbox's own events, filter and links.

use okta_introspect::checker::{Checker, CheckerConfig, Reason};
use okta_introspect::sandbox::{App, AppStatus, CustomServer, Grant, Sandbox, User, UserStatus};
use okta_introspect::signals::{Feed, SystemLog};
use okta_introspect::{Algorithm, Client, Clock, ManualClock, Scopes, SigningKey, Token};

use crate::script::{authorized, denied, within};
use crate::support::{seconds, start};

struct Org {
    clock: ManualClock,
    sandbox: Sandbox,
    checker: Checker,
    feed: Feed,
    log: SystemLog,
}

const BACKEND: &str = "0oa1backend";

async fn org() -> Org {
    let clock = ManualClock::new(start());
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
    let backend = App::service(BACKEND).grant(SystemLog::SCOPE).key(key.public_jwk());
    let sandbox = Sandbox::builder()
        .app(backend)
        .app(App::web("0oa2portal"))
        .server(CustomServer::new("default").scope("read").client(BACKEND))
        .user(User::new("00u1ada", "ada@acme.example"))
        .user(User::new("00u2bob", "bob@acme.example"))
        .clock(clock.clone())
        .start()
        .await
        .unwrap();
    let client = |issuer| Client::builder(issuer, BACKEND, key.clone()).clock(clock.clone());
    let own = client(sandbox.issuer()).build().unwrap();
    let custom = client(sandbox.custom_issuer("default").unwrap()).build().unwrap();
    let mut config = CheckerConfig::default();
    config.refresh_ahead = false;
    let checker = Checker::builder(own.clone()).server(custom).clock(clock.clone()).config(config);
    let checker = checker.build().unwrap();
    let feed = Feed::new([checker.clone()]);
    let logs = own.resource(Scopes::parse(SystemLog::SCOPE).unwrap());
    let log = SystemLog::builder(logs, feed.clone()).interval(seconds(1)).build().unwrap();
    Org { clock, sandbox, checker, feed, log }
}

impl Org {
    fn token(&self, user: &str, server: Option<&str>) -> Token {
        let grant = Grant::to_client("0oa2portal").user(user);
        let grant = match server {
            Some(server) => Grant::to_client(BACKEND).server(server).user(user).scope("read"),
            None => grant,
        };
        Token::parse(self.sandbox.issue(&grant).unwrap().expose()).unwrap()
    }

    async fn turn(&mut self) {
        let due = self.log.poll().await;
        self.clock.sleep_until(due).await;
    }
}

/// What happens, to a token of which server, and how.
type End = (&'static str, Option<&'static str>, fn(&Sandbox, &Token));

#[test_support::test]
async fn what_happens_at_the_sandbox_is_heard_of() {
    let ends: [End; 5] = [
        ("an org token revoked", None, |sandbox, token| {
            assert!(sandbox.revoke(token.expose()));
        }),
        ("a custom server's token revoked", Some("default"), |sandbox, token| {
            assert!(sandbox.revoke(token.expose()));
        }),
        ("a user suspended", None, |sandbox, _| {
            sandbox.set_user_status("00u1ada", UserStatus::Suspended).unwrap();
        }),
        ("a user deactivated", Some("default"), |sandbox, _| {
            sandbox.set_user_status("00u1ada", UserStatus::Deprovisioned).unwrap();
        }),
        ("an app deactivated", None, |sandbox, _| {
            sandbox.set_app_status("0oa2portal", AppStatus::Inactive).unwrap();
        }),
    ];
    for (name, server, end) in ends {
        let mut org = org().await;
        let token = org.token("00u1ada", server);
        let other = org.token("00u2bob", Some("default"));
        for _ in 0..2 {
            org.turn().await;
        }
        for token in [&token, &other] {
            authorized(org.checker.check(token, &within(seconds(60))).await);
        }
        end(&org.sandbox, &token);
        authorized(org.checker.check(&token, &within(seconds(60))).await);
        org.turn().await;
        let verdict = org.checker.check(&token, &within(seconds(60))).await;
        assert_eq!(denied(verdict), Reason::Inactive, "{name}");
        let calls = org.checker.metrics().upstream_calls;
        authorized(org.checker.check(&other, &within(seconds(60))).await);
        assert_eq!(org.checker.metrics().upstream_calls, calls, "{name}: the other is left alone");
        let [status] = &org.feed.status()[..] else { panic!("{:?}", org.feed.status()) };
        assert_eq!((status.healthy, status.gaps, status.ignored), (Some(true), 0, 0), "{name}");
    }
}
