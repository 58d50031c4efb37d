//! What events name.

use super::*;
use serde_json::{Value, json};

fn event(json: &Value) -> LogEvent {
    serde_json::from_value(json.clone()).unwrap()
}

fn subjects(json: &Value) -> Option<Vec<Subject>> {
    event(json).signal(SourceKind::SystemLog).map(|signal| signal.subjects)
}

fn of(event_type: &str, actor: Value, target: Value) -> Value {
    let outcome = json!({"result": "SUCCESS"});
    json!({"uuid": "e1", "published": "2026-11-30T10:00:00.250Z", "eventType": event_type,
        "outcome": outcome, "actor": actor, "target": target})
}

fn user(id: &str, login: &str) -> Subject {
    Subject::User { id: Some(id.to_owned()), logins: vec![login.to_owned()] }
}

fn token(jti: Option<&str>, hash: Option<&str>) -> Subject {
    Subject::Token { jti: jti.map(str::to_owned), hash: hash.map(str::to_owned) }
}

fn client(id: &str) -> Subject {
    Subject::Client(id.to_owned())
}

fn server(id: &str) -> Subject {
    Subject::Server(id.to_owned())
}

fn ada() -> Value {
    json!({"id": "00u1", "type": "User", "alternateId": "ada@acme.example"})
}

fn app() -> Value {
    json!({"id": "0oa1", "type": "PublicClientApp", "alternateId": "0oa1"})
}

fn access_token(id: &str, hash: &str) -> Value {
    json!({"id": id, "type": "access_token", "alternateId": null, "displayName": "Access Token",
        "detailEntry": {"expires": "2026-11-30T11:00:00Z", "subject": null, "hash": hash}})
}

const HASH: &str = "hFq1PH4oWPp8F6maiAzaXiCC6i6GbT5PHnKA77192tc=";

#[test]
fn each_kind_of_event_names_what_it_is_about() {
    let admin = || json!({"id": "00uadmin", "type": "User", "alternateId": "root@acme.example"});
    let (revoke, as_revoke) = ("app.oauth2.token.revoke", "app.oauth2.as.token.revoke");
    let refresh = || json!({"id": "oar1", "type": "refresh_token", "detailEntry": {"hash": HASH}});
    let default = || json!({"id": "aus1", "type": "AuthorizationServer"});
    let app_user = || json!({"id": "0ua1", "type": "AppUser", "alternateId": "ada@acme.example"});
    let instance = || json!({"id": "0oa2", "type": "AppInstance"});
    let login = || Subject::User { id: None, logins: vec!["ada@acme.example".to_owned()] };
    let cases = [
        // A token by both names, and by each of them.
        (
            revoke,
            app(),
            json!([ada(), access_token("AT.1", HASH)]),
            vec![token(Some("AT.1"), Some(HASH))],
        ),
        (as_revoke, app(), json!([access_token("AT.1", "")]), vec![token(Some("AT.1"), None)]),
        (as_revoke, app(), json!([access_token("", HASH)]), vec![token(None, Some(HASH))]),
        // An id of another kind, without a hash: whose it is, too.
        (
            as_revoke,
            app(),
            json!([ada(), access_token("x1", "")]),
            vec![token(Some("x1"), None), user("00u1", "ada@acme.example")],
        ),
        (
            as_revoke,
            app(),
            json!([access_token("x1", "")]),
            vec![token(Some("x1"), None), client("0oa1")],
        ),
        (revoke, app(), json!([ada()]), vec![user("00u1", "ada@acme.example")]),
        (revoke, app(), json!([]), vec![client("0oa1")]),
        // A refresh token takes its access tokens along.
        (
            revoke,
            app(),
            json!([ada(), refresh()]),
            vec![token(Some("oar1"), Some(HASH)), user("00u1", "ada@acme.example")],
        ),
        (
            "app.oauth2.as.token.detect_reuse",
            app(),
            json!([refresh()]),
            vec![token(Some("oar1"), Some(HASH)), client("0oa1"), client("0oa1")],
        ),
        (
            "app.oauth2.token.revoke.implicit.user",
            admin(),
            json!([ada()]),
            vec![user("00u1", "ada@acme.example")],
        ),
        (
            "app.oauth2.token.revoke.implicit.client",
            admin(),
            json!([instance()]),
            vec![client("0oa2")],
        ),
        (
            "app.oauth2.as.token.revoke.implicit.as",
            admin(),
            json!([default()]),
            vec![server("aus1")],
        ),
        (
            "app.oauth2.as.consent.revoke",
            admin(),
            json!([instance(), default()]),
            vec![client("0oa2")],
        ),
        (
            "app.oauth2.as.consent.revoke",
            admin(),
            json!([default(), ada()]),
            vec![user("00u1", "ada@acme.example")],
        ),
        (
            "application.user_membership.remove",
            admin(),
            json!([app_user(), instance()]),
            vec![login()],
        ),
        ("application.lifecycle.deactivate", admin(), json!([instance()]), vec![client("0oa2")]),
        ("oauth2.as.deactivated", admin(), json!([default()]), vec![server("aus1")]),
        ("user.lifecycle.suspend", admin(), json!([ada()]), vec![user("00u1", "ada@acme.example")]),
        ("user.session.end", ada(), json!([]), vec![user("00u1", "ada@acme.example")]),
        // What does not say whom it is about is about everybody.
        ("user.lifecycle.suspend", admin(), json!([]), vec![Subject::Everything]),
        ("oauth2.as.deleted", admin(), json!([instance()]), vec![Subject::Everything]),
        ("application.lifecycle.delete", admin(), json!([ada()]), vec![Subject::Everything]),
        (revoke, json!(null), json!(null), vec![Subject::Everything]),
    ];
    for (event_type, actor, target, expected) in cases {
        let json = of(event_type, actor, target);
        assert_eq!(subjects(&json), Some(expected), "{json}");
    }
}

