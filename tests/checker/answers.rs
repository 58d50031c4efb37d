//! The checker: how many calls it makes, how old its answers are, and the wounds of others that
//! it must not have. Time is injected; nothing sleeps.

use std::collections::BTreeMap;
use std::time::Duration;

use okta_introspect::checker::{
    AnswerSource, Checker, Invalidation, Presented, ProofDenial, Reason, Requirement,
};
use okta_introspect::{ErrorKind, Issuer, ManualClock, Token};
use serde_json::json;

use crate::script::{ISSUER, Script, authorized, checker, denied, within};
use crate::support::{seconds, settle, start};

const TOKEN: &str = "t0ken-that-must-never-show";

fn clock() -> ManualClock {
    ManualClock::new(start())
}

fn script(clock: &ManualClock) -> Script {
    let script = Script::new(clock);
    script.active(
        TOKEN,
        json!({
            "scope": "a b", "uid": "00u1", "client_id": "0oa1", "jti": "AT.1", "sub": "ada",
        }),
    );
    script
}

#[test_support::test]
async fn an_answer_is_used_up_to_its_readers_bound_and_no_longer() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    let requirement = within(seconds(30));
    assert_eq!(
        authorized(checker.check(TOKEN, &requirement).await).source(),
        AnswerSource::Introspected
    );
    for (advance, source, age) in [
        (29_999, AnswerSource::Cache, 29_999),
        (1, AnswerSource::Cache, 30_000),
        (1, AnswerSource::Introspected, 0),
    ] {
        clock.advance(Duration::from_millis(advance));
        let answer = authorized(checker.check(TOKEN, &requirement).await);
        assert_eq!((answer.source(), answer.age()), (source, Duration::from_millis(age)));
    }
    assert_eq!(script.calls(), 2);
}

#[test_support::test]
async fn two_routes_with_different_bounds_share_what_is_known() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    authorized(checker.check(TOKEN, &within(seconds(60))).await);
    clock.advance(seconds(10));
    assert_eq!(authorized(checker.check(TOKEN, &within(seconds(60))).await).age(), seconds(10));
    assert_eq!(authorized(checker.check(TOKEN, &within(seconds(5))).await).age(), seconds(0));
    assert_eq!(authorized(checker.check(TOKEN, &within(seconds(60))).await).age(), seconds(0));
    assert_eq!(script.calls(), 2);
}

#[test_support::test]
async fn zero_asks_every_time() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    for calls in 1..=3 {
        authorized(checker.check(TOKEN, &within(Duration::ZERO)).await);
        assert_eq!(script.calls(), calls);
    }
}

#[test_support::test]
async fn a_careless_bound_is_cut_to_the_longest() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    authorized(checker.check(TOKEN, &within(seconds(1_000_000))).await);
    clock.advance(seconds(601));
    authorized(checker.check(TOKEN, &within(seconds(1_000_000))).await);
    assert_eq!(script.calls(), 2);
}

#[test_support::test]
async fn a_check_joins_a_call_only_if_that_was_sent_within_its_bound() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |config| config.timeout = seconds(1000));
    script.hold(true);
    let spawn = |bound| {
        let (checker, requirement) = (checker.clone(), within(seconds(bound)));
        tokio::spawn(async move { authorized(checker.check(TOKEN, &requirement).await) })
    };
    let first = spawn(10);
    settle().await;
    clock.advance(seconds(10));
    let same = spawn(10);
    settle().await;
    assert_eq!(script.calls(), 1);
    let (now, sooner) = (spawn(0), spawn(9));
    settle().await;
    assert_eq!(script.calls(), 2, "they share a call that had not been sent");
    let again = spawn(0);
    settle().await;
    assert_eq!(script.calls(), 3, "that one had been");
    script.hold(false);
    for (check, source, age) in [
        (first, AnswerSource::Introspected, 10),
        (same, AnswerSource::Joined, 10),
        (now, AnswerSource::Introspected, 0),
        (sooner, AnswerSource::Joined, 0),
        (again, AnswerSource::Introspected, 0),
    ] {
        let answer = check.await.unwrap();
        assert_eq!((answer.source(), answer.age()), (source, seconds(age)));
    }
}

