//! The server, and its diary: what it saw, in the order in which it happened.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use okta_introspect::checker::{Answered, SendTime, Upstream};
use okta_introspect::{
    BoxFuture, Clock, Error, ErrorKind, Introspection, Issuer, ManualClock, SeededRandom, Token,
};
use serde_json::json;
use tokio::sync::oneshot;

use super::source::{Claim, Event};
use super::{TOKENS, below, name};

#[derive(Debug, Default)]
pub(crate) struct Diary {
    /// Counts everything that happens.
    pub(crate) events: u64,
    pub(crate) calls: Vec<Call>,
    pub(crate) active: [bool; TOKENS],
    pub(crate) lifetimes: [i64; TOKENS],
    pub(crate) outage: bool,
    pub(crate) gates: Vec<oneshot::Sender<()>>,
    /// For each invalidation: when, the tokens that it names, and where it was declared.
    pub(crate) watermarks: Vec<(u64, Vec<usize>, usize)>,
    /// The log of revocations.
    pub(crate) log: Vec<Event>,
    /// What the reader of the log has claimed, and when.
    pub(crate) claims: Vec<Claim>,
    /// How many tokens ended without a word of it, or with one that came too late.
    pub(crate) unexplained: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The instance that asked.
    pub(crate) by: usize,
    pub(crate) token: usize,
    pub(crate) sent: u64,
    pub(crate) sent_at: Instant,
    /// `None`: there was no answer.
    pub(crate) active: Option<bool>,
    pub(crate) landed: Option<u64>,
}

impl Diary {
    pub(crate) fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// The instance that asks here.
    pub(crate) by: usize,
    pub(crate) issuer: Issuer,
    pub(crate) clock: ManualClock,
    pub(crate) random: Arc<SeededRandom>,
    pub(crate) diary: Arc<Mutex<Diary>>,
}

impl Server {
    pub(crate) fn diary(&self) -> MutexGuard<'_, Diary> {
        self.diary.lock().unwrap()
    }

    /// Waits until somebody opens the gate, one time in three.
    pub(crate) async fn gate(&self) {
        let gate = (below(&self.random, 3) == 0).then(|| {
            let (open, gate) = oneshot::channel();
            self.diary().gates.push(open);
            gate
        });
        if let Some(gate) = gate {
            gate.await.unwrap();
        }
    }

    fn look(&self, token: usize) -> (usize, Result<Introspection, Error>) {
        let mut diary = self.diary();
        let (number, sent) = (diary.calls.len(), diary.event());
        let active = (!diary.outage).then(|| diary.active[token]);
        let sent_at = self.clock.monotonic();
        diary.calls.push(Call { by: self.by, token, sent, sent_at, active, landed: None });
        let exp = self.clock.now().timestamp() + diary.lifetimes[token];
        let answer = match active {
            None => Err(Error::from_upstream(ErrorKind::Unreachable, "an outage", None)),
            Some(false) => Ok(json!({"active": false})),
            // Users and clients of two tokens each.
            Some(true) => Ok(json!({
                "active": true, "call": number, "exp": exp, "jti": name(token),
                "uid": format!("user-{}", token / 2), "client_id": format!("client-{}", token % 2),
                "username": format!("User-{}@acme.example", token / 2),
            })),
        };
        (number, answer.map(|answer| serde_json::from_value(answer).unwrap()))
    }
}

impl Upstream for Server {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async move {
            self.gate().await;
            let sent = send_time.record(self.clock.monotonic());
            let token = token.expose().trim_start_matches("token-").parse().unwrap();
            let (number, answer) = self.look(token);
            self.gate().await;
            let mut diary = self.diary();
            let landed = diary.event();
            diary.calls[number].landed = Some(landed);
            answer.map(|introspection| Answered { introspection, sent })
        })
    }

    fn shared_as(&self) -> Option<String> {
        Some("client".to_owned())
    }
}
