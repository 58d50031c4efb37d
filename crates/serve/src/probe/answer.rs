//! An answer of the proxy, as far as it is needed.

/// The most header lines of an answer.
const MAX_HEADERS: usize = 128;

/// Status and body.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Reads what has come until now; `None` while more has to come. At the end of the connection
    /// (`is_end`), what there is of a body is the body.
    ///
    /// # Errors
    ///
    /// If it is no answer in HTTP/1.1.
    pub(super) fn parse(bytes: &[u8], is_end: bool) -> Result<Option<Self>, NoHttp> {
        let mut rest = bytes;
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut head = httparse::Response::new(&mut headers);
            let length = match head.parse(rest).map_err(|_| NoHttp)? {
                httparse::Status::Complete(length) => length,
                httparse::Status::Partial if is_end => return Err(NoHttp),
                httparse::Status::Partial => return Ok(None),
            };
            let status = head.code.ok_or(NoHttp)?;
            let framing = Framing::of(head.headers);
            rest = rest.get(length..).unwrap_or_default();
            // Such as 100 (Continue): the answer is still to come.
            if (100..200).contains(&status) {
                continue;
            }
            let is_bodyless = matches!(status, 204 | 304);
            let body = if is_bodyless { Some(Vec::new()) } else { framing.body(rest) };
            return Ok(match body {
                Some(body) => Some(Self { status, body }),
                None if is_end => Some(Self { status, body: rest.to_owned() }),
                None => None,
            });
        }
    }
}

/// It is no answer in HTTP/1.1.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct NoHttp;

/// How the end of a body is told.
enum Framing {
    Chunked,
    Length(usize),
    Close,
}

impl Framing {
    fn of(headers: &[httparse::Header<'_>]) -> Self {
        let value = |name: &str| {
            let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
            Some(String::from_utf8_lossy(header.value).trim().to_ascii_lowercase())
        };
        if value("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
            return Self::Chunked;
        }
        value("content-length").and_then(|it| it.parse().ok()).map_or(Self::Close, Self::Length)
    }

    /// The whole body, if it has come.
    fn body(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Close => None,
            Self::Length(length) => bytes.get(..*length).map(<[u8]>::to_owned),
            Self::Chunked => unchunked(bytes),
        }
    }
}

fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((start, length))) = httparse::parse_chunk_size(bytes)
        else {
            return None;
        };
        if length == 0 {
            return Some(body);
        }
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        body.extend_from_slice(bytes.get(start..end)?);
        bytes = bytes.get(end.checked_add(2)?..)?; // the line break after a chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_when_its_framing_says_so() {
        let whole = [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
        ];
        for text in whole {
            let answer = Answer { status: 200, body: b"ab".to_vec() };
            assert_eq!(Answer::parse(text.as_bytes(), false), Ok(Some(answer)));
            let part = &text.as_bytes()[..text.len() - 8];
            assert_eq!(Answer::parse(part, false), Ok(None), "{text}");
        }
        let open = b"HTTP/1.1 403 Forbidden\r\n\r\nno";
        assert_eq!(Answer::parse(open, false), Ok(None));
        let answer = Answer { status: 403, body: b"no".to_vec() };
        assert_eq!(Answer::parse(open, true), Ok(Some(answer)));
    }

    #[test]
    fn what_is_no_http_is_told() {
        assert_eq!(Answer::parse(b"SSH-2.0-x\r\n\r\n", false), Err(NoHttp));
        assert_eq!(Answer::parse(b"HTTP/1.1 200", true), Err(NoHttp));
        let endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n";
        assert_eq!(Answer::parse(endless, false), Ok(None));
    }
}
