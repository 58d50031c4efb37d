//! What may be a client secret. Nothing of one is ever repeated in a message.

use crate::error::{Error, redact};
use crate::jws::HmacAlgorithm;
use crate::secret::Secret;

/// The longest secret taken, in bytes. Okta's have 64; what is much longer is a file that was given by
/// mistake.
const MAX_LEN: usize = 2048;

/// Refuses what no app has for a secret.
pub(crate) fn check(secret: &Secret) -> Result<(), Error> {
    match fault(secret.expose()) {
        Some((what, advice)) => Err(Error::configuration(what).advise(advice)),
        None => Ok(()),
    }
}

/// Refuses a secret that is shorter than the algorithm's signature
/// ([RFC 7518 §3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
pub(super) fn check_len(secret: &Secret, algorithm: HmacAlgorithm) -> Result<(), Error> {
    let (len, least) = (secret.expose().len(), algorithm.min_secret_len());
    if len >= least {
        return Ok(());
    }
    let what = format!("the client secret has {len} bytes, and {algorithm} needs {least}");
    Err(Error::configuration(what).advise("register a longer secret, or choose another method"))
}

fn fault(text: &str) -> Option<(&'static str, &'static str)> {
    const COPY: &str = "copy the client secret from the app's General tab, as one unbroken line";
    Some(match text {
        "" => ("the client secret is empty", COPY),
        _ if text.len() > MAX_LEN => ("the client secret is longer than 2 KiB", COPY),
        _ if redact::is_key_or_token(text) || text.starts_with("{\"") => (
            "a key or a token was given in place of the client secret",
            "give a key as the key: then the method is private_key_jwt",
        ),
        _ if text.contains(char::is_control) => {
            ("the client secret contains a line break or another control character", COPY)
        }
        _ if text.trim() != text || text.starts_with('\u{feff}') => {
            ("the client secret begins or ends with white space", COPY)
        }
        _ if is_placeholder(text) => (
            "this is a placeholder, not a client secret",
            "put the app's client secret in its place, or leave it out",
        ),
        _ => return None,
    })
}

/// What documents and templates have where the secret belongs.
fn is_placeholder(text: &str) -> bool {
    let is_within = |open: &str, close: char| text.starts_with(open) && text.ends_with(close);
    is_within("{", '}') || is_within("${", '}') || is_within("<", '>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn what_cannot_be_a_secret_is_refused_and_not_repeated() {
        let long = "s3cr".repeat(512);
        for (secret, says) in [
            ("", "empty"),
            (&*format!("{long}x"), "longer than 2 KiB"),
            ("s3cr\n", "line break"),
            ("s3cr\r", "line break"),
            ("s3\0cr", "control character"),
            ("s3\u{7f}cr", "control character"),
            (" s3cr", "white space"),
            ("s3cr\u{a0}", "white space"),
            ("\u{feff}s3cr", "white space"),
            ("{s3cr}", "placeholder"),
            ("{{s3cr}}", "placeholder"),
            ("${S3CR}", "placeholder"),
            ("<s3cr>", "placeholder"),
            ("-----BEGIN PRIVATE KEY-----", "a key or a token"),
            ("{\"kty\":\"RSA\"}", "a key or a token"),
            ("eyJhbGciOiJSUzI1NiJ9.s3cr", "a key or a token"),
        ] {
            let error = check(&Secret::new(secret)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains(says), "{secret:?}: {error}");
            assert!(!format!("{error:?} {}", error.advice()).contains("s3cr"), "{says}");
        }
        for good in ["s", "a b", "a%b+c:d&e=f", "pä\u{1f511}ss", "{a", "<a", "$a}", &long] {
            assert!(check(&Secret::new(good)).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_secret_is_as_long_as_the_signature_at_least() {
        for (algorithm, least) in
            [(HmacAlgorithm::Hs256, 32), (HmacAlgorithm::Hs384, 48), (HmacAlgorithm::Hs512, 64)]
        {
            for (len, is_enough) in [(least - 1, false), (least, true), (least + 1, true)] {
                let secret = Secret::new("x".repeat(len));
                assert_eq!(check_len(&secret, algorithm).is_ok(), is_enough, "{algorithm} {len}");
            }
        }
        // Bytes count, not characters.
        assert!(check_len(&Secret::new("\u{e9}".repeat(16)), HmacAlgorithm::Hs256).is_ok());
    }
}