#[test]
fn what_is_not_about_tokens_or_did_not_happen_says_nothing() {
    for event_type in
        ["user.session.start", "app.oauth2.as.token.grant.access_token", "x", "policy.rule.update"]
    {
        assert_eq!(subjects(&of(event_type, app(), json!([ada()]))), None, "{event_type}");
    }
    for (result, counts) in [
        (json!("SUCCESS"), true),
        (json!("FAILURE"), false),
        (json!("CHALLENGE"), false),
        (json!("RATE_LIMIT"), false),
        (json!("SCHEDULED"), true),
        (json!("something new"), true),
        (json!(null), true),
        (json!(7), true),
    ] {
        let mut json = of("user.lifecycle.suspend", app(), json!([ada()]));
        json["outcome"]["result"] = result.clone();
        assert_eq!(subjects(&json).is_some(), counts, "{result}");
    }
}

#[test]
fn id_kind_and_time_are_those_of_the_event() {
    let json = of("user.lifecycle.suspend", app(), json!([ada()]));
    let signal = event(&json).signal(SourceKind::EventBridge).unwrap();
    assert_eq!(signal.source, SourceKind::EventBridge);
    assert_eq!((&*signal.id, &*signal.kind), ("e1", "user.lifecycle.suspend"));
    assert_eq!(signal.at.unwrap().timestamp_millis(), 1_796_032_800_250);
    for absurd in [json!("yesterday"), json!(17), json!(null), json!("2026-13-30T10:00:00Z")] {
        let mut json = json.clone();
        json["published"] = absurd;
        assert_eq!(event(&json).signal(SourceKind::SystemLog).unwrap().at, None);
    }
}

#[test]
fn what_is_no_event_and_one_that_is_odd_may_be_about_everything() {
    let everything = Some(vec![Subject::Everything]);
    for json in [json!(null), json!([]), json!("x"), json!({}), json!({"eventType": 7})] {
        assert_eq!(subjects(&json), everything, "{json}");
        assert!(!event(&json).is_readable());
    }
    let suspend =
        |target: &str| format!(r#"{{"eventType": "user.lifecycle.suspend", "target": {target}}}"#);
    let user = r#"{"type": "User", "id": "00u1"}"#;
    for (name, json) in [
        (
            "a member twice",
            r#"{"eventType": "x", "eventType": "user.lifecycle.suspend"}"#.to_owned(),
        ),
        ("a target's id twice", suspend(r#"[{"type": "User", "id": "00u2", "id": "00u1"}]"#)),
        ("no list", suspend(user)),
        ("too many", suspend(&format!("[{}]", vec![user; 65].join(",")))),
        ("far too many", suspend(&format!("[{}]", vec![user; 100_000].join(",")))),
        (
            "a login of a megabyte",
            suspend(&format!(r#"[{{"type": "User", "alternateId": "{}"}}]"#, "a".repeat(1 << 20))),
        ),
    ] {
        let event: LogEvent = serde_json::from_str(&json).unwrap();
        let signal = event.signal(SourceKind::SystemLog).unwrap();
        assert_eq!(signal.subjects, [Subject::Everything], "{name}");
    }
    let most: LogEvent =
        serde_json::from_str(&suspend(&format!("[{}]", vec![user; 64].join(",")))).unwrap();
    assert_eq!(most.signal(SourceKind::SystemLog).unwrap().subjects.len(), 64);
}

/// What Okta's own events look like, with all their members.
#[test]
fn members_that_are_of_no_use_may_be_anything() {
    let mut json = of("user.lifecycle.suspend", app(), json!([ada()]));
    let expected = subjects(&json);
    let deep = (0..40).fold(json!(1), |inner, _| json!([{"x": inner}]));
    for name in ["client", "debugContext", "x", "transaction", "severity"] {
        json[name] = deep.clone();
        json["target"][0][name] = deep.clone();
        json["actor"][name] = deep.clone();
    }
    json["target"][0]["detailEntry"] = json!(["odd"]);
    assert_eq!(subjects(&json), expected);
}
