//! The System Log of the sandbox: what is told, how, and how it is read.

use chrono::TimeDelta;
use okta_introspect::sandbox::{AppStatus, Bucket, Grant, UserStatus};
use serde_json::{Value, json};

use crate::org::{Answer, CLIENT, Org, USER};

const TOKEN: &str = "/oauth2/v1/token";
const CUSTOM_TOKEN: &str = "/oauth2/default/v1/token";
const LOGS: &str = "/api/v1/logs";

/// The event types of a page.
fn types(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let events: Vec<Value> = serde_json::from_str(&answer.text).unwrap();
    events.iter().map(|event| event["eventType"].as_str().unwrap().to_owned()).collect()
}

/// Reads the log with these query parameters.
async fn read(org: &Org, query: &[(&str, &str)]) -> Answer {
    let url = format!("{}?{}", org.url(LOGS), serde_urlencoded::to_string(query).unwrap());
    Answer::of(org.http.get(url).bearer_auth(org.bearer(&["okta.logs.read"]))).await
}

async fn follow(org: &Org, answer: &Answer) -> Answer {
    let next = answer.link("next").expect("there is a next page");
    Answer::of(org.http.get(next).bearer_auth(org.bearer(&["okta.logs.read"]))).await
}

#[test_support::test]
async fn a_poll_never_ends_and_misses_nothing() {
    let org = Org::start().await;
    let mut page = read(&org, &[("limit", "2"), ("sortOrder", "ASCENDING")]).await;
    assert!(types(&page).is_empty());
    for status in [UserStatus::Suspended, UserStatus::Active, UserStatus::Deprovisioned] {
        org.sandbox.set_user_status(USER, status).unwrap();
    }
    page = follow(&org, &page).await;
    assert_eq!(types(&page), ["user.lifecycle.suspend", "user.lifecycle.unsuspend"]);
    page = follow(&org, &page).await;
    assert_eq!(types(&page), ["user.lifecycle.deactivate"]);
    page = follow(&org, &page).await;
    assert!(types(&page).is_empty());
    // Written later, with an earlier time: a poll goes by the order of writing.
    org.sandbox.set_clock_offset(TimeDelta::seconds(-30));
    org.sandbox.set_app_status(CLIENT, AppStatus::Active).unwrap();
    page = follow(&org, &page).await;
    assert_eq!(types(&page), ["application.lifecycle.activate"]);
}

