//! What the sidecar answers in each mode, asked as the proxy of that mode asks.

use okta_introspect_serve::Mode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::sidecar::{HOST, Sidecar};

/// The status of the answer about `GET /files/a`.
async fn ask(sidecar: &Sidecar, mode: Mode, authorization: &str) -> String {
    let head = match mode {
        Mode::Nginx => format!(
            "GET /authz HTTP/1.1\r\nHost: a\r\nX-Original-Method: GET\r\n\
             X-Original-URL: https://{HOST}/files/a\r\n"
        ),
        Mode::Caddy | Mode::Traefik | Mode::Haproxy => format!(
            "GET /authz HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: GET\r\n\
             X-Forwarded-Proto: https\r\nX-Forwarded-Host: {HOST}\r\nX-Forwarded-Uri: /files/a\r\n"
        ),
        Mode::Envoy => format!("GET /authz/files/a HTTP/1.1\r\nHost: {HOST}\r\n"),
    };
    let text = format!("{head}Authorization: {authorization}\r\nConnection: close\r\n\r\n");
    let mut stream = UnixStream::connect(sidecar.socket()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

/// Over gRPC a real Envoy shows it, in `tests/interop/proxies`.
#[test_support::test(multi_thread)]
async fn trap_a_bound_token_as_plain_bearer_is_refused_in_each_mode() {
    for mode in Mode::ALL {
        let sidecar = Sidecar::start(mode, "").await;
        let (good, bound) = (sidecar.token(), sidecar.bound_token());
        let (good, bound) = (good.expose(), bound.expose());
        for (authorization, status) in [
            (format!("Bearer {good}"), "200"),
            (format!("Bearer {bound}"), "401"),
            (format!("DPoP {bound}"), "401"),
        ] {
            let answered = ask(&sidecar, mode, &authorization).await;
            assert_eq!(answered, status, "{mode}: {}", &authorization[..6]);
        }
    }
}
