//! A System Log that is told what happens, with lag, a rate limit and faults.

#![allow(unreachable_pub)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::{Clock, ManualClock, Resource, RetryConfig, Scopes};
use serde_json::{Value, json};
use test_support::{Peer, Recorded, reply, reply_with};

use crate::support::builder;

/// The log of one org. Its time is that of the clock, and of `ahead`.
pub struct Log {
    pub peer: Peer,
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// In the order in which they were written, and when that was.
    events: Vec<(DateTime<Utc>, Value)>,
    /// What is answered next instead of the right answer.
    faults: VecDeque<Vec<u8>>,
    /// What is answered to all but a beginning.
    refusal: Option<Vec<u8>>,
    ahead: TimeDelta,
    bucket: Option<Bucket>,
    /// What was asked for, and when.
    calls: Vec<(DateTime<Utc>, String)>,
}

/// 120 calls a minute for the org and half of them for the app, beside another program.
#[derive(Clone, Copy, Default)]
struct Bucket {
    minute: i64,
    ours: i64,
    refused: i64,
    /// How many calls the other one makes in a minute, evenly.
    others: i64,
}

const GRANTED: &str =
    r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600,"scope":"okta.logs.read"}"#;

impl Log {
    pub async fn start(clock: &ManualClock) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let (own, own_clock) = (Arc::clone(&state), clock.clone());
        let peer =
            Peer::answering(move |request| match request.target.strip_prefix("/api/v1/logs") {
                Some(query) => own.lock().unwrap().answer(own_clock.now(), query, request),
                None => reply(200, "application/json", GRANTED),
            });
        Self { peer: peer.await, clock: clock.clone(), state }
    }

    /// The log as a client sees it that makes one attempt per call.
    pub fn resource(&self) -> Resource {
        let client = builder(&self.peer.issuer(), &self.clock).retry(RetryConfig::off());
        let circuit = okta_introspect::CircuitConfig::off();
        client.circuit(circuit).build().unwrap().resource(Scopes::parse("okta.logs.read").unwrap())
    }

    /// Something happens now, and is written so much later. Its number is its `uuid`.
    pub fn happens_late(&self, event_type: &str, target: Value, lag: Duration) {
        let mut state = self.state();
        let now = self.clock.now() + state.ahead;
        let uuid = state.events.len().to_string();
        let event = json!({"uuid": uuid, "published": now, "eventType": event_type,
            "outcome": {"result": "SUCCESS"}, "target": target});
        let written = now + TimeDelta::from_std(lag).unwrap();
        let at = state.events.partition_point(|(before, _)| *before <= written);
        state.events.insert(at, (written, event));
    }

    pub fn happens(&self, event_type: &str, target: Value) {
        self.happens_late(event_type, target, Duration::ZERO);
    }

    pub fn revoked(&self, jti: &str) {
        self.happens("app.oauth2.as.token.revoke", json!([{"type": "access_token", "id": jti}]));
    }

    /// Events as they are, without any care.
    pub fn write(&self, event: Value) {
        let now = self.clock.now();
        self.state().events.push((now, event));
    }

    /// The next calls are answered like this.
    pub fn fails(&self, answers: impl IntoIterator<Item = Vec<u8>>) {
        self.state().faults.extend(answers);
    }

    /// Links are refused like this, or followed again.
    pub fn refuses_links(&self, answer: Option<Vec<u8>>) {
        self.state().refusal = answer;
    }

    pub fn set_ahead(&self, ahead: TimeDelta) {
        self.state().ahead = ahead;
    }

    /// Limits calls, beside a program that makes so many a minute.
    pub fn limited_beside(&self, others: i64) {
        self.state().bucket = Some(Bucket { others, ..Bucket::default() });
    }

    /// How many calls were refused for the limit, the other program's included.
    pub fn refused(&self) -> i64 {
        self.state().bucket.unwrap().refused
    }

    /// What was asked for behind the path, so far.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.iter().map(|(_, query)| query.clone()).collect()
    }

    pub fn call_times(&self) -> Vec<DateTime<Utc>> {
        self.state().calls.iter().map(|(at, _)| *at).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn answer(&mut self, now: DateTime<Utc>, query: &str, request: &Recorded) -> Vec<u8> {
        self.calls.push((now, query.to_owned()));
        let now = now + self.ahead;
        let limits = self.bucket.as_mut().map(|bucket| bucket.count(now));
        if limits.as_ref().is_some_and(|(_, is_refused)| *is_refused) {
            let headers = limits.unwrap().0;
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            return reply_with(429, &headers, r#"{"errorCode":"E0000047"}"#);
        }
        if let Some(answer) = self.faults.pop_front() {
            return answer;
        }
        let parameter = |name: &str| {
            let mut pairs = url_pairs(query);
            pairs.find_map(|(key, value)| (key == name).then_some(value))
        };
        let begin = match (parameter("since"), parameter("after")) {
            (Some(since), None) => {
                let since: DateTime<Utc> = since.parse().unwrap();
                let is_before = |(_, event): &&(_, Value)| published(event) < Some(since);
                self.events.iter().take_while(is_before).count()
            }
            (None, Some(after)) => match &self.refusal {
                Some(refusal) => return refusal.clone(),
                None => after.parse().unwrap(),
            },
            other => panic!("{other:?}"),
        };
        let limit = parameter("limit").unwrap().parse().unwrap();
        let there = self.events.iter().skip(begin).take_while(|(written, _)| *written <= now);
        let page: Vec<_> = there.take(limit).map(|(_, event)| event).collect();
        let host = request.header("host").unwrap();
        let end = begin + page.len();
        let link =
            format!("<http://{host}/api/v1/logs?after={end}&limit={limit}&x=%2B~>; rel=\"next\"");
        let date = http_date(now);
        let mut headers = vec![("link", link), ("date", date)];
        headers.extend(limits.into_iter().flat_map(|(headers, _)| headers));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        reply_with(200, &headers, &serde_json::to_string(&page).unwrap())
    }
}

impl Bucket {
    const ORG: i64 = 120;
    const APP: i64 = 60;

    /// Counts a call of ours: what is stated, and whether it is refused.
    fn count(&mut self, now: DateTime<Utc>) -> (Vec<(&'static str, String)>, bool) {
        let minute = now.timestamp().div_euclid(60);
        if self.minute != minute {
            // What the other one was refused in the minute that is over.
            self.refused += (self.ours + self.others - Self::ORG).max(0);
            (self.minute, self.ours) = (minute, 0);
        }
        let others = self.others * now.timestamp_millis().rem_euclid(60_000) / 60_000;
        let is_refused = self.ours >= Self::APP || self.ours + others >= Self::ORG;
        match is_refused {
            true => self.refused += 1,
            false => self.ours += 1,
        }
        let left =
            [(Self::ORG, Self::ORG - self.ours - others), (Self::APP, Self::APP - self.ours)];
        let headers = left.into_iter().flat_map(|(limit, left)| {
            [
                ("x-rate-limit-limit", limit.to_string()),
                ("x-rate-limit-remaining", left.max(0).to_string()),
                ("x-rate-limit-reset", ((minute + 1) * 60).to_string()),
            ]
        });
        (headers.chain([("date", http_date(now))]).collect(), is_refused)
    }
}

pub fn http_date(now: DateTime<Utc>) -> String {
    now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn published(event: &Value) -> Option<DateTime<Utc>> {
    event["published"].as_str()?.parse().ok()
}

fn url_pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = query.trim_start_matches('?').to_owned();
    serde_urlencoded::from_str::<Vec<(String, String)>>(&pairs).unwrap().into_iter()
}
