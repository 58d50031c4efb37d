//! What the checker's types show.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use okta_introspect::checker::{
    Answered, AudienceFault, CheckerConfig, Invalidation, Presented, ProofConfig, ProofDenial,
    Replay, SendTime, Upstream,
};
use okta_introspect::sandbox::{Bucket, Grant};
use okta_introspect::*;
use test_support::secrets::Secrets;

use crate::org::Org;
use crate::said::{CLIENT, TOKEN, scopes};

/// A client that tells what it was handed to record its send times in, and what came of it.
#[derive(Clone, Debug)]
struct Noted {
    client: Client,
    send_times: Arc<Mutex<String>>,
    answers: Arc<Mutex<String>>,
}

impl Upstream for Noted {
    fn issuer(&self) -> &Issuer {
        self.client.issuer()
    }

    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async move {
            let answer = Upstream::introspect(&self.client, token, send_time).await;
            self.send_times.lock().unwrap().push_str(&said!(*send_time));
            self.answers.lock().unwrap().push_str(&said!(answer));
            answer
        })
    }
}

/// The lines of the checker's types, once it has let tokens in and refused them for every kind of
/// reason: then they hold whatever they keep of tokens and proofs.
pub(super) async fn checked(
    org: &Org,
    client: Client,
    secrets: &mut Secrets,
) -> BTreeMap<&'static str, String> {
    org.sandbox.set_rate_limit(Bucket::Org, 600); // for what remains
    let builder = || Checker::builder(client.clone()).clock(org.clock.clone());
    let checker = builder().build().unwrap();
    let noted =
        Noted { client: client.clone(), send_times: Arc::default(), answers: Arc::default() };
    let noting = Checker::builder(noted.clone()).clock(org.clock.clone()).build().unwrap();
    let any = Requirement::new();
    let more = Requirement::new().scope("okta.apps.read").predicate(|answer| answer.active);
    let issue = || org.sandbox.issue(&Grant::to_client(CLIENT).scope("okta.users.read")).unwrap();
    let (token, gone) = (issue(), issue());
    org.sandbox.revoke(&gone);
    let app = org.client("0oa2dpop").dpop(DpopConfig::new(DpopMode::Always)).build().unwrap();
    let bound = app.request_token(&scopes("okta.users.read")).await.unwrap();
    let (method, url) = ("GET", "https://api.acme.example/orders");
    let shown = bound.present(method, url).await.unwrap();
    let proof = shown.dpop.as_ref().unwrap().expose();
    for token in [&token, &gone, bound.token()] {
        secrets.add("a checked token", token.expose());
    }
    secrets.add_jwt("a checked proof", proof);
    let presented = Presented::dpop(bound.token().expose(), proof, method, url);

    let (mut authorized, mut denied) = (String::new(), String::new());
    let (mut sources, mut reasons, mut verdicts) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (presented, requirement) in [
        (Presented::from(&token), &any), // asks
        (Presented::from(&token), &any), // remembers
        (Presented::from(&token), &more),
        (Presented::from(&gone), &any),
        (Presented::from(TOKEN), &any),
        (Presented::from(bound.token()), &any),
        (presented, &any),
        (presented, &any), // a proof is good once
        (Presented::dpop(bound.token().expose(), TOKEN, method, url), &any),
    ] {
        for checker in [&checker, &noting] {
            let verdict = checker.check(presented, requirement).await.unwrap();
            match &verdict {
                Verdict::Authorized(caller) => {
                    authorized += &(said!(*caller) + &said!(*caller.introspection()));
                    sources.insert(said!(caller.source()));
                }
                Verdict::Denied(refused) => {
                    denied += &(said!(*refused) + &said!(refused.facts()));
                    denied += &(said!(refused.age()) + &said!(refused.source()));
                    reasons.insert(said!(*refused.reason()));
                }
            }
            verdicts.push(verdict);
        }
    }
    let said_no = |what: &str| reasons.iter().any(|reason| reason.starts_with(what));
    for what in ["Scope", "Inactive", "Proof(Missing)", "Proof(Replayed)", "Proof(Invalid)"] {
        assert!(said_no(what), "nobody was denied for {what}: {reasons:?}");
    }
    assert_eq!(sources.len(), 2, "{sources:?}");
    let invalidations = [
        Invalidation::Everything,
        Invalidation::Token(&token),
        Invalidation::Jti("an id"),
        Invalidation::User("00u1ada"),
        Invalidation::Client(CLIENT),
        Invalidation::TokenHash("a hash"),
        Invalidation::Login("ada"),
        Invalidation::Server("default"),
    ];
    let metrics = checker.metrics();
    let remaining = Upstream::remaining(&client, org.clock.monotonic()).unwrap();
    let denials = [ProofDenial::Missing, ProofDenial::Replayed, ProofDenial::Key];
    let send_times = noted.send_times.lock().unwrap().clone();
    let answers = noted.answers.lock().unwrap().clone();

    BTreeMap::from([
        ("Answered", answers.clone()),
        ("Remaining", said!(remaining)),
        ("Authorized", authorized),
        ("Checker", said!(checker) + &said!(noting)),
        ("CheckerBuilder", said!(builder().server(noted.clone()))),
        ("CheckerConfig", said!(CheckerConfig::default())),
        ("Denied", denied),
        ("SendTime", send_times),
        ("Sent", answers),
        ("EndpointMetrics", said!(metrics.servers.values().next().unwrap().endpoints)),
        ("Histogram", said!(metrics.verdict_age)),
        ("ServerMetrics", said!(metrics.servers)),
        ("Coverage", said!(checker.coverage())),
        ("Invalidation", said!(invalidations)),
        ("SignalMode", said!(checker.signal_mode())),
        ("Metrics", said!(metrics) + &said!(noting.metrics())),
        ("Presented", said!(presented) + &said!(Presented::from(&token))),
        ("Replay", said!(Replay::CheckOnly)),
        ("ProofConfig", said!(ProofConfig::default())),
        ("ProofDenial", said!(denials)),
        ("Reason", reasons.into_iter().collect()),
        ("Requirement", said!(any) + &said!(more)),
        ("AnswerSource", sources.into_iter().collect()),
        ("AudienceFault", said!(AudienceFault::TrailingSlash)),
        ("Upstream", said!(*(&client as &dyn Upstream)) + &said!(noted)),
        ("Verdict", said!(verdicts)),
    ])
}
