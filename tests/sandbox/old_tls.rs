//! A peer that speaks TLS 1.1 and nothing newer, which rustls cannot be.

use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, JoinHandle};

use openssl::ssl::{Ssl, SslContext, SslMethod, SslVersion};

/// Accepts one connection and tries TLS 1.1 on it, in a thread of its own.
pub(crate) struct OldTlsPeer {
    port: u16,
    handshake: JoinHandle<bool>,
}

impl OldTlsPeer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
        context.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
        // OpenSSL 3 allows TLS 1.1 at this level only.
        context.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        let ssl = Ssl::new(&context.build()).unwrap();
        let handshake = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            ssl.accept(stream).is_ok()
        });
        Self { port, handshake }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the end of the handshake, which must have failed.
    pub(crate) fn assert_refused(self) {
        assert!(!self.handshake.join().unwrap(), "the client spoke TLS 1.1");
    }
}
