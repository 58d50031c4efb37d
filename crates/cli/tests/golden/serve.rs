//! What belongs to the sidecar. The sidecar itself does not end.

use serde_json::json;
use test_support::{Peer, Recorded, reply};

use super::session::Session;

/// Where nothing can be written.
const FULL: &str = "> /dev/full";

const PROBE: &str = "okta-introspect serve probe http://api.acme.example/orders";

/// A session with a token in `token.txt`.
fn with_token() -> (Session, String) {
    let session = Session::new();
    let token = "okta-introspect token --auth-server default --scope orders.read";
    let token = session.prepare(&format!("{token} | tee token.txt"));
    (session, format!("Bearer {}", token.trim()))
}

/// A proxy and a service in one. An open one lets everything through, and takes identities from clients.
fn proxy(good: String, is_open: bool) -> (Peer, String) {
    let peer = Peer::apart(move |request| {
        let all = |name: &str| {
            let of_name = request.headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
            of_name.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        let is_good = all("authorization") == [&*good]
            && all("host") == ["api.acme.example"]
            && request.target.split('?').next() == Some("/orders");
        match is_good || is_open {
            true => reply(200, "application/json", &shown(request, is_open)),
            false => reply(403, "text/plain", "no"),
        }
    });
    let address = peer.issuer().replace("http://", "");
    (peer, address)
}

fn shown(request: &Recorded, is_open: bool) -> String {
    let mut headers = request.headers.clone();
    headers.retain(|(name, _)| {
        is_open || !name.to_lowercase().replace('_', "-").starts_with("x-auth-")
    });
    let facts =
        ["Sub", "Client-Id", "Uid", "Username", "Scope", "Exp", "Issuer", "Age-Ms", "Source"];
    headers.extend(facts.map(|fact| (format!("X-Auth-{fact}"), "-".to_owned())));
    json!({"method": request.method, "target": request.target, "headers": headers}).to_string()
}

#[test_support::test]
fn probe() {
    let (mut session, token) = with_token();
    let (_sound, address) = proxy(token.clone(), false);
    session.run(&format!("{PROBE} --connect {address} --forbidden /admin < token.txt"));
    let (_open, open) = proxy(token, true);
    session
        .run(&format!("{PROBE} --connect {open} --drop X-Forwarded-Prefix < token.txt"))
        .is("serve-probe.human.txt");
    session.prints(&format!("{PROBE} --connect {address} --json < token.txt"), "serve-probe.json");
}

#[test_support::test]
fn the_exit_codes_of_probe() {
    let (mut session, token) = with_token();
    let (_sound, address) = proxy(token.clone(), false);
    let (_open, open) = proxy(token, true);
    let connected = format!("{PROBE} --connect {address}");
    session
        .run(&format!("{connected} < token.txt | tail -1"))
        .run(&format!("{connected} < token.txt > report.txt"))
        .run(&format!("{PROBE} --connect {open} < token.txt > report.txt"))
        .run(&format!("{PROBE} < token.txt"))
        .run("okta-introspect serve probe api.acme.example/orders < token.txt")
        .run("okta-introspect serve probe https://api.acme.example/a/../b < token.txt")
        .run(&format!("{connected} --forbidden admin < token.txt"))
        .run(&format!("{connected} --prefix 'X Auth' < token.txt"))
        .run(&format!("{connected} --echo {address} < token.txt"))
        .run(&format!("{connected} --token-file no.txt"))
        .run(&format!("{connected} < /dev/null"))
        .run(&format!("{PROBE} --connect 127.0.0.1:9 < token.txt"))
        .run(&format!("echo made-up | {connected}"))
        .is("serve-probe.exit-codes.txt");
}

#[test_support::test]
fn snippet() {
    let snippet = "okta-introspect serve snippet";
    Session::new()
        .run(&format!("{snippet} caddy --listen 127.0.0.1:8080 --backend 127.0.0.1:3000"))
        .is("serve-snippet.human.txt");
    Session::new()
        .run(&format!("{snippet} nginx > okta-introspect.conf"))
        .run(&format!("{snippet} apache"))
        .run(&format!("{snippet} nginx --config no.yaml"))
        .run(&format!("{snippet} nginx --listen 8080"))
        .run(&format!("mkdir conf && {snippet} haproxy --directory conf"))
        .run(&format!("{snippet} haproxy --directory conf"))
        .run(&format!("{snippet} nginx {FULL}"))
        .is("serve-snippet.exit-codes.txt");
}

#[test_support::test]
fn schema() {
    let schema = "okta-introspect serve schema";
    Session::new().run(&format!("{schema} | head -6")).is("serve-schema.human.txt");
    Session::new()
        .run(&format!("{schema} > serve.schema.json"))
        .run(&format!("{schema} serve.yaml"))
        .run(&format!("{schema} {FULL}"))
        .is("serve-schema.exit-codes.txt");
}
