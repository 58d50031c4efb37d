//! One request, written as it is meant: no client library between, which would mend it.

use std::fmt;

use zeroize::Zeroizing;

/// A request without a body. `Debug` shows no header's value: one of them may be the token.
#[derive(Clone)]
pub(super) struct Message {
    method: &'static str,
    target: Vec<u8>,
    headers: Vec<(String, Zeroizing<String>)>,
}

impl Message {
    pub(super) fn get(target: impl Into<Vec<u8>>) -> Self {
        Self { method: "GET", target: target.into(), headers: Vec::new() }
    }

    /// Adds a line; of several with the same name, none is left out.
    pub(super) fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    pub(super) fn target(&self) -> String {
        String::from_utf8_lossy(&self.target).into_owned()
    }

    /// The bytes. `host` unless the message has its own; the connection is for this request alone
    /// unless the message says something else about it.
    pub(super) fn bytes(&self, host: &str) -> Zeroizing<Vec<u8>> {
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name == wanted);
        let mut bytes = Zeroizing::new(Vec::with_capacity(2048));
        let mut add = |parts: &[&[u8]]| parts.iter().for_each(|part| bytes.extend_from_slice(part));
        add(&[self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\n"]);
        if !has("Host") {
            add(&[b"Host: ", host.as_bytes(), b"\r\n"]);
        }
        for (name, value) in &self.headers {
            add(&[name.as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        }
        if !has("Connection") {
            add(&[b"Connection: close\r\n"]);
        }
        add(&[b"Accept: application/json\r\n\r\n"]);
        bytes
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Message").field("target", &self.target()).field("headers", &names).finish()
    }
}