#[test_support::test]
async fn a_late_answer_never_replaces_a_newer_one() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |config| config.timeout = seconds(1000));
    script.hold(true);
    let late = tokio::spawn({
        let checker = checker.clone();
        async move { checker.check(TOKEN, &within(seconds(60))).await }
    });
    settle().await;
    // The server has looked, and the answer is on its way. Then the token is revoked, and somebody
    // asks for now.
    script.revoke(TOKEN);
    script.hold(false);
    let now = within(Duration::ZERO);
    assert_eq!(denied(checker.check(TOKEN, &now).await), Reason::Inactive);
    authorized(late.await.unwrap());
    assert_eq!(denied(checker.check(TOKEN, &within(seconds(60))).await), Reason::Inactive);
    assert_eq!(script.calls(), 2);
}

#[test_support::test]
async fn a_token_ends_on_time_even_if_the_answer_is_young() {
    let clock = clock();
    let script = script(&clock);
    script.active(TOKEN, json!({"exp": start().timestamp() + 20}));
    let checker = checker(&script, |_| {});
    authorized(checker.check(TOKEN, &within(seconds(60))).await);
    clock.advance(Duration::from_millis(19_999));
    authorized(checker.check(TOKEN, &within(seconds(60))).await);
    clock.advance(Duration::from_millis(1));
    assert_eq!(denied(checker.check(TOKEN, &within(seconds(60))).await), Reason::Expired);
    assert_eq!(script.calls(), 1);
}

#[test_support::test]
async fn invalidation_counts_for_whatever_it_names() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    let token = Token::parse(TOKEN).unwrap();
    let mut calls = 0;
    for (named, hits) in [
        (Invalidation::Everything, true),
        (Invalidation::Token(&token), true),
        (Invalidation::Jti("AT.1"), true),
        (Invalidation::User("00u1"), true),
        (Invalidation::Client("0oa1"), true),
        (Invalidation::TokenHash("q5kttW8AA7lGKs/II/7T6FwCtIS/w4NCA65ENhUvHOE="), true),
        (Invalidation::Login("ADA"), true),
        (Invalidation::Server(ISSUER), true),
        (Invalidation::User("00u2"), false),
        (Invalidation::TokenHash("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), false),
        (Invalidation::Login("bob"), false),
        (Invalidation::Server("default"), false),
    ] {
        authorized(checker.check(TOKEN, &within(seconds(60))).await);
        calls = script.calls().max(calls);
        checker.invalidate(named);
        authorized(checker.check(TOKEN, &within(seconds(60))).await);
        assert_eq!(script.calls(), calls + usize::from(hits), "{named:?}");
        assert!(!format!("{named:?}").contains(TOKEN));
    }
}

/// An org with two custom servers and an address of its own, and another org's custom server.
#[test_support::test]
async fn a_server_is_called_by_its_url_or_its_id_and_one_that_is_unknown_may_be_any_custom_one() {
    let clock = clock();
    let issuers = [
        ISSUER,
        "https://acme.okta.com/oauth2/default",
        "https://acme.okta.com/oauth2/aus1",
        "https://other.okta.com/oauth2/default",
    ];
    let [org, default, aus1, other] = issuers.map(|issuer| Script::of(issuer, &clock));
    let servers = [&org, &default, &aus1, &other];
    let issuer = |text: &str| Issuer::parse(text).unwrap();
    let checker = Checker::builder(org.clone())
        .server(default.clone())
        .server(aus1.clone())
        .server(other.clone())
        .alias(issuer("https://login.acme.example"), issuer(ISSUER))
        .alias(issuer("https://login.acme.example/oauth2/default"), issuer(issuers[1]))
        .clock(clock.clone())
        .build()
        .unwrap();
    servers.iter().for_each(|server| server.active(TOKEN, json!({})));
    for (name, concerned) in [
        (ISSUER, [true, false, false, false]),
        ("https://acme.okta.com/", [true, false, false, false]),
        ("https://login.acme.example", [true, false, false, false]),
        ("https://login.acme.example/oauth2/default", [false, true, false, false]),
        ("https://acme.okta.com/oauth2/default/", [false, true, false, false]),
        ("https://acme.okta.com/oauth2/aus1", [false, false, true, false]),
        ("aus1", [false, false, true, false]),
        ("default", [false, true, false, true]),
        // Under an address that is not known here.
        ("https://id.acme.example/oauth2/aus1", [false, false, true, false]),
        ("https://id.acme.example/oauth2/aus2", [false, true, true, true]),
        ("https://id.acme.example", [true, true, true, true]),
        ("aus2", [false, true, true, true]),
        ("", [false, true, true, true]),
    ] {
        let check = async |at: &str| {
            let requirement = Requirement::new().issuer(issuer(at));
            authorized(checker.check(TOKEN, &requirement).await);
        };
        for at in issuers {
            check(at).await;
        }
        let before = servers.map(Script::calls);
        checker.invalidate(Invalidation::Server(name));
        for at in issuers {
            check(at).await;
        }
        let asked: Vec<bool> =
            servers.iter().zip(before).map(|(server, before)| server.calls() > before).collect();
        assert_eq!(asked, concerned, "{name:?}");
    }
}

#[test_support::test]
async fn an_answer_that_is_invalidated_on_its_way_is_asked_for_again() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    script.hold(true);
    let check = tokio::spawn({
        let checker = checker.clone();
        async move { checker.check(TOKEN, &within(seconds(60))).await }
    });
    settle().await;
    script.revoke(TOKEN);
    checker.invalidate(Invalidation::User("00u1"));
    script.hold(false);
    assert_eq!(denied(check.await.unwrap()), Reason::Inactive);
    assert_eq!(script.calls(), 2);
}

