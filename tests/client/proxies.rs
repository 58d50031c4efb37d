//! Proxies that open no tunnel: their status, the setting at fault, and no attempt in vain.

use okta_introspect::{ErrorKind, HttpConfig, Proxy, ProxyServer, Secret};
use test_support::{Act, Peer, reply};

use crate::support::{all_text, builder, clock, token};

async fn refused_by(status: u16) -> (okta_introspect::Error, Peer) {
    let peer = Peer::always(Act::Write(reply(status, "text/html", "<p>no</p>"))).await;
    let password = Secret::new("s3cret-password".to_owned());
    let mut http = HttpConfig::default();
    let server = ProxyServer::new(peer.issuer()).credentials("orders", password);
    http.proxy = Proxy::Server(server);
    let client = builder("https://acme.okta.example", &clock()).http(http).build().unwrap();
    (client.introspect(&token(), None).await.unwrap_err(), peer)
}

#[test_support::test]
async fn wrong_credentials_are_said_once_and_the_setting_is_named() {
    let (error, peer) = refused_by(407).await;
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("status 407"), "{error}");
    assert!(error.advice().contains("user name and the password"), "{}", error.advice());
    assert_eq!(error.attempts().unwrap().count, 1);
    assert_eq!(peer.requests().len(), 1, "tried again with the same password");
    assert_eq!(peer.requests()[0].method, "CONNECT");
    assert!(!all_text(&error).contains("s3cret"));
}

#[test_support::test]
async fn the_status_of_the_proxy_is_in_every_error() {
    for (status, attempts) in
        [(400, 1), (403, 1), (404, 1), (405, 1), (500, 1), (429, 3), (502, 3), (503, 3), (504, 3)]
    {
        let (error, peer) = refused_by(status).await;
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{status}");
        assert!(error.to_string().contains(&format!("status {status}")), "{error}");
        assert!(error.advice().contains("proxy"), "{status}");
        assert_eq!(error.attempts().unwrap().count, attempts, "{status}");
        assert!(peer.requests().iter().all(|request| {
            request.method == "CONNECT" && request.header("proxy-authorization").is_some()
        }));
        assert!(!all_text(&error).contains("s3cret"));
    }
}

#[test_support::test]
async fn an_answer_407_without_a_tunnel_is_the_proxys_too() {
    let peer = Peer::always(Act::Write(reply(407, "text/html", "<p>no</p>"))).await;
    let client = builder(&peer.issuer(), &clock()).build().unwrap();
    let error = client.introspect(&token(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("407"), "{error}");
    assert!(error.advice().contains("proxy"), "{}", error.advice());
    assert_eq!(peer.requests().len(), 1);
}
