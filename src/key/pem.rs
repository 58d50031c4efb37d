//! Finds private keys among the blocks of a PEM
//! ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)), however its lines were broken.

use base64::Engine as _;
use zeroize::Zeroizing;

use super::base64::BASE64;
use super::{der, unsupported};
use crate::error::Error;
use crate::secret::Secret;
use openssl::pkey::{PKey, Private};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Whether a block begins anywhere in the text.
pub(super) fn is_in(text: &str) -> bool {
    text.contains(BEGIN)
}

/// Whether a block of a private key is among those in the text.
pub(super) fn holds_key(text: &str) -> bool {
    blocks(text).any(|block| block.is_key())
}

/// Reads the private key of a PEM. Certificates, attributes, parameters and public keys beside it
/// are passed over; the content of the block counts, not its label.
pub(super) fn private_key(text: &str, passphrase: Option<&Secret>) -> Result<PKey<Private>, Error> {
    let mut keys = blocks(text).filter(Block::is_key);
    let Some(first) = keys.next() else {
        let other = blocks(text).find(|block| block.label != "EC PARAMETERS");
        return Err(unsupported::label(other.map_or("EC PARAMETERS", |block| block.label)));
    };
    if keys.any(|other| other.body != first.body) {
        return Err(unsupported::several());
    }
    if !first.is_whole && first.label.starts_with("OPENSSH") {
        return Err(unsupported::openssh());
    }
    if !first.is_whole {
        return Err(Error::key("the private key is damaged: its END line is missing")
            .advise("copy the file again, whole"));
    }
    let content = Content::read(first.body)?;
    match &content.encryption {
        Some(cipher) => der::legacy(&content.bytes, first.label, cipher, passphrase),
        None => der::private_key(&content.bytes, passphrase),
    }
}

/// A block between BEGIN and END.
struct Block<'a> {
    label: &'a str,
    body: &'a str,
    /// Whether it has an END.
    is_whole: bool,
}

impl Block<'_> {
    fn is_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }
}

fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    text.split(BEGIN).skip(1).filter_map(|rest| {
        let (label, rest) = rest.split_once(DASHES)?;
        let (body, is_whole) = rest.split_once(END).map_or((rest, false), |(body, _)| (body, true));
        Some(Block { label: label.trim(), body, is_whole })
    })
}

/// What stands in a block.
struct Content {
    bytes: Zeroizing<Vec<u8>>,
    /// The value of `DEK-Info`, by which OpenSSL's own encryption is known
    /// ([RFC 1421 §4.6.1.3](https://www.rfc-editor.org/rfc/rfc1421#section-4.6.1.3)).
    encryption: Option<String>,
}

impl Content {
    fn read(body: &str) -> Result<Self, Error> {
        let body = with_breaks(body);
        let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
        let mut encryption = None;
        let mut words = body.split_ascii_whitespace();
        while let Some(word) = words.next() {
            let Some((name, value)) = word.split_once(':') else {
                base64.push_str(word);
                continue;
            };
            let value = if value.is_empty() { words.next().unwrap_or_default() } else { value };
            if name == "DEK-Info" {
                encryption = Some(value.to_owned());
            }
        }
        let bytes = BASE64.decode(base64.as_bytes()).map(Zeroizing::new).map_err(|_| {
            Error::key("the private key is damaged: its lines are not Base64")
                .advise("copy the file again, whole, without quotes or commas between its lines")
        })?;
        Ok(Self { bytes, encryption })
    }
}

/// With a blank for each line break that was written out, escaped once or more.
fn with_breaks(body: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(body.len()));
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        plain.push(' ');
        rest = rest[at..].trim_start_matches('\\');
        rest = rest.strip_prefix(['n', 'r', 't']).unwrap_or(rest);
    }
    plain.push_str(rest);
    plain
}