#[test_support::test]
async fn tokens_go_to_their_own_server_and_the_key_includes_the_issuer() {
    let clock = clock();
    let (org, custom) =
        (script(&clock), Script::of("https://acme.okta.com/oauth2/default", &clock));
    let checker =
        Checker::builder(org.clone()).server(custom.clone()).clock(clock.clone()).build().unwrap();
    let at = |issuer| Requirement::new().issuer(Issuer::parse(issuer).unwrap());
    // The same opaque text, asked about at two servers: one says yes, the other no.
    let custom_route = at("https://acme.okta.com/oauth2/default");
    for _ in 0..2 {
        authorized(checker.check(TOKEN, &at(ISSUER)).await);
        assert_eq!(denied(checker.check(TOKEN, &custom_route).await), Reason::Inactive);
        authorized(checker.check(TOKEN, &Requirement::new()).await);
    }
    assert_eq!((org.calls(), custom.calls()), (1, 1));
    let elsewhere = at("https://other.okta.com");
    let error = checker.check(TOKEN, &elsewhere).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[test_support::test]
async fn a_server_is_known_by_all_of_its_names() {
    let clock = clock();
    let script = script(&clock);
    let (issuer, alias) = (ISSUER, "https://login.acme.example");
    let parse = |text| Issuer::parse(text).unwrap();
    let other = Script::of("https://acme.okta.com/oauth2/default", &clock);
    let checker = Checker::builder(script.clone())
        .server(other)
        .alias(parse(alias), parse(issuer))
        .clock(clock.clone())
        .build()
        .unwrap();
    for (named, required) in [(issuer, alias), (alias, issuer), (alias, alias), (issuer, issuer)] {
        script.active(TOKEN, json!({"iss": named}));
        let requirement = within(Duration::ZERO).issuer(parse(required));
        authorized(checker.check(TOKEN, &requirement).await);
    }
    script.active(TOKEN, json!({"iss": "https://acme.okta.com/oauth2/default"}));
    let requirement = within(Duration::ZERO).issuer(parse(alias));
    assert_eq!(denied(checker.check(TOKEN, &requirement).await), Reason::Issuer);
}

#[test_support::test]
async fn two_servers_of_one_issuer_are_refused() {
    let clock = clock();
    let script = script(&clock);
    let twice = Checker::builder(script.clone()).server(script.clone()).build();
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Configuration);
}

