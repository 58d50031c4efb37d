//! What may be a client id or a key id. Assertions are not secret, and errors repeat what they say, so
//! that a key or a token that was given by mistake must not get into one.

use crate::error::{Error, redact};

/// Refuses what no app has for a client id.
pub(crate) fn check_client_id(text: &str) -> Result<(), Error> {
    // RFC 6749 appendix A.1; braces are left over from a placeholder.
    let is_visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match is_id(text) && is_visible && !text.contains(['{', '}']) {
        true => Ok(()),
        false => {
            Err(not_an_id("client", text).advise("copy the Client ID from the app's General tab"))
        }
    }
}

/// Refuses what no key has for an id.
pub(super) fn check_key_id(text: &str) -> Result<(), Error> {
    match is_id(text) {
        true => Ok(()),
        false => Err(not_an_id("key", text)
            .advise("copy the key's id from where the app's public keys are listed")),
    }
}

/// Whether a text can be an id of either kind.
fn is_id(text: &str) -> bool {
    const MAX_LEN: usize = 512;
    let is_quoted = text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']);
    !text.is_empty()
        && text.len() <= MAX_LEN
        && text.trim() == text
        && !is_quoted
        && !text.contains(char::is_control)
        && !redact::is_key_or_token(text)
}

fn not_an_id(what: &str, text: &str) -> Error {
    Error::configuration(format!("this is not a {what} id: {:?}", redact::name(text)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::ErrorKind;
    use crate::credential::assertion::{AssertionConfig, AssertionSigner};
    use crate::key::{Algorithm, SigningKey};
    use crate::support::random::SeededRandom;

    #[test]
    fn what_a_copy_leaves_at_an_id_is_refused() {
        let signer = |client_id: &str, key_id: &str| {
            let key = SigningKey::generate(Algorithm::Es256).unwrap();
            let key = Arc::new(key.with_key_id(Some(key_id.to_owned())));
            let random = Arc::new(SeededRandom::new(1));
            AssertionSigner::new(client_id, key, AssertionConfig::default(), random)
        };
        for (client_id, key_id, is_good) in [
            ("0oa1", "k1", true),
            ("my portal", "my key", true), // other servers' may be so
            ("0oa1\n", "k1", false),
            (" 0oa1", "k1", false),
            ("0oa1\0", "k1", false),
            ("\u{feff}0oa1", "k1", false),
            ("0oa1", "", false),
            ("0oa1", "k1\r", false),
        ] {
            let kind = signer(client_id, key_id).err().map(|error| error.kind());
            let expected = (!is_good).then_some(ErrorKind::Configuration);
            assert_eq!(kind, expected, "{client_id:?} {key_id:?}");
        }
    }
}
