//! Headers that hold something secret.

use reqwest::header::HeaderValue;

use crate::error::Error;

/// A header value that is kept out of logs, and out of the compression tables of HTTP/2.
pub(crate) fn secret_header(value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(value).map_err(|cause| {
        Error::input("the token or proof has characters that no header can hold")
            .advise("use the token exactly as it was issued")
            .because(cause)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_no_header_can_hold_is_an_error_and_others_are_sensitive() {
        for impossible in ["Bearer a\nb", "Bearer \u{7f}", "Bearer a\0"] {
            let error = secret_header(impossible).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Input);
            assert!(!format!("{error:?}").contains("Bearer"));
        }
        assert!(secret_header("DPoP t1").unwrap().is_sensitive());
    }
}
