//! A server that is called by another name than its own.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::case::TOKEN;
use crate::common::org::Org;

/// As behind a custom domain, or a proxy that changes the host: what we call is not what the
/// server calls itself.
#[test_support::test]
fn a_server_under_another_address() {
    let org = Org::new();
    let other = forward_to(org.sandbox.address());
    let run =
        org.run(&["doctor", "--json"], &[("--issuer", &other), ("--scope", "okta.users.read")], "");
    let report = run.exits(4).json();
    let check = |name: &str| {
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["check"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(check("discovery")["status"], "warn");
    assert!(check("discovery")["cause"].as_str().unwrap().contains("custom domain"), "{report:#}");
    let cause = check(TOKEN)["cause"].as_str().unwrap().to_owned();
    assert!(cause.contains("audience is not exactly the URL") && cause.contains(&other), "{cause}");
}

/// Passes every byte on, in both directions; gives the address under which it does.
fn forward_to(server: SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                // Either side may hang up.
                thread::spawn(move || io::copy(&mut from, &mut to));
            }
        }
    });
    address
}
