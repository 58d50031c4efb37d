//! What the head of a request says about the letters of its body.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

/// Whether the body is what its bytes are in UTF-8. A service may unpack a body, or read it by
/// another table of characters (in UTF-7, `+AG0-ethod` is `method`), and find another message in it.
pub(super) fn is_plain(headers: &HeaderMap) -> bool {
    let types = headers.get_all(CONTENT_TYPE);
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    types.iter().count() <= 1
        && types.iter().all(|value| value.to_str().is_ok_and(is_utf8))
        && encodings.all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Whether a media type names no other characters than those of UTF-8. Quotes do not protect what
/// stands in them: a reader may take no notice of them.
fn is_utf8(media_type: &str) -> bool {
    media_type.split([';', ',']).all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let is_charset = name.to_ascii_lowercase().contains("charset");
        !is_charset
            || ["utf-8", "\"utf-8\""].iter().any(|own| value.trim().eq_ignore_ascii_case(own))
    })
}
