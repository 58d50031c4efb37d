//! The handle of a channel that is in use.

use std::fmt;
use std::sync::Arc;

use super::courier::Courier;
use super::delivery::Delivery;
use super::ledger::{Counts, Ledger};
use super::settings::Channel;
use crate::error::Error;
use crate::http::server::Server;
use crate::model::channel_faults::ChannelFaults;

/// A [channel](crate::Channel) in use. Cheap to clone; it goes on without its handles, until
/// [`end`](Self::end) or the end of the sandbox.
///
/// ```
/// use okta_sandbox::{Channel, Sandbox, User};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let sandbox = Sandbox::builder().user(User::new("00u1ada", "ada@example.test")).start().await?;
/// // Nothing listens there.
/// let stream = sandbox.subscribe(Channel::event_bridge("http://127.0.0.1:9/"))?;
/// sandbox.end_session("00u1ada")?;
/// stream.settled().await;
/// assert_eq!((stream.deliveries().len(), stream.taken()), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Subscription {
    courier: Arc<Courier>,
}

/// Puts a channel to use: its handle, and what does the work.
pub(crate) fn subscribe(
    server: &Arc<Server>,
    channel: Channel,
) -> Result<(Subscription, impl Future<Output = ()> + Send + use<>), Error> {
    let (courier, work) = Courier::start(server, channel)?;
    Ok((Subscription { courier }, work))
}

impl Subscription {
    /// Asks the receiver to show that it is there, as Okta does when a hook or a stream is set up:
    /// whether it did. To an event hook goes a `GET` with a challenge that its answer repeats, and
    /// only then are events sent to it; to a stream of security events goes a verification event,
    /// which it accepts with 202. Other channels have nothing of the kind: `true`.
    pub async fn verify(&self) -> bool {
        let verified = self.courier.verify().await;
        if verified {
            self.set_enabled(true);
        }
        verified
    }

    /// Sets whether events are sent. While they are not, they are lost for good, as Okta's disabled
    /// streams lose them. Default: yes; of an event hook not before it is
    /// [verified](Self::verify).
    pub fn set_enabled(&self, enabled: bool) {
        self.ledger().set_enabled(enabled);
    }

    /// Sets what happens to messages from now on.
    pub fn set_faults(&self, faults: ChannelFaults) {
        self.ledger().set_faults(faults);
    }

    /// The attempts so far, in order, and the messages that were lost; of very many only the last
    /// 10 000.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.ledger().deliveries().iter().cloned().collect()
    }

    /// How many attempts the receiver answered with 2xx.
    pub fn taken(&self) -> usize {
        self.ledger().counts.borrow().taken
    }

    /// Completes when nothing is on its way: every message was tried for the last time, was lost, or
    /// is [kept back](ChannelFaults::reorder); after a release, wait for
    /// [attempts](Self::attempted). Both complete when the sandbox has ended.
    pub async fn settled(&self) {
        self.until(|counts| counts.open == 0).await;
    }

    /// Completes when at least so many attempts were made, lost messages included.
    pub async fn attempted(&self, count: usize) {
        self.until(|counts| counts.attempts >= count).await;
    }

    /// Ends it: nothing that happens from now on is sent.
    pub fn end(&self) {
        self.ledger().end();
    }

    async fn until(&self, is_reached: impl Fn(&Counts) -> bool) {
        let mut counts = self.ledger().counts.subscribe();
        // The sender lives in `self`: this cannot fail.
        let _ = counts.wait_for(|counts| counts.has_ended || is_reached(counts)).await;
    }

    fn ledger(&self) -> &Ledger {
        &self.courier.ledger
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("channel", self.courier.channel())
            .field("counts", &*self.ledger().counts.borrow())
            .finish_non_exhaustive()
    }
}
