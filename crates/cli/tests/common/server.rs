//! A server that always gives the same answer, for what no authorization server should say.

use std::net::TcpListener;

use test_support::Peer;

/// Starts a server that answers every request with what `answer` makes of its body and hangs up;
/// an empty answer is only hanging up. Gives the issuer URL.
pub(crate) fn answering(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> String {
    Peer::apart(move |request| answer(&request.body)).issuer()
}

/// Starts a server that always gives `answer`.
pub(crate) fn recording(answer: Vec<u8>) -> Peer {
    Peer::apart(move |_| answer.clone())
}

/// Starts a server that takes connections and never answers.
pub(crate) fn silent() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (format!("http://{}", listener.local_addr().unwrap()), listener)
}

/// A complete answer.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

/// A complete answer that says it is JSON.
pub(crate) fn json(status: &str, body: &str) -> Vec<u8> {
    answer(status, "Content-Type: application/json\r\n", body)
}
