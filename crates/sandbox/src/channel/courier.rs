//! What takes a channel's messages to its receiver.

use std::sync::Arc;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::{Answer, Target};
use super::delivery::{Delivery, DeliveryOutcome};
use super::ledger::Ledger;
use super::message::{Message, Sender};
use super::settings::{Channel, Kind};
use super::{event_hook, security_event};
use crate::clock::later;
use crate::error::Error;
use crate::http::server::Server;
use crate::model::authority::Authority;
use crate::model::channel_faults::Fate;
use crate::model::event::LogEvent;
use crate::oauth::signing;

/// A channel at work.
pub(super) struct Courier {
    server: Arc<Server>,
    channel: Channel,
    target: Target,
    /// Names it, as Okta's ids of hooks and streams.
    id: String,
    pub(super) ledger: Ledger,
}

/// An event, when it happened, and what will befall the message about it.
struct Happening {
    event: LogEvent,
    at: Instant,
    fate: Fate,
}

impl Courier {
    /// Begins to listen to what happens: what is known of the channel, and what does the work.
    pub(super) fn start(
        server: &Arc<Server>,
        channel: Channel,
    ) -> Result<(Arc<Self>, impl Future<Output = ()> + Send + use<>), Error> {
        let target = Target::new(channel.check()?, channel.ca_pem.as_deref())?;
        if channel.kind.signs() {
            // Making the key takes long; no message should wait for that.
            signing::key(Authority::Org.id_token_key());
        }
        let is_enabled = !matches!(channel.kind, Kind::EventHook { .. });
        let ledger = Ledger::new(channel.faults, is_enabled);
        let id = server.world.identifier();
        let courier = Arc::new(Self { server: Arc::clone(server), channel, target, id, ledger });
        let (sender, inbox) = mpsc::unbounded_channel();
        let listener = Arc::downgrade(&courier);
        server.world.listen(move |event| {
            let Some(courier) = listener.upgrade().filter(|courier| !courier.ledger.has_ended())
            else {
                return false;
            };
            if courier.ledger.is_enabled() && courier.channel.kind.wants(event) {
                courier.ledger.open();
                // It is received for as long as the courier is at work.
                let _ = sender.send(courier.happening(event));
            }
            true
        });
        let work = Arc::clone(&courier).work(inbox);
        Ok((courier, work))
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Takes messages in order, one at a time; those that are delayed are overtaken.
    async fn work(self: Arc<Self>, mut inbox: UnboundedReceiver<Happening>) {
        let _at_work = self.ledger.at_work();
        let mut delayed = JoinSet::new();
        let mut releases = self.server.gate.releases();
        let mut held = Vec::new();
        loop {
            tokio::select! {
                happening = inbox.recv() => {
                    let Some(Happening { event, at, fate }) = happening else { break };
                    let Some(message) = self.prepare(&event, fate, &mut held) else { continue };
                    if fate.delay.is_zero() {
                        self.deliver(message, fate.copies()).await;
                        self.deliver_held(&mut held).await;
                    } else {
                        let late = Arc::clone(&self).deliver_late(message, fate, at);
                        drop(delayed.spawn(late));
                    }
                }
                Ok(()) = releases.changed() => self.deliver_held(&mut held).await,
                Some(_) = delayed.join_next(), if !delayed.is_empty() => {}
            }
        }
        while delayed.join_next().await.is_some() {}
    }

    /// What happens to the message about an event is drawn when that happens, so that the draws do
    /// not depend on how fast receivers are.
    fn happening(&self, event: &LogEvent) -> Happening {
        let world = &self.server.world;
        let fate = self.ledger.faults().fate(|end| world.draw(end));
        Happening { event: event.clone(), at: world.clock.monotonic(), fate }
    }

    /// The message about an event; nothing if it goes no further for now.
    fn prepare(
        &self,
        event: &LogEvent,
        fate: Fate,
        held: &mut Vec<(Message, usize)>,
    ) -> Option<Message> {
        let message = self.with_sender(|sender| self.channel.kind.message(sender, event));
        let message = match message {
            Some(message) if fate.lost => {
                self.note(&message, 1, DeliveryOutcome::Lost);
                None
            }
            Some(message) if fate.held => {
                held.push((message, fate.copies()));
                None
            }
            message => message,
        };
        if message.is_none() {
            self.ledger.close();
        }
        message
    }

    async fn deliver_late(self: Arc<Self>, message: Message, fate: Fate, happened: Instant) {
        self.server.world.clock.sleep_until(later(happened, fate.delay)).await;
        self.deliver(message, fate.copies()).await;
    }

    async fn deliver_held(&self, held: &mut Vec<(Message, usize)>) {
        for (message, copies) in held.drain(..) {
            self.ledger.open();
            self.deliver(message, copies).await;
        }
    }

    /// Sends a message until it is done with.
    async fn deliver(&self, message: Message, copies: usize) {
        for _ in 0..copies {
            for attempt in 1..=self.channel.kind.attempts() {
                let outcome = self.attempt(&message).await;
                self.note(&message, attempt, outcome);
                if !outcome.is_retried() {
                    break;
                }
            }
        }
        self.ledger.close();
    }

    async fn attempt(&self, message: &Message) -> DeliveryOutcome {
        let mut request = Request::new(Full::from(message.body.clone()));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = self.headers(message.authorization.as_deref());
        let content_type = HeaderValue::from_static(message.content_type);
        request.headers_mut().insert(header::CONTENT_TYPE, content_type);
        match self.send(request).await {
            Ok((status, _)) => DeliveryOutcome::Answered(status),
            Err(outcome) => outcome,
        }
    }

    /// Whether the receiver is there, and is what it should be.
    pub(super) async fn verify(&self) -> bool {
        match &self.channel.kind {
            Kind::EventHook { .. } => self.verify_hook().await,
            Kind::SecurityEvents { audience } => self.verify_stream(audience).await,
            Kind::UniversalLogout { .. } | Kind::EventBridge => true,
        }
    }

    async fn verify_hook(&self) -> bool {
        let challenge = self.server.world.identifier();
        let mut request = Request::new(Full::default());
        *request.headers_mut() = self.headers(None);
        if let Ok(value) = HeaderValue::try_from(&challenge) {
            request.headers_mut().insert(event_hook::CHALLENGE, value);
        }
        let answer = self.send(request).await;
        answer.is_ok_and(|(status, body)| status == 200 && event_hook::repeats(&body, &challenge))
    }

    async fn verify_stream(&self, audience: &str) -> bool {
        let body = self.with_sender(|sender| security_event::verification(sender, audience));
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = self.headers(None);
        let content_type = HeaderValue::from_static(security_event::CONTENT_TYPE);
        request.headers_mut().insert(header::CONTENT_TYPE, content_type);
        self.send(request).await.is_ok_and(|(status, _)| status == 202)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, DeliveryOutcome> {
        match timeout(self.channel.timeout, self.target.send(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(DeliveryOutcome::Failed),
            Err(_) => Err(DeliveryOutcome::TimedOut),
        }
    }

    /// The fixed headers, but for an authorization that the message brings itself.
    fn headers(&self, authorization: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let fixed =
            self.channel.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in fixed.chain(authorization.map(|value| ("authorization", value))) {
            // They were tried when the channel was given; a JWT is visible ASCII.
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        headers.insert(header::USER_AGENT, HeaderValue::from_static("Okta-Sandbox"));
        headers
    }

    fn note(&self, message: &Message, attempt: u32, outcome: DeliveryOutcome) {
        let headers = self.headers(message.authorization.as_deref());
        let authorization =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.ledger.note(Delivery {
            at: self.server.world.now(),
            id: message.id.clone(),
            event_id: message.event_id.clone(),
            event_type: message.event_type,
            attempt,
            body: message.body.clone(),
            authorization: authorization.map(str::to_owned),
            outcome,
        });
    }

    fn with_sender<T>(&self, make: impl FnOnce(&Sender<'_>) -> T) -> T {
        let world = &self.server.world;
        let org = Authority::Org.issuer(&self.server.base());
        let (url, channel_id) = (&self.channel.url, &self.id);
        make(&Sender { world, org: &org, url, channel_id, now: world.now() })
    }
}
