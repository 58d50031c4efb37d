//! Rate limits of the sandbox.

use std::time::Duration;

use okta_introspect::sandbox::{App, Bucket, Grant, RateLimitHeaders};

use crate::org::{Answer, CLIENT, NOW, Org, form_request};

const TOKEN: &str = "/oauth2/v1/token";
const INTROSPECT: &str = "/oauth2/v1/introspect";
const CUSTOM_INTROSPECT: &str = "/oauth2/default/v1/introspect";

/// Status, and the limit as (limit, remaining, seconds until the reset).
fn stated(answer: &Answer) -> (u16, Vec<(i64, i64, i64)>) {
    let values = |name: &str| -> Vec<i64> {
        let values = answer.headers.get_all(format!("x-rate-limit-{name}")).into_iter();
        values.map(|value| value.to_str().unwrap().parse().unwrap()).collect()
    };
    let (limits, left, resets) = (values("limit"), values("remaining"), values("reset"));
    let rows = (0..limits.len()).map(|at| (limits[at], left[at], resets[at] - NOW));
    (answer.status, rows.collect())
}

#[test_support::test]
async fn without_a_limit_nothing_is_said() {
    let org = Org::start().await;
    assert_eq!(stated(&org.introspect(INTROSPECT, "x").await), (200, vec![]));
}

#[test_support::test]
async fn an_app_gets_its_share_of_a_minute() {
    let org = Org::start().await;
    org.sandbox.set_rate_limit(Bucket::Org, 4);
    let introspect = async || stated(&org.introspect(INTROSPECT, "x").await);
    assert_eq!(introspect().await, (200, vec![(2, 1, 60)]));
    org.clock.advance(Duration::from_secs(20));
    assert_eq!(introspect().await, (200, vec![(2, 0, 60)]));
    assert_eq!(introspect().await, (429, vec![(2, 0, 60)]));
    org.clock.advance(Duration::from_secs(39));
    assert_eq!(introspect().await, (429, vec![(2, 0, 60)]));
    org.clock.advance(Duration::from_secs(1));
    assert_eq!(introspect().await, (200, vec![(2, 1, 120)]));
    org.sandbox.set_rate_limit(Bucket::Org, None);
    assert_eq!(introspect().await, (200, vec![]));
}

#[test_support::test]
async fn a_refusal_has_the_shape_of_the_api() {
    let org = Org::start().await;
    org.sandbox.set_rate_limit(Bucket::OrgToken, 0);
    let answer = org.token(TOKEN, "okta.users.read").await;
    assert_eq!(answer.status, 429);
    let body = answer.json();
    assert_eq!(body["errorCode"], "E0000047");
    let summary = "API call exceeded rate limit due to too many requests.";
    assert_eq!(body["errorSummary"], summary);
    assert_eq!(body["errorCauses"], serde_json::json!([]));
    assert_eq!(answer.header("retry-after"), "", "Okta has no such header");
    assert_eq!(org.sandbox.requests()[0].status(), 429);
}

#[test_support::test]
async fn an_assertion_that_met_the_limit_may_be_sent_again() {
    let org = Org::start().await;
    org.sandbox.set_rate_limit(Bucket::Org, 0);
    let form = org.form(INTROSPECT, &[("token", "x")]);
    let send =
        async || Answer::of(form_request(org.http.post(org.url(INTROSPECT)), &form)).await.status;
    assert_eq!(send().await, 429);
    org.sandbox.set_rate_limit(Bucket::Org, 10);
    assert_eq!(send().await, 200);
    assert_eq!(send().await, 401, "now it is used up");
}

#[test_support::test]
async fn refusals_of_the_endpoint_count_and_state_the_limit_too() {
    let org = Org::start().await;
    org.sandbox.set_rate_limit(Bucket::Org, 10);
    let form = [("client_id".to_owned(), CLIENT.to_owned())];
    assert_eq!(stated(&org.post_form(INTROSPECT, &form).await), (401, vec![(5, 4, 60)]));
    assert_eq!(stated(&org.post_form(INTROSPECT, &[]).await), (401, vec![(10, 8, 60)]));
}

#[test_support::test]
async fn each_bucket_has_its_own_window() {
    let org = Org::start().await;
    let buckets = [
        (Bucket::OrgToken, 20),
        (Bucket::Org, 22),
        (Bucket::CustomToken, 24),
        (Bucket::Custom, 26),
        (Bucket::Logs, 28),
        (Bucket::Api, 30),
    ];
    for (bucket, limit) in buckets {
        org.sandbox.set_rate_limit(bucket, limit);
    }
    let grant = ["okta.users.read", "okta.logs.read"]
        .iter()
        .fold(Grant::to_client(CLIENT), |grant, scope| grant.scope(*scope));
    let token = org.sandbox.issue(&grant).unwrap();
    let limit = |answer: Answer| stated(&answer).1;
    assert_eq!(limit(org.token(TOKEN, "okta.users.read").await), [(10, 9, 60)]);
    assert_eq!(limit(org.introspect(INTROSPECT, "x").await), [(11, 10, 60)]);
    assert_eq!(limit(org.token("/oauth2/default/v1/token", "read").await), [(12, 11, 60)]);
    assert_eq!(limit(org.introspect(CUSTOM_INTROSPECT, "x").await), [(13, 12, 60)]);
    assert_eq!(limit(org.get_with("/api/v1/logs", token.expose()).await), [(14, 13, 60)]);
    assert_eq!(limit(org.get_with("/api/v1/users", token.expose()).await), [(15, 14, 60)]);
    for exempt in [
        "/oauth2/v1/keys",
        "/.well-known/openid-configuration",
        "/oauth2/default/.well-known/oauth-authorization-server",
    ] {
        assert_eq!(limit(org.get(exempt).await), [], "{exempt}");
    }
}

#[test_support::test]
async fn both_limits_are_stated_if_asked_for() {
    let org = Org::start_with(|builder, _| builder.app(App::service("0oa2"))).await;
    org.sandbox.set_rate_limit(Bucket::Org, 10);
    org.sandbox.set_rate_limit_headers(RateLimitHeaders::Each);
    let first = org.introspect(INTROSPECT, "x").await;
    assert_eq!(stated(&first).1, [(10, 9, 60), (5, 4, 60)]);
    let form = [("client_id".to_owned(), "0oa2".to_owned())];
    let other_app = org.post_form(INTROSPECT, &form).await;
    assert_eq!(stated(&other_app).1, [(10, 8, 60), (5, 4, 60)]);
    org.sandbox.set_app_share(100);
    let whole = org.introspect(INTROSPECT, "x").await;
    assert_eq!(stated(&whole).1, [(10, 7, 60), (10, 8, 60)]);
}

#[test_support::test]
async fn too_many_at_once_are_refused_with_zeros() {
    let org = Org::start().await;
    org.sandbox.set_concurrency_limit(0);
    assert_eq!(stated(&org.introspect(INTROSPECT, "x").await), (429, vec![(0, 0, 60)]));
    assert_eq!(org.get("/oauth2/v1/keys").await.status, 200);
    org.sandbox.set_concurrency_limit(1);
    assert_eq!(org.introspect(INTROSPECT, "x").await.status, 200);
}
