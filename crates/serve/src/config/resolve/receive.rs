//! What Okta pushes of tokens.

use std::net::SocketAddr;
use std::path::Path;

use okta_introspect::signals::{EventBridge, EventHook, SignalReceiverBuilder};
use okta_introspect::{EndpointUrl, Issuer};

use super::listener::{is_loopback, permissions, refuse_twice, tcp_address, tls, unix};
use super::okta;
use crate::config::document::{
    EventBridgeDocument, EventHookDocument, ReceiveDocument, SecurityEventsDocument,
    SignalListenerDocument,
};
use crate::config::faults::Faults;
use crate::config::resolved::{
    Address, HeaderSecretConfig, ListenerConfig, ReceiveConfig, SecurityEventsConfig, TlsConfig,
};
use crate::error::Fault;

const PLACE: &str = "signals.receive";

const AUTHORIZATION: &str = "authorization";

/// What is received, and where: neither a proxy nor the management is answered there.
pub(super) fn resolve(
    written: ReceiveDocument,
    faults: &mut Faults,
    folder: &Path,
    listeners: &[(String, ListenerConfig)],
    management: &Address,
) -> Option<ReceiveConfig> {
    let receive = receive(written, folder, faults)?;
    refuse_twice(&format!("{PLACE}.listen"), &receive.address, listeners, faults);
    if *management == receive.address {
        let fault = Fault::new("management listens at the same address");
        faults.error(&format!("{PLACE}.listen"), fault);
    }
    Some(receive)
}

fn receive(written: ReceiveDocument, folder: &Path, faults: &mut Faults) -> Option<ReceiveConfig> {
    check_members(&written, faults);
    let ReceiveDocument { listen, path, public_url, .. } = written;
    let (address, tls) = listener(listen, folder, faults)?;
    Some(ReceiveConfig {
        address,
        tls,
        path: path.unwrap_or_else(|| SignalReceiverBuilder::DEFAULT_PATH.to_owned()),
        public_url,
        universal_logout: written.universal_logout.map(|logout| logout.client_id),
        event_hook: written.event_hook.map(|hook| event_hook(hook, faults)),
        event_bridge: written.event_bridge.map(|bridge| event_bridge(bridge, faults)),
        security_events: written.security_events.map(|events| security_events(events, faults)),
    })
}

fn check_members(written: &ReceiveDocument, faults: &mut Faults) {
    let mut refuse = |member: &str, what: &str, cure: &str| {
        faults.error(&format!("{PLACE}.{member}"), Fault::new(what).advise(cure));
    };
    let path = written.path.as_deref().unwrap_or(SignalReceiverBuilder::DEFAULT_PATH);
    if !path.starts_with('/') || path.contains(['?', '#']) || path.contains(char::is_whitespace) {
        refuse("path", "no path", "begin it with `/`, and write no query, such as /signals");
    }
    if let Some(Err(_)) = written.public_url.as_deref().map(EndpointUrl::parse) {
        let cure = "write the URL that Okta calls, such as https://api.acme.example/signals";
        refuse("public_url", "no URL of an endpoint", cure);
    }
    match &written.universal_logout {
        Some(logout) if logout.client_id.trim().is_empty() => {
            refuse("universal_logout.client_id", "empty", "write the app's client id");
        }
        Some(_) if written.public_url.is_none() => {
            refuse(
                "public_url",
                "missing",
                "Universal Logout names it: write the URL as Okta has it",
            );
        }
        _ => {}
    }
    let has_any = written.universal_logout.is_some()
        || written.event_hook.is_some()
        || written.event_bridge.is_some()
        || written.security_events.is_some();
    if !has_any {
        let cure = "write universal_logout, event_hook, event_bridge or security_events";
        faults.error(PLACE, Fault::new("nothing is received").advise(cure));
    }
}

fn listener(
    written: SignalListenerDocument,
    folder: &Path,
    faults: &mut Faults,
) -> Option<(Address, Option<TlsConfig>)> {
    let place = format!("{PLACE}.listen");
    let is_unix = written.unix.is_some();
    let permissions_given = written.permissions.is_some();
    let permissions = permissions(written.permissions.as_deref(), &place, faults);
    let address = match (written.tcp, written.unix, written.systemd) {
        (Some(tcp), None, None) => {
            Address::Tcp(tcp_address(&tcp, &format!("{place}.tcp"), faults)?)
        }
        (None, Some(path), None) => {
            unix(&path, permissions, &format!("{place}.unix"), folder, faults)
        }
        (None, None, Some(name)) => Address::Systemd(name),
        _ => {
            let fault = Fault::new("none or several of `tcp`, `unix` and `systemd`");
            faults.error(&place, fault.advise("write one of them"));
            return None;
        }
    };
    if permissions_given && !is_unix {
        let fault = Fault::new("only a unix socket has permissions").advise("remove it");
        faults.error(&format!("{place}.permissions"), fault);
    }
    if written.tls.is_some() && is_unix {
        let fault = Fault::new("a unix socket has no TLS").advise("remove it");
        faults.error(&format!("{place}.tls"), fault);
    }
    let tls = written.tls.map(|written| tls(written, &format!("{place}.tls"), faults));
    if let Address::Tcp(address) = &address
        && let Some(fault) = exposed(tls.as_ref(), address)
    {
        faults.error(&format!("{place}.tcp"), fault);
    }
    Some((address, tls))
}

fn event_hook(written: EventHookDocument, faults: &mut Faults) -> HeaderSecretConfig {
    let header = written.header.unwrap_or_else(|| AUTHORIZATION.to_owned());
    if let Err(error) = EventHook::in_header(&header, &written.secret) {
        faults.error(&format!("{PLACE}.event_hook"), okta::fault(&error));
    }
    HeaderSecretConfig { header, secret: written.secret }
}

fn event_bridge(written: EventBridgeDocument, faults: &mut Faults) -> HeaderSecretConfig {
    let EventBridgeDocument { header, secret } = written;
    if let Err(error) = EventBridge::new(&header, &secret) {
        faults.error(&format!("{PLACE}.event_bridge"), okta::fault(&error));
    }
    HeaderSecretConfig { header, secret }
}

fn security_events(written: SecurityEventsDocument, faults: &mut Faults) -> SecurityEventsConfig {
    let place = format!("{PLACE}.security_events");
    let SecurityEventsDocument { issuer, audience, authorization } = written;
    let issuer = issuer.and_then(|text| {
        let read = Issuer::parse(&text).or_else(|_| Issuer::parse_other(&text));
        read.map_err(|error| faults.error(&format!("{place}.issuer"), okta::fault(&error))).ok()
    });
    if audience.is_empty() {
        let fault = Fault::new("empty").advise("write the audience of the stream");
        faults.error(&format!("{place}.audience"), fault);
    }
    SecurityEventsConfig { issuer, audience, authorization }
}

impl ReceiveConfig {
    /// What makes it unsafe to listen at this address. The file is checked so; a socket of systemd's
    /// has to be, once its address is known.
    pub fn unsafe_at(&self, address: &SocketAddr) -> Option<Fault> {
        exposed(self.tls.as_ref(), address)
    }
}

fn exposed(tls: Option<&TlsConfig>, address: &SocketAddr) -> Option<Fault> {
    let is_exposed = tls.is_none() && !is_loopback(address);
    let cure = "add `tls`, or listen at 127.0.0.1 or a unix socket behind a proxy that has it";
    is_exposed.then(|| Fault::new("secrets would cross the network in clear").advise(cure))
}
