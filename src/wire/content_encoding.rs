//! Answers are asked for as they are; one that comes packed all the same is unpacked, and never
//! beyond the longest answer that is read.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue};

/// What `Accept-Encoding` says: as it is
/// ([RFC 9110 §12.5.3](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3)).
pub(crate) const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The body is longer than what is read.
#[derive(Debug)]
pub(crate) struct TooLong;

/// Unpacks a body that gzip packed, and takes the headers off that said so. What cannot be
/// unpacked stays as it came, and so do its headers: see [`packed_by`].
pub(crate) fn unpack(
    headers: &mut HeaderMap,
    body: Vec<u8>,
    max: usize,
) -> Result<Vec<u8>, TooLong> {
    if !matches!(packed_by(headers), Some("gzip" | "x-gzip")) {
        return Ok(body);
    }
    let mut unpacked = Vec::new();
    // One byte more than is allowed tells that it is too long; no more is ever unpacked.
    let mut reader = MultiGzDecoder::new(&*body).take(max as u64 + 1);
    if reader.read_to_end(&mut unpacked).is_err() {
        return Ok(body);
    }
    if unpacked.len() > max {
        return Err(TooLong);
    }
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    Ok(unpacked)
}

/// What packed the body, by the answer's own word; `None` for a body that is as it is.
pub(crate) fn packed_by(headers: &HeaderMap) -> Option<&str> {
    let coding = headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim();
    let is_plain = coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    let known = ["gzip", "x-gzip"].into_iter().find(|known| known.eq_ignore_ascii_case(coding));
    known.or_else(|| (!is_plain).then_some(coding))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn headers(coding: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))])
    }

    #[test]
    fn what_gzip_packed_is_unpacked_up_to_the_bound() {
        for (coding, length, max, fits) in
            [("gzip", 99, 100, true), ("GZIP", 100, 100, true), ("x-gzip", 101, 100, false)]
        {
            let text = vec![b'x'; length];
            let mut headers = headers(coding);
            let unpacked = unpack(&mut headers, gzip(&text), max);
            assert_eq!(unpacked.ok(), fits.then_some(text), "{length}");
            assert_eq!(headers.is_empty(), fits);
        }
    }

    #[test]
    fn a_bomb_is_never_unpacked_beyond_the_bound() {
        let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
        assert!(bomb.len() < 100_000);
        let taken = allocation_counter::measure(|| {
            assert!(unpack(&mut headers("gzip"), bomb, 1024 * 1024).is_err());
        });
        assert!(taken.bytes_max < 4 * 1024 * 1024, "{} bytes", taken.bytes_max);
    }

    #[test]
    fn what_cannot_be_unpacked_stays_as_it_came() {
        for (coding, body) in [("gzip", &b"{}"[..]), ("br", b"{}"), ("gzip, br", b"{}")] {
            let mut headers = headers(coding);
            assert_eq!(unpack(&mut headers, body.to_vec(), 100).unwrap(), body);
            assert_eq!(packed_by(&headers), Some(coding));
        }
        for plain in ["", "identity", "Identity"] {
            assert_eq!(packed_by(&headers(plain)), None);
        }
    }
}
