//! How tokens die at the sandbox, and what its System Log says of it: the truth, something that
//! names no token, or nothing.

use okta_introspect::Token;
use okta_introspect::sandbox::{
    App, AppStatus, EventDraft, Grant, LogEvent, TokensOf, User, UserStatus,
};

use crate::org::{CLIENT, Org, USER, key};

const OTHER_CLIENT: &str = "0oa2other";
const OTHER_USER: &str = "00u2grace";
const CUSTOM: &str = "/oauth2/default/v1/introspect";

/// A sandbox with two apps and two users, and a token of each app for each user.
struct Four {
    org: Org,
    /// Client, user, and the token.
    tokens: Vec<(&'static str, &'static str, Token)>,
}

impl Four {
    async fn start() -> Self {
        let org = Org::start_with(|builder, _| {
            let app = App::service(OTHER_CLIENT).label("Other");
            builder.app(app).user(User::new(OTHER_USER, "grace@example.test"))
        })
        .await;
        let mut tokens = Vec::new();
        for client in [CLIENT, OTHER_CLIENT] {
            for user in [USER, OTHER_USER] {
                let grant = Grant::to_client(client).user(user).server("default").scope("read");
                tokens.push((client, user, org.sandbox.issue(&grant).unwrap()));
            }
        }
        Self { org, tokens }
    }

    /// Client and user of the tokens that are still good.
    async fn alive(&self) -> Vec<(&'static str, &'static str)> {
        let mut alive = Vec::new();
        for (client, user, token) in &self.tokens {
            if self.org.introspect(CUSTOM, token.expose()).await.json()["active"] == true {
                alive.push((*client, *user));
            }
        }
        alive
    }

    /// What the log says: the types of the events with the ids of their targets.
    fn told(&self) -> Vec<(&'static str, Vec<String>)> {
        let ids = |event: &LogEvent| event.target.iter().map(|target| target.id.clone()).collect();
        self.org.sandbox.log().iter().map(|event| (event.event_type, ids(event))).collect()
    }
}

fn told(event: &'static str, ids: &[&str]) -> (&'static str, Vec<String>) {
    (event, ids.iter().map(|id| (*id).to_owned()).collect())
}

#[test_support::test]
async fn tokens_that_die_together_are_told_of_by_what_they_have_in_common() {
    let (other, user) = ((OTHER_CLIENT, OTHER_USER), TokensOf::User(USER));
    let assignment = TokensOf::Assignment { user: USER, client: CLIENT };
    let implicit = "app.oauth2.token.revoke.implicit";
    for (tokens, killed, alive, event, targets) in [
        (user, 2, vec![(CLIENT, OTHER_USER), other], "user", &[USER][..]),
        (TokensOf::Client(CLIENT), 2, vec![(OTHER_CLIENT, USER), other], "client", &[CLIENT]),
        (TokensOf::Server("default"), 4, vec![], "as", &["default"]),
        (
            assignment,
            1,
            vec![(CLIENT, OTHER_USER), (OTHER_CLIENT, USER), other],
            "",
            &[USER, CLIENT],
        ),
    ] {
        let event_type = match event {
            "" => "application.user_membership.remove".to_owned(),
            event => format!("{implicit}.{event}"),
        };
        for silent in [false, true] {
            let four = Four::start().await;
            let sandbox = &four.org.sandbox;
            let revoke = |tokens| match silent {
                true => sandbox.revoke_all_silently(tokens),
                false => sandbox.revoke_all(tokens),
            };
            assert_eq!(revoke(tokens).unwrap(), killed, "{tokens:?}");
            assert_eq!(four.alive().await, alive, "{tokens:?}");
            let said: Vec<_> =
                four.told().into_iter().map(|(kind, ids)| (kind.to_owned(), ids)).collect();
            let expected =
                (event_type.clone(), targets.iter().map(|id| (*id).to_owned()).collect());
            assert_eq!(said, if silent { vec![] } else { vec![expected] });
            assert_eq!(revoke(tokens).unwrap(), 0, "once");
        }
    }
}

#[test_support::test]
async fn one_token_can_die_without_an_event() {
    let four = Four::start().await;
    let (client, user, token) = &four.tokens[0];
    assert!(four.org.sandbox.revoke_silently(token));
    assert!(!four.org.sandbox.revoke_silently(token));
    assert!(!four.alive().await.contains(&(*client, *user)));
    assert_eq!((four.alive().await.len(), four.told().len()), (3, 0));
}

