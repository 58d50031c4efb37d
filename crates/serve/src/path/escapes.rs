//! Which bytes a path may have as they are, which encoded, and how it is decoded.

use super::fault::PathFault;

/// What is wrong with each byte where it is not encoded.
static UNENCODED: [Option<PathFault>; 256] = {
    let mut table = [None; 256];
    let mut at = 0;
    while at < table.len() {
        table[at] = unencoded(at as u8);
        at += 1;
    }
    table
};

/// Whether a path that has only what it may have is to be decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    Plain,
    Escapes,
}

/// Looks at every byte once, and at the segments that are written without escapes.
pub(super) fn check(path: &[u8]) -> Result<Encoding, PathFault> {
    let (mut previous, mut encoding) = (0, Encoding::Plain);
    for (at, &byte) in path.iter().enumerate() {
        if let Some(fault) = UNENCODED[usize::from(byte)] {
            return Err(fault);
        }
        match byte {
            b'%' => encoding = Encoding::Escapes,
            b'/' if previous == b'/' => return Err(PathFault::EmptySegment),
            b'.' if previous == b'/' && begins_with_dot_segment(&path[at..]) => {
                return Err(PathFault::DotSegment);
            }
            _ => {}
        }
        previous = byte;
    }
    Ok(encoding)
}

fn begins_with_dot_segment(rest: &[u8]) -> bool {
    matches!(rest, b"." | b".." | [b'.', b'/', ..] | [b'.', b'.', b'/', ..])
}

/// The characters that [RFC 3986 §2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3) calls
/// unreserved: encoded or not, they mean the same.
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether a path may have the character as it is: a slash, or what [RFC 3986
/// §3.3](https://www.rfc-editor.org/rfc/rfc3986#section-3.3) calls `pchar`, without `;`.
pub(super) fn may_stand_unencoded(character: char) -> bool {
    character != '%' && u8::try_from(character).is_ok_and(|byte| unencoded(byte).is_none())
}

const fn unencoded(byte: u8) -> Option<PathFault> {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => None,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' => None,
        b':' | b'@' | b'/' | b'%' => None,
        _ => match ambiguous(byte) {
            None => Some(PathFault::Unencoded),
            fault => fault,
        },
    }
}

/// What is ambiguous both as it is and encoded.
const fn ambiguous(byte: u8) -> Option<PathFault> {
    match byte {
        b'\\' => Some(PathFault::Backslash),
        b';' => Some(PathFault::Parameter),
        b'?' | b'#' => Some(PathFault::Query),
        0..=0x1f | 0x7f => Some(PathFault::Control),
        _ => None,
    }
}

/// What is wrong with each byte where it is encoded.
#[derive(Clone, Debug)]
pub(super) struct Escapes([Option<PathFault>; 256]);

impl Escapes {
    /// Asks about every byte that is not refused anyway.
    pub(super) fn new(fault: impl Fn(u8) -> Option<PathFault>) -> Self {
        let mut table = [None; 256];
        for (byte, entry) in (0..=u8::MAX).zip(&mut table) {
            *entry = match byte {
                b'/' => Some(PathFault::EncodedSlash),
                _ => ambiguous(byte).or_else(|| fault(byte)),
            };
        }
        Self(table)
    }

    /// Decodes a path once.
    pub(super) fn decode(&self, path: &[u8]) -> Result<String, PathFault> {
        let mut decoded = Vec::with_capacity(path.len());
        let mut rest = path;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if byte != b'%' {
                decoded.push(byte);
                continue;
            }
            let Some((escape, after)) = rest.split_first_chunk::<2>() else {
                return Err(PathFault::BadEscape);
            };
            rest = after;
            let byte = value(*escape).ok_or(PathFault::BadEscape)?;
            match self.0[usize::from(byte)] {
                Some(fault) => return Err(fault),
                None => decoded.push(byte),
            }
        }
        String::from_utf8(decoded).map_err(|_| PathFault::NotUtf8)
    }
}

/// The byte that two hexadecimal digits stand for.
fn value([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    // Two digits of four bits make one byte.
    Some((digit(high)? * 16 + digit(low)?) as u8)
}
