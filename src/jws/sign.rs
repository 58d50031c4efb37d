//! Makes compact JWTs.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::HmacKey;
use crate::error::{BoxError, Error};
use crate::key::{Algorithm, Signer};

/// A header or payload as it stands in a compact JWS.
pub(crate) fn segment(value: &impl Serialize) -> String {
    let mut segment = String::new();
    push_segment(value, &mut segment);
    segment
}

fn push_segment(value: &impl Serialize, jws: &mut String) {
    let mut json = Vec::with_capacity(512);
    // Strings and integers only: nothing that JSON could refuse.
    serde_json::to_writer(&mut json, value).expect("plain headers and claims serialise");
    URL_SAFE_NO_PAD.encode_string(json, jws);
}

/// Signs `claims` under a header that is a [`segment`] already. `what` is signed, for messages.
pub(crate) async fn sign(
    what: &str,
    header: &str,
    claims: &impl Serialize,
    signer: &dyn Signer,
) -> Result<String, Error> {
    let mut jws = signing_input(header, claims);
    let signature = signer.sign(jws.as_bytes()).await;
    let signature = signature.map_err(|cause| not_signed(what, cause))?;
    check(&signature, signer.algorithm())?;
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
    Ok(jws)
}

/// As [`sign`], with a secret in place of a private key.
pub(crate) fn sign_with_secret(
    what: &str,
    header: &str,
    claims: &impl Serialize,
    key: &HmacKey,
) -> Result<String, Error> {
    let mut jws = signing_input(header, claims);
    let signature = key
        .sign(jws.as_bytes())
        .map_err(|cause| Error::key(format!("{what} could not be signed")).because(cause))?;
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
    Ok(jws)
}

fn signing_input(header: &str, claims: &impl Serialize) -> String {
    let mut input = String::with_capacity(1024);
    input.push_str(header);
    input.push('.');
    push_segment(claims, &mut input);
    input
}

/// The signer's own error, if it is one of ours, says what kind of error it is, and what to do.
fn not_signed(what: &str, cause: BoxError) -> Error {
    const SEE: &str = "see the source of this error, which is what the signer says";
    let what = format!("{what} could not be signed");
    match cause.downcast::<Error>() {
        Ok(own) => {
            let advice = if own.advice().is_empty() { SEE } else { own.advice() };
            Error::new(own.kind(), what)
                .advise(advice.to_owned())
                .retry_in(own.retry_after())
                .because(own)
        }
        Err(cause) => Error::key(what).advise(SEE).because(cause),
    }
}

/// Refuses what a server would only call an invalid signature. A KMS signs in DER.
fn check(signature: &[u8], algorithm: Algorithm) -> Result<(), Error> {
    let lengths = match algorithm.curve() {
        Some(curve) => curve.signature_len()..=curve.signature_len(),
        None => RSA_LENGTHS,
    };
    if lengths.contains(&signature.len()) {
        return Ok(());
    }
    let advice = match algorithm.curve() {
        Some(_) => "give r ‖ s in fixed width (RFC 7518 §3.4); a KMS or HSM may give DER instead",
        None => "give the signature as it is, neither encoded nor in a structure",
    };
    let len = signature.len();
    Err(Error::key(format!("the signer gave {len} bytes, which is no signature of {algorithm}"))
        .advise(advice))
}

/// From 2048 bits, with less of which no key is taken, to the 16384 that OpenSSL verifies.
const RSA_LENGTHS: RangeInclusive<usize> = 256..=2048;

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;
    use std::time::Duration;

    use crate::error::ErrorKind;
    use crate::support::boxed_future::BoxFuture;

    #[derive(Debug)]
    struct Giving(Algorithm, usize);

    impl Signer for Giving {
        fn algorithm(&self) -> Algorithm {
            self.0
        }

        fn key_id(&self) -> Option<&str> {
            None
        }

        fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
            Box::pin(async { Ok(vec![0x30; self.1]) })
        }
    }

    #[derive(Debug)]
    struct Failing;

    impl Signer for Failing {
        fn algorithm(&self) -> Algorithm {
            Algorithm::Es256
        }

        fn key_id(&self) -> Option<&str> {
            None
        }

        fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
            Box::pin(async {
                Err(Error::from_signer("the token is gone", "put it back", None).into())
            })
        }
    }

    #[test_support::test]
    async fn what_the_signer_advises_is_advised() {
        let error = sign("the assertion", "e30", &(), &Failing).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key);
        assert_eq!(error.advice(), "put it back");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("the token is gone"));
    }

    #[test_support::test]
    async fn a_signature_of_another_length_is_not_sent() {
        for (algorithm, len, fits) in [
            (Algorithm::Es256, 64, true),
            (Algorithm::Es256, 70, false),
            (Algorithm::Es256, 0, false),
            (Algorithm::Es384, 96, true),
            (Algorithm::Es384, 104, false),
            (Algorithm::Es512, 132, true),
            (Algorithm::Es512, 64, false),
            (Algorithm::Rs256, 256, true),
            (Algorithm::Ps512, 512, true),
            (Algorithm::Rs256, 344, true), // as long as its Base64 would be, or a key of 2752 bits
            (Algorithm::Rs256, 64, false),
            (Algorithm::Rs256, 3_000_000, false),
        ] {
            let signer = Giving(algorithm, len);
            let result = sign("the assertion", "e30", &(), &signer).await;
            assert_eq!(result.is_ok(), fits, "{signer:?}");
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::Key);
                assert!(error.to_string().contains(&format!("{len} bytes")), "{error}");
            }
        }
    }

    #[derive(Debug)]
    struct Away(Option<ErrorKind>);

    impl Signer for Away {
        fn algorithm(&self) -> Algorithm {
            Algorithm::Es256
        }

        fn key_id(&self) -> Option<&str> {
            None
        }

        fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
            let wait = Some(Duration::from_secs(3));
            let error: BoxError = match self.0 {
                Some(kind) => Error::from_remote_signer(kind, "it is away", "wait", wait).into(),
                None => "it is away".into(),
            };
            Box::pin(async { Err(error) })
        }
    }

    #[test_support::test]
    async fn an_error_is_of_the_kind_that_the_signer_says() {
        for (said, kind, wait) in [
            (None, ErrorKind::Key, None),
            (Some(ErrorKind::RateLimited), ErrorKind::RateLimited, Some(Duration::from_secs(3))),
            (Some(ErrorKind::Unreachable), ErrorKind::Unreachable, Some(Duration::from_secs(3))),
        ] {
            let error = sign("the assertion", "e30", &(), &Away(said)).await.unwrap_err();
            assert_eq!((error.kind(), error.retry_after()), (kind, wait));
            assert_eq!(error.source().unwrap().to_string(), "it is away");
        }
    }
}
