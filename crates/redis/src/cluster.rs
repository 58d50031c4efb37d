//! A cluster: the node that has a name is asked, and learned from those that do not.
//!
//! All names of one org have a part in `{}` and so are with one node. An instance therefore needs one
//! connection, not one to each node, and no map of the cluster: a node that has not got a name says
//! which one has, as
//! [Redis specifies](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use okta_introspect::{Error, ErrorKind, Random};
use redis::{Pipeline, ServerErrorKind, Value};

use crate::address::Host;
use crate::connection::Dialer;
use crate::link::{Link, Place};
use crate::lock::lock;

/// How often one call is sent on.
const MAX_REDIRECTIONS: usize = 5;

/// The most nodes that are known, and the most slots whose nodes are.
const MAX_KNOWN: usize = 1024;

/// The nodes of a cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    dialer: Dialer,
    random: Arc<dyn Random>,
    seeds: Vec<Host>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    links: HashMap<Host, Link>,
    slots: HashMap<u16, Host>,
}

/// Which connection of a node is taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lane {
    /// The one that all share.
    Shared,
    /// One for this call alone, which waits.
    Apart,
}

impl Cluster {
    pub(crate) fn new(dialer: Dialer, random: Arc<dyn Random>, seeds: Vec<Host>) -> Self {
        Self { dialer, random, seeds, known: Mutex::default() }
    }

    /// Sends commands about names that share a slot with `name`.
    pub(crate) async fn send(
        &self,
        name: &[u8],
        commands: &Pipeline,
        lane: Lane,
    ) -> Result<Vec<Value>, Error> {
        let slot = slot_of(name);
        let mut last = None;
        for host in self.candidates(slot) {
            match self.send_from(host.clone(), slot, commands, lane).await {
                Err(error) if is_of_the_way(&error) => {
                    self.forget(slot, &host);
                    last = Some(error);
                }
                result => return result,
            }
        }
        Err(last.unwrap_or_else(|| failed("no node of the cluster is known")))
    }

    /// Sends commands to a node, and on to where it says.
    async fn send_from(
        &self,
        mut host: Host,
        slot: u16,
        commands: &Pipeline,
        lane: Lane,
    ) -> Result<Vec<Value>, Error> {
        for _ in 0..MAX_REDIRECTIONS {
            let replies = send(&self.link(&host)?, commands, lane).await?;
            let Some((kind, next)) = redirection(&replies, &host) else { return Ok(replies) };
            if kind == ServerErrorKind::Ask {
                // For this call alone: the name is on its way to another node.
                let replies = send(&self.link(&next)?, &asking(commands), lane).await?;
                return Ok(replies.into_iter().skip(1).step_by(2).collect());
            }
            self.learn(slot, &host, next.clone());
            host = next;
        }
        Err(failed("the nodes of the cluster send from one to another"))
    }

    /// The node of the slot, if it is known, and then all others.
    fn candidates(&self, slot: u16) -> Vec<Host> {
        let known = lock(&self.known);
        let mut hosts: Vec<Host> = known.slots.get(&slot).cloned().into_iter().collect();
        for host in self.seeds.iter().chain(known.links.keys()) {
            if !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
        hosts
    }

    fn link(&self, host: &Host) -> Result<Link, Error> {
        let mut known = lock(&self.known);
        if let Some(link) = known.links.get(host) {
            return Ok(link.clone());
        }
        if known.links.len() >= MAX_KNOWN {
            return Err(failed("the cluster has more nodes than can be"));
        }
        let place = Place::Fixed(host.clone());
        let link = Link::new(self.dialer.clone(), Arc::clone(&self.random), place);
        known.links.insert(host.clone(), link.clone());
        Ok(link)
    }

    /// Learns where a slot is, and closes what is not needed then.
    fn learn(&self, slot: u16, asked: &Host, owner: Host) {
        let mut known = lock(&self.known);
        if known.slots.len() < MAX_KNOWN || known.slots.contains_key(&slot) {
            known.slots.insert(slot, owner);
        }
        if !known.slots.values().any(|host| host == asked) {
            known.links.remove(asked);
        }
    }

    /// Forgets where a slot was, whose node does not answer. The link stays for its pace.
    fn forget(&self, slot: u16, host: &Host) {
        let mut known = lock(&self.known);
        if known.slots.get(&slot) == Some(host) {
            known.slots.remove(&slot);
        }
    }
}

async fn send(link: &Link, commands: &Pipeline, lane: Lane) -> Result<Vec<Value>, Error> {
    match lane {
        Lane::Shared => link.send(commands).await,
        Lane::Apart => link.send_apart(commands).await,
    }
}

/// Whether another node may know more.
fn is_of_the_way(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::TimedOut)
}

/// Where the replies say that the names are. A host that is left out is the one that was asked.
fn redirection(replies: &[Value], asked: &Host) -> Option<(ServerErrorKind, Host)> {
    replies.iter().find_map(|reply| {
        let Value::ServerError(error) = reply else { return None };
        let kind @ (ServerErrorKind::Moved | ServerErrorKind::Ask) = error.kind()? else {
            return None;
        };
        let (name, port) = error.details()?.split_whitespace().nth(1)?.rsplit_once(':')?;
        let name = match name {
            "" => asked.name.clone(),
            "?" => return None,
            name if name.len() <= 255 => name.to_owned(),
            _ => return None,
        };
        Some((kind, Host { name, port: port.parse().ok()? }))
    })
}

/// The same commands, each with leave to be carried out by a node that is getting the name.
fn asking(commands: &Pipeline) -> Pipeline {
    let mut all = Pipeline::with_capacity(2 * commands.len());
    for command in commands.cmd_iter() {
        all.cmd("ASKING");
        all.add_command(command.clone());
    }
    all
}

/// The slot of a name: the CRC16 (XMODEM) of what stands in its first `{}`, or of all of it.
fn slot_of(name: &[u8]) -> u16 {
    let begin = name.iter().position(|byte| *byte == b'{');
    let tag = begin.and_then(|begin| {
        let rest = &name[begin + 1..];
        let end = rest.iter().position(|byte| *byte == b'}')?;
        (end > 0).then_some(&rest[..end])
    });
    let crc = tag.unwrap_or(name).iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| match crc & 0x8000 {
            0 => crc << 1,
            _ => (crc << 1) ^ 0x1021,
        })
    });
    crc % 16384
}

fn failed(what: &str) -> Error {
    Error::from_store(ErrorKind::ServerFailed, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_that_of_the_tag() {
        // As the specification gives it: the CRC16 of "123456789" is 0x31C3.
        assert_eq!(slot_of(b"123456789"), 0x31C3);
        assert_eq!(slot_of(b"oi1:{123456789}:e:x"), 0x31C3);
        assert_eq!(slot_of(b"a{123456789}{b}"), 0x31C3);
        assert_eq!(slot_of(b"{}123"), slot_of(b"{}123"));
        assert_ne!(slot_of(b"{}1"), slot_of(b"{}2"), "an empty tag is none");
    }
}