#[test_support::test]
async fn what_the_edge_refuses_is_never_asked_about() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    for (token, reason) in [
        ("", Reason::Malformed),
        ("a b", Reason::Malformed),
        // {"alg":"none"}.{"iss":"https://evil.example"}
        (
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9.c2ln",
            Reason::UnknownIssuer,
        ),
    ] {
        assert_eq!(denied(checker.check(token, &Requirement::new()).await), reason);
    }
    assert_eq!(script.calls(), 0);
    let metrics = checker.metrics();
    let expected = [("malformed", 2), ("unknown_issuer", 1)];
    assert_eq!(metrics.denied_at_edge, expected.into());
}

#[test_support::test]
async fn a_bound_token_is_no_bearer_token() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    let proof = |denial| Reason::Proof(denial);
    for (name, members) in [
        ("key", json!({"cnf": {"jkt": "x"}})),
        ("certificate", json!({"cnf": {"x5t#S256": "x"}})),
        ("type-only", json!({"token_type": "DPoP"})),
    ] {
        script.active(name, members);
        let verdict = checker.check(name, &Requirement::new()).await;
        assert_eq!(denied(verdict), proof(ProofDenial::Missing), "{name}");
    }
    let dpop = Presented::dpop(TOKEN, "proof", "GET", "https://api.example/");
    let verdict = checker.check(dpop, &Requirement::new()).await;
    assert_eq!(denied(verdict), proof(ProofDenial::NotBound));
    let verdict = checker.check(TOKEN, &Requirement::new().bound()).await;
    assert_eq!(denied(verdict), proof(ProofDenial::NotBound));
    let certificate = Presented::dpop("certificate", "proof", "GET", "https://api.example/");
    let verdict = checker.check(certificate, &Requirement::new()).await;
    assert_eq!(denied(verdict), proof(ProofDenial::Unsupported));
}

#[test_support::test]
async fn no_secret_shows() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    let verdict = checker.check(TOKEN, &Requirement::new()).await;
    let presented = Presented::dpop(TOKEN, TOKEN, "GET", "https://api.example/");
    script.fail(ErrorKind::Unreachable);
    let error = checker.check(TOKEN, &within(Duration::ZERO)).await;
    let shown = format!("{verdict:?} {checker:?} {presented:?} {error:?} {:?}", checker.metrics());
    assert!(!shown.contains(TOKEN), "{shown}");
}

fn sources(times: [u64; 6]) -> BTreeMap<&'static str, u64> {
    AnswerSource::NAMES.into_iter().zip(times).collect()
}

#[test_support::test]
async fn metrics_have_sums_and_names_in_every_form() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    for _ in 0..3 {
        authorized(checker.check(TOKEN, &Requirement::new()).await);
        clock.advance(Duration::from_secs(10));
    }
    denied(checker.check("a b", &Requirement::new()).await);
    let metrics = serde_json::to_value(checker.metrics()).unwrap();
    assert_eq!(metrics["checks"]["authorized"]["cache"], 2);
    assert_eq!(metrics["checks"]["denied"]["edge"], 1);
    assert_eq!(metrics["denied_at_edge"], json!({"malformed": 1}));
    assert_eq!(metrics["verdict_age"]["count"], 3);
    assert_eq!(metrics["verdict_age"]["sum_seconds"], 30.0);
    let first = json!({"below_seconds": 0.00005, "count": 1});
    assert_eq!(metrics["verdict_age"]["buckets"][0], first);
    assert_eq!(metrics["servers"][ISSUER]["endpoints"]["introspect"]["statuses"]["active"], 1);
    assert_eq!(metrics["servers"][ISSUER]["rate_limit_remaining"], json!(null));
}

