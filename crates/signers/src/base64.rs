//! Base64 as programs and servers write it.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Base64url or Base64, with and without padding, over as many lines as it takes; `None` for nothing,
/// too.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if text.is_empty() {
        return None;
    }
    let of = |alphabet| GeneralPurpose::new(alphabet, LENIENT);
    of(&URL_SAFE).decode(&text).or_else(|_| of(&STANDARD).decode(&text)).ok()
}
