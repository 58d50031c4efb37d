//! Whole files: keys, certificates, request bodies, seeds.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::text::is_utf_16;

/// The longest file that is read, in bytes: far above any key or seed, and a bound for devices that
/// never end.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// The file's content, which may be a secret.
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    File::open(path).and_then(read_all)
}

/// As [`read`], as text.
pub(crate) fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    let bytes = read(path)?;
    match std::str::from_utf8(&bytes) {
        _ if is_utf_16(&bytes) => Err(io::Error::other("it is in UTF-16, not in UTF-8")),
        Err(_) => Err(io::Error::other("it is not text")),
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
    }
}

/// The rest of an input: whole, or an error if it is longer than the bound.
pub fn read_all(input: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // Reserved at once: a growing buffer would leave copies of a key behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let length = input.take(MAX_LEN + 1).read_to_end(&mut bytes)?;
    match length as u64 > MAX_LEN {
        true => Err(io::Error::other("it is longer than 16 MiB")),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_read_whole_or_not_at_all() {
        let length = |input| read_all(io::repeat(b'x').take(input)).map(|bytes| bytes.len() as u64);
        for whole in [0, 1, MAX_LEN - 1, MAX_LEN] {
            assert_eq!(length(whole).unwrap(), whole);
        }
        assert!(length(MAX_LEN + 1).is_err());
        assert!(read_all(io::repeat(b'x')).is_err());
    }
}