#[cfg(feature = "prometheus")]
#[test_support::test]
async fn prometheus_reads_what_was_counted() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    for _ in 0..3 {
        authorized(checker.check(TOKEN, &Requirement::new()).await);
        clock.advance(Duration::from_secs(10));
    }
    denied(checker.check("a b", &Requirement::new()).await);
    script.fail(ErrorKind::Unreachable);
    checker.check("other", &Requirement::new()).await.unwrap_err();
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register_collector(Box::new(checker.clone()));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        r#"okta_introspect_checks_total{verdict="authorized",source="cache"} 2"#,
        r#"okta_introspect_checks_total{verdict="denied",source="edge"} 1"#,
        r#"okta_introspect_checks_total{verdict="unknown",source="none"} 1"#,
        r#"okta_introspect_denials_total{stage="edge",reason="malformed"} 1"#,
        r#"okta_introspect_denials_total{stage="policy",reason="scope"} 0"#,
        r#"okta_introspect_verdict_age_seconds_bucket{le="0.00005"} 1"#,
        "okta_introspect_max_age_seconds 30.0",
        "okta_introspect_check_duration_seconds_count 2",
        r#"okta_introspect_upstream_requests_total{issuer="https://acme.okta.com",endpoint="revoke",status="revoked"} 0"#,
        "okta_introspect_verdict_age_seconds_sum 30.0",
        "okta_introspect_verdict_age_seconds_count 3",
        r#"okta_introspect_verdict_age_seconds_bucket{le="13.1072"} 2"#,
        r#"okta_introspect_verdict_age_seconds_bucket{le="+Inf"} 3"#,
        r#"okta_introspect_upstream_requests_total{issuer="https://acme.okta.com",endpoint="introspect",status="unreachable"} 1"#,
        r#"okta_introspect_upstream_duration_seconds_count{issuer="https://acme.okta.com",endpoint="introspect"} 2"#,
        r#"okta_introspect_governor_refusals_total{issuer="https://acme.okta.com"} 0"#,
        r#"okta_introspect_cache_entries{pool="active"} 1"#,
        r#"okta_introspect_evictions_total{pool="active"} 0"#,
        "okta_introspect_upstream_under_way 0",
        "# TYPE okta_introspect_checks counter",
    ] {
        assert!(text.lines().any(|own| own == line), "{line} is not in\n{text}");
    }
    // Each name once, whatever its labels.
    let mut types: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let all = types.len();
    types.dedup();
    assert_eq!((all, text.contains(TOKEN)), (types.len(), false));
}

#[test_support::test]
async fn metrics_count_what_was_done() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    for _ in 0..5 {
        authorized(checker.check(TOKEN, &Requirement::new()).await);
        denied(checker.check(TOKEN, &Requirement::new().scope("c")).await);
    }
    script.fail(ErrorKind::Unreachable);
    checker.check("other", &Requirement::new()).await.unwrap_err();
    let metrics = checker.metrics();
    assert_eq!((metrics.hits, metrics.misses, metrics.unknown), (9, 2, 1));
    assert_eq!(metrics.denied_by_reason, [("scope", 5)].into());
    assert_eq!((metrics.denied, metrics.upstream_calls, metrics.upstream_errors), (5, 2, 1));
    let server = &metrics.servers[ISSUER];
    let introspections = &server.endpoints["introspect"];
    assert_eq!(introspections.statuses, [("active", 1), ("unreachable", 1)].into());
    assert_eq!((metrics.verdict_age.count(), introspections.duration.count()), (5, 2));
    assert_eq!((metrics.active_entries, metrics.inactive_entries, metrics.under_way), (1, 0, 0));
    assert_eq!(metrics.checks["authorized"], sources([4, 1, 0, 0, 0, 0]));
    let mut denied = sources([5, 0, 0, 0, 0, 0]);
    denied.insert("edge", 0);
    assert_eq!(metrics.checks["denied"], denied);
    assert_eq!(metrics.checks["unknown"], [("none", 1)].into());
}