#[test_support::test]
async fn a_poller_with_a_filter_sees_a_revocation() {
    let org = Org::start().await;
    let filter = [("filter", r#"eventType eq "app.oauth2.token.revoke""#)];
    let first = read(&org, &filter).await;
    assert!(types(&first).is_empty());
    let token = org.token(TOKEN, "okta.users.read").await.member("access_token");
    let second = follow(&org, &first).await;
    assert!(types(&second).is_empty(), "a grant is no revocation");
    org.post("/oauth2/v1/revoke", &[("token", &token)]).await;
    org.token(TOKEN, "okta.users.read").await;
    let third = follow(&org, &second).await;
    assert_eq!(types(&third), ["app.oauth2.token.revoke"]);
    assert!(types(&follow(&org, &third).await).is_empty());
}

#[test_support::test]
async fn filters_choose_events() {
    let org = Org::start().await;
    org.token(TOKEN, "okta.users.read").await;
    org.token(TOKEN, "okta.groups.read").await;
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap();
    let (granted, refused) = ("app.oauth2.token.grant.access_token", "app.oauth2.token.grant");
    let suspended = "user.lifecycle.suspend";
    let cases: [(&str, &[&str]); 7] = [
        (r#"eventType sw "app.oauth2." and outcome.result eq "SUCCESS""#, &[granted]),
        (r#"eventType sw "app.oauth2.""#, &[granted, refused]),
        (r#"target.id eq "00u1ada""#, &[suspended]),
        (r#"actor.id eq "0oa1service""#, &[granted, refused]),
        (
            r#"outcome.result eq "FAILURE" or eventType eq "user.lifecycle.suspend""#,
            &[refused, suspended],
        ),
        (
            r#"actor.id eq "0oa1service" and (outcome.result eq "FAILURE" or eventType pr)"#,
            &[granted, refused],
        ),
        (r#"actor.id eq "00u9""#, &[]),
    ];
    for (filter, expected) in cases {
        assert_eq!(types(&read(&org, &[("filter", filter)]).await), expected, "{filter}");
    }
    for filter in ["eventType", r#"eventType eq app"#, r#"nothing eq "x""#, ""] {
        let answer = read(&org, &[("filter", filter)]).await;
        assert_eq!((answer.status, answer.member("errorCode").as_str()), (400, "E0000031"));
    }
}

#[test_support::test]
async fn keywords_choose_events_too_and_go_with_the_next_link() {
    let org = Org::start().await;
    org.token(TOKEN, "okta.users.read").await;
    org.token(TOKEN, "okta.groups.read").await;
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap();
    let (granted, refused) = ("app.oauth2.token.grant.access_token", "app.oauth2.token.grant");
    for (query, expected) in [
        (&[("q", "failure")][..], &[refused][..]),
        (&[("q", "00U1ADA lifecycle")], &[]),
        (&[("q", "user.lifecycle.suspend 00U1ADA")], &["user.lifecycle.suspend"]),
        (&[("q", "0oa1service")], &[granted, refused]),
        (&[("q", "0oa1service"), ("filter", r#"outcome.result eq "SUCCESS""#)], &[granted]),
        (&[("q", "0oa1")], &[]),
        (&[("q", "")], &[granted, refused, "user.lifecycle.suspend"]),
    ] {
        assert_eq!(types(&read(&org, query).await), expected, "{query:?}");
    }
    let first = read(&org, &[("q", "0oa1service"), ("limit", "1")]).await;
    assert_eq!(types(&first), [granted]);
    let second = follow(&org, &first).await;
    assert_eq!(types(&second), [refused]);
    assert!(types(&follow(&org, &second).await).is_empty(), "q goes with the link");
}

#[test_support::test]
async fn a_bounded_search_goes_by_the_events_times_and_ends() {
    let org = Org::start().await;
    for (offset, status) in
        [(20, UserStatus::Suspended), (10, UserStatus::Active), (30, UserStatus::Deprovisioned)]
    {
        org.sandbox.set_clock_offset(TimeDelta::seconds(offset));
        org.sandbox.set_user_status(USER, status).unwrap();
    }
    let (unsuspend, suspend, deactivate) =
        ("user.lifecycle.unsuspend", "user.lifecycle.suspend", "user.lifecycle.deactivate");
    let since = ("since", "2027-01-15T08:00:00Z");
    let bounds = [since, ("until", "2027-01-15T08:01:00Z"), ("limit", "2")];
    let page = read(&org, &bounds).await;
    assert_eq!(types(&page), [unsuspend, suspend]);
    let last = follow(&org, &page).await;
    assert_eq!((types(&last), last.link("next")), (vec![deactivate.to_owned()], None));
    let descending = [since, ("sortOrder", "DESCENDING"), ("limit", "2")];
    let page = read(&org, &descending).await;
    assert_eq!(types(&page), [deactivate, suspend]);
    let last = follow(&org, &page).await;
    assert_eq!((types(&last), last.link("next")), (vec![unsuspend.to_owned()], None));
    let later = [("since", "2027-01-15T08:00:15Z"), ("until", "2027-01-15T08:00:30Z")];
    assert_eq!(types(&read(&org, &later).await), [suspend], "until is not in it");
}

#[test_support::test]
async fn parameters_are_within_oktas_bounds() {
    let org = Org::start().await;
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap();
    let none = read(&org, &[("limit", "0")]).await;
    assert!(types(&none).is_empty());
    let more = follow(&org, &none).await.link("next").unwrap().replace("limit=0", "limit=1000");
    let answer = Answer::of(org.http.get(more).bearer_auth(org.bearer(&["okta.logs.read"]))).await;
    assert_eq!(types(&answer), ["user.lifecycle.suspend"]);
    let since = ("since", "2027-01-15T08:00:00Z");
    for query in [
        vec![("limit", "1001")],
        vec![("limit", "-1")],
        vec![since, ("after", "1")],
        vec![("after", "x")],
        vec![("since", "yesterday")],
        vec![since, ("until", "2027-01-15T07:00:00Z")],
        vec![("sortOrder", "descending")],
    ] {
        assert_eq!(read(&org, &query).await.status, 400, "{query:?}");
    }
    let ahead = read(&org, &[("since", "2027-01-15T09:00:00Z")]).await;
    assert!(types(&ahead).is_empty());
    org.sandbox.set_user_status(USER, UserStatus::Active).unwrap();
    assert!(types(&follow(&org, &ahead).await).is_empty(), "before the time that was asked for");
}

#[test_support::test]
async fn an_event_is_told_whole() {
    let org = Org::start().await;
    let answer = org.token(TOKEN, "okta.users.read").await;
    let page = read(&org, &[]).await.json();
    let event = &page[0];
    let null = json!(null);
    for (path, expected) in [
        ("/eventType", json!("app.oauth2.token.grant.access_token")),
        ("/legacyEventType", json!("app.oauth2.token.grant.access_token_success")),
        ("/displayMessage", json!("OIDC access token is granted")),
        ("/severity", json!("INFO")),
        ("/version", json!("0")),
        ("/actor/id", json!(CLIENT)),
        ("/actor/detailEntry", null.clone()),
        ("/client/ipAddress", json!("127.0.0.1")),
        ("/client/id", json!(CLIENT)),
        ("/client/zone", json!("null")),
        ("/request/ipChain/0/ip", json!("127.0.0.1")),
        ("/request/ipChain/0/version", json!("V4")),
        ("/outcome", json!({"result": "SUCCESS", "reason": null})),
        ("/target/0/type", json!("access_token")),
        ("/target/0/alternateId", null.clone()),
        ("/target/0/detailEntry/subject", json!(CLIENT)),
        ("/transaction/type", json!("WEB")),
        ("/transaction/id", json!(answer.header("x-okta-request-id"))),
        ("/transaction/detail", json!({})),
        ("/debugContext/debugData/requestId", json!(answer.header("x-okta-request-id"))),
        ("/debugContext/debugData/requestUri", json!(TOKEN)),
        ("/debugContext/debugData/clientAuthType", json!("private_key_jwt")),
        ("/debugContext/debugData/grantType", json!("client_credentials")),
        ("/debugContext/debugData/requestedScopes", json!("okta.users.read")),
        ("/debugContext/debugData/grantedScopes", json!("okta.users.read")),
        ("/authenticationContext/authenticationStep", json!(0)),
        ("/securityContext/isProxy", null),
    ] {
        assert_eq!(event.pointer(path), Some(&expected), "{path}: {event}");
    }
}

#[test_support::test]
async fn a_users_token_is_told_after_its_user() {
    let org = Org::start().await;
    let token = org.sandbox.issue(&Grant::to_client(CLIENT).user(USER)).unwrap();
    org.post("/oauth2/v1/revoke", &[("token", token.expose())]).await;
    let again = org.sandbox.issue(&Grant::to_client(CLIENT).user(USER)).unwrap();
    org.sandbox.revoke(&again);
    for event in org.sandbox.log() {
        let kinds: Vec<&str> = event.target.iter().map(|target| target.kind).collect();
        assert_eq!(
            (event.event_type, kinds),
            ("app.oauth2.token.revoke", vec!["User", "access_token"])
        );
    }
    assert_eq!(org.sandbox.log().len(), 2);
}

#[test_support::test]
async fn refusals_are_told_and_so_is_their_reason() {
    let org = Org::start().await;
    org.token(TOKEN, "okta.groups.read").await;
    org.token(CUSTOM_TOKEN, "other").await;
    let form = [("client_assertion_type".to_owned(), "x".to_owned())];
    org.post_form(TOKEN, &form).await;
    let mut form = org.form("/oauth2/v1/introspect", &[("grant_type", "client_credentials")]);
    org.post_form(TOKEN, &form).await;
    form.clear();
    org.post_form(CUSTOM_TOKEN, &[("client_id".to_owned(), "0oa9".to_owned())]).await;
    let told: Vec<_> = org
        .sandbox
        .log()
        .into_iter()
        .map(|event| {
            assert_eq!((event.outcome.result, event.severity), ("FAILURE", "WARN"));
            (event.event_type, event.actor.id, event.outcome.reason.unwrap())
        })
        .collect();
    let own = |event: &'static str, actor: &str, reason: &str| {
        (event, actor.to_owned(), reason.to_owned())
    };
    let custom = "app.oauth2.as.token.grant";
    assert_eq!(
        told,
        [
            own("app.oauth2.token.grant", CLIENT, "consent_required"),
            own(custom, CLIENT, "invalid_scope"),
            own("app.oauth2.token.grant", "unknown", "invalid_request"),
            own("app.oauth2.token.grant", CLIENT, "invalid_client"),
            own(custom, "unknown", "invalid_client"),
        ]
    );
}

#[test_support::test]
async fn a_limit_that_is_met_is_told_once_a_minute() {
    let org = Org::start().await;
    org.sandbox.set_rate_limit(Bucket::OrgToken, 0);
    for _ in 0..3 {
        assert_eq!(org.token(TOKEN, "okta.users.read").await.status, 429);
    }
    org.sandbox.set_concurrency_limit(0);
    for _ in 0..3 {
        assert_eq!(org.get("/api/v1/users").await.status, 429);
    }
    let log = org.sandbox.log();
    let told: Vec<_> = log.iter().map(|event| (event.event_type, event.outcome.result)).collect();
    assert_eq!(
        told,
        [
            ("system.org.rate_limit.violation", "RATE_LIMIT"),
            ("core.concurrency.org.limit.violation", "RATE_LIMIT"),
        ]
    );
    assert_eq!((log[0].target[0].id.as_str(), log[0].actor.id.as_str()), (TOKEN, CLIENT));
    org.clock.advance(std::time::Duration::from_secs(60));
    org.sandbox.set_concurrency_limit(None);
    org.token(TOKEN, "okta.users.read").await;
    assert_eq!(org.sandbox.log().len(), 3);
}