#[test_support::test]
async fn sessions_end_with_the_users_tokens_or_without() {
    let four = Four::start().await;
    let sandbox = &four.org.sandbox;
    sandbox.end_session(USER).unwrap();
    sandbox.change_password(USER).unwrap();
    sandbox.reset_factors(USER).unwrap();
    assert_eq!(sandbox.clear_sessions(USER, false).unwrap(), 0);
    assert_eq!(four.alive().await.len(), 4);
    assert_eq!(sandbox.clear_sessions(USER, true).unwrap(), 2);
    assert_eq!(sandbox.universal_logout(OTHER_USER).unwrap(), 2);
    assert!(four.alive().await.is_empty());
    let expected = [
        told("user.session.end", &[USER]),
        told("user.account.update_password", &[USER]),
        told("user.mfa.factor.reset_all", &[USER]),
        told("user.session.clear", &[USER]),
        told("user.session.clear", &[USER]),
        told("user.authentication.universal_logout", &[OTHER_USER]),
    ];
    assert_eq!(four.told(), expected);
    let ada = &sandbox.log()[0].target[0];
    assert_eq!((ada.kind, ada.alternate_id.as_deref()), ("User", Some("ada@example.test")));
}

#[test_support::test]
async fn clients_keys_and_users_are_told_of_when_they_change() {
    let four = Four::start().await;
    let sandbox = &four.org.sandbox;
    let fresh = key(okta_introspect::Algorithm::Es256, "k2");
    sandbox.add_key(CLIENT, fresh.public_jwk()).unwrap();
    sandbox.deactivate_key(CLIENT, "k2").unwrap();
    sandbox.set_user_status(OTHER_USER, UserStatus::Deprovisioned).unwrap();
    sandbox.delete_app(OTHER_CLIENT).unwrap();
    assert_eq!(four.alive().await, [(CLIENT, USER)]);
    assert!(sandbox.set_app_status(OTHER_CLIENT, AppStatus::Active).is_err(), "it is gone");
    let types: Vec<_> = sandbox.log().iter().map(|event| event.event_type).collect();
    let expected = [
        "app.oauth2.credentials.lifecycle.create",
        "app.oauth2.credentials.lifecycle.deactivate",
        "user.lifecycle.deactivate",
        "application.lifecycle.delete",
    ];
    assert_eq!(types, expected);
    let targets: Vec<_> = sandbox.log()[1].target.iter().map(|target| target.kind).collect();
    assert_eq!(targets, ["AppInstance", "Public Key"]);
    assert_eq!(sandbox.log()[1].target[1].alternate_id.as_deref(), Some("k2"));
}

#[test_support::test]
async fn what_the_sandbox_does_not_have_cannot_lose_its_tokens() {
    let four = Four::start().await;
    let sandbox = &four.org.sandbox;
    for tokens in [
        TokensOf::User("00u9"),
        TokensOf::Client("0oa9"),
        TokensOf::Server("other"),
        TokensOf::Assignment { user: USER, client: "0oa9" },
        TokensOf::Assignment { user: "00u9", client: CLIENT },
    ] {
        assert!(sandbox.revoke_all(tokens).is_err(), "{tokens:?}");
        assert!(sandbox.revoke_all_silently(tokens).is_err(), "{tokens:?}");
    }
    assert!(sandbox.universal_logout("00u9").is_err() && sandbox.delete_app("0oa9").is_err());
    assert_eq!((four.told().len(), four.alive().await.len()), (0, 4));
}

#[test_support::test]
async fn any_event_can_be_written_and_nothing_else_comes_of_it() {
    let four = Four::start().await;
    let sandbox = &four.org.sandbox;
    let reuse = EventDraft::new("app.oauth2.as.token.detect_reuse").by_client(CLIENT).user(USER);
    sandbox.write_event(reuse.token("AT.1", ""));
    let refused = EventDraft::new("user.lifecycle.suspend").user("00u9").failed("not permitted");
    sandbox.write_event(refused.client("0oa9").server("aus9"));
    assert_eq!(four.alive().await.len(), 4);
    assert_eq!(
        four.told(),
        [
            told("app.oauth2.as.token.detect_reuse", &[USER, "AT.1"]),
            told("user.lifecycle.suspend", &["00u9", "0oa9", "aus9"]),
        ]
    );
    let log = sandbox.log();
    assert_eq!((log[0].actor.id.as_str(), log[0].outcome.result), (CLIENT, "SUCCESS"));
    assert_eq!(log[1].outcome.result, "FAILURE");
    assert_eq!(log[1].outcome.reason.as_deref(), Some("not permitted"));
}
