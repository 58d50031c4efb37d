//! Why a TLS connection did not come about: trying again would not change any of it.

use std::error::Error as StdError;

/// What is wrong with a server's TLS, or its certificate.
#[cfg_attr(
    not(feature = "rustls"),
    expect(dead_code, reason = "other libraries tell fewer faults apart, and none tells nothing")
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TlsFault {
    /// It speaks no version that is safe.
    OldVersion,
    /// It speaks something else.
    NoTls,
    /// Its certificate is that of an authority.
    AuthorityAsServer,
    /// Its certificate is for other names.
    OtherName,
    /// Its certificate is too old, or not valid yet.
    OutOfDate,
    /// Its certificate is not acceptable for another reason, first of all its authority.
    Distrusted,
    /// The two sides do not agree on how.
    Disagreement,
}

impl TlsFault {
    /// What a library for TLS says with one of the errors of a chain.
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        #[cfg(feature = "rustls")]
        if let Some(fault) = error.downcast_ref() {
            return Some(Self::of_rustls(fault));
        }
        // What `native-tls` is on Linux. Elsewhere its errors are not told apart.
        #[cfg(feature = "native-tls")]
        if let Some(fault) = error.downcast_ref() {
            return Some(Self::of_openssl(fault));
        }
        let _ = error;
        None
    }

    /// What is wrong, as the end of a sentence about the connection, and what to do.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::OldVersion => (
                "the server speaks no safe version of it (1.2 or 1.3)",
                "have TLS 1.2 or later turned on at the server",
            ),
            Self::NoTls => {
                ("the server does not speak it", "check the port, and that https is served there")
            }
            Self::AuthorityAsServer => (
                "the server's certificate is that of a certificate authority (CaUsedAsEndEntity)",
                "give the server a certificate of its own, issued by that authority",
            ),
            Self::OtherName => (
                "the server's certificate is for other names",
                "check the host's name and the names in the certificate",
            ),
            Self::OutOfDate => (
                "the server's certificate has expired, or is not valid yet",
                "have the certificate renewed, and see that this computer's clock is right",
            ),
            Self::Disagreement => (
                "the two sides do not agree on how to speak it",
                "see which ciphers and certificates the server is set up with",
            ),
            Self::Distrusted => (
                "its certificate is not accepted",
                "check the host's name and certificate; name a private authority as an extra root",
            ),
        }
    }

    #[cfg(feature = "rustls")]
    fn of_rustls(fault: &rustls::Error) -> Self {
        use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
        match fault {
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            )
            | Error::AlertReceived(AlertDescription::ProtocolVersion) => Self::OldVersion,
            Error::InvalidMessage(_) => Self::NoTls,
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Self::OtherName,
            Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => Self::OutOfDate,
            // The verifier's own error, of a crate that is not among our dependencies.
            Error::InvalidCertificate(CertificateError::Other(other))
                if format!("{other:?}").contains("CaUsedAsEndEntity") =>
            {
                Self::AuthorityAsServer
            }
            Error::InvalidCertificate(_) => Self::Distrusted,
            _ => Self::Disagreement,
        }
    }

    #[cfg(feature = "native-tls")]
    fn of_openssl(fault: &openssl::error::ErrorStack) -> Self {
        let says = |words: &[&str]| {
            let mut reasons = fault.errors().iter().filter_map(openssl::error::Error::reason);
            reasons.any(|reason| words.iter().any(|word| reason.contains(word)))
        };
        if says(&["unsupported protocol", "protocol version"]) {
            Self::OldVersion
        } else if says(&["wrong version number", "packet length too long", "http request"]) {
            Self::NoTls
        } else if says(&["certificate"]) {
            Self::Distrusted
        } else {
            Self::Disagreement
        }
    }
}
