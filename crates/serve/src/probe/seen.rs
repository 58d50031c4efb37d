//! What the service behind the proxy says it was asked.

use serde_json::Value;

use crate::path::{Decoding, PathPolicy};

/// A request as the service saw it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Seen {
    pub(super) target: String,
    headers: Vec<(String, String)>,
}

impl Seen {
    /// Reads the answer of a service that shows requests: a JSON object with `target` (or `url`), and
    /// `headers` as pairs, or as an object.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let shown: Value = serde_json::from_slice(body).ok()?;
        let target = shown.get("target").or_else(|| shown.get("url"))?.as_str()?.to_owned();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let headers = match shown.get("headers")? {
            Value::Array(pairs) => pairs
                .iter()
                .map(|pair| Some((text(pair.get(0)?), text(pair.get(1)?))))
                .collect::<Option<Vec<_>>>()?,
            Value::Object(members) => members
                .iter()
                .flat_map(|(name, value)| match value {
                    Value::Array(values) => {
                        values.iter().map(|value| (name.clone(), text(value))).collect()
                    }
                    value => vec![(name.clone(), text(value))],
                })
                .collect(),
            _ => return None,
        };
        Some(Self { target, headers })
    }

    /// The path without query, scheme and host.
    pub(super) fn path(&self) -> &str {
        path_of(&self.target)
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a header of this name arrived, however it is spelt.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The values of a header, however its name is spelt.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let name = usual(name);
        self.headers().filter(move |(seen, _)| usual(seen) == name).map(|(_, value)| value)
    }
}

/// A name as a CGI-like service reads it: neither case nor underscores make a difference.
pub(super) fn usual(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('_', "-")
}

/// The path of a request target, in whichever form.
pub(super) fn path_of(target: &str) -> &str {
    let end = target.find(['?', '#']).unwrap_or(target.len());
    let path = &target[..end];
    let rest = path.split_once("://").map(|(_, rest)| rest);
    rest.map_or(path, |rest| rest.find('/').map_or("/", |at| &rest[at..]))
}

/// The path decoded once, or why services may read it in more than one way.
pub(super) fn plain(path: &str) -> Result<String, String> {
    let policy = PathPolicy::new(&[Decoding::Once]);
    let canonical = policy.canonical(path).map_err(|fault| fault.to_string())?;
    let canonical = canonical.trim_end_matches('/');
    Ok(if canonical.is_empty() { "/" } else { canonical }.to_owned())
}

/// What stands between the paths of clients and those of the service.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    strip: String,
    add: String,
}

impl Mapping {
    /// Of a path that was sent, and as which it was seen.
    pub(super) fn between(sent: &str, seen: &str) -> Self {
        let same = sent.bytes().rev().zip(seen.bytes().rev()).take_while(|(a, b)| a == b).count();
        let (mut sent_end, mut seen_end) =
            (sent.len().saturating_sub(same), seen.len().saturating_sub(same));
        // A prefix ends before a slash.
        while !sent.get(sent_end..).is_some_and(|rest| rest.starts_with('/'))
            && sent_end < sent.len()
        {
            (sent_end, seen_end) = (sent_end.saturating_add(1), seen_end.saturating_add(1));
        }
        let before = |text: &str, end: usize| text.get(..end).unwrap_or_default().to_owned();
        Self { strip: before(sent, sent_end), add: before(seen, seen_end) }
    }

    /// As what the service would see a path of clients.
    pub(super) fn applied(&self, path: &str) -> String {
        match path.strip_prefix(&*self.strip) {
            Some(rest) => format!("{}{rest}", self.add),
            None => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_pairs_and_as_an_object() {
        for body in [
            r#"{"method":"GET","target":"/a?b","headers":[["X_Auth-Sub","1"],["x-auth-sub","2"]]}"#,
            r#"{"url":"http://h/a?b","headers":{"X_Auth-Sub":["1","2"]}}"#,
        ] {
            let seen = Seen::parse(body.as_bytes()).unwrap();
            assert_eq!(seen.path(), "/a");
            assert_eq!(seen.values("X-Auth-Sub").collect::<Vec<_>>(), ["1", "2"]);
        }
        for body in
            ["", "[]", "{}", r#"{"target":1,"headers":[]}"#, r#"{"target":"/","headers":[1]}"#]
        {
            assert_eq!(Seen::parse(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn the_path_of_every_form_of_target() {
        for (target, path) in [
            ("/a/b?c=/d", "/a/b"),
            ("/a#b", "/a"),
            ("http://h:1/a?b", "/a"),
            ("http://h", "/"),
            ("http://h?a", "/"),
            ("a", "a"),
            ("/a?http://b/c", "/a"),
        ] {
            assert_eq!(path_of(target), path, "{target}");
        }
    }

    #[test]
    fn a_prefix_that_the_proxy_takes_away_or_adds_is_found() {
        for (sent, seen, other, expected) in [
            ("/a/b", "/a/b", "/admin", "/admin"),
            ("/api/a", "/a", "/api/admin", "/admin"),
            ("/a", "/v1/a", "/admin", "/v1/admin"),
            ("/api/a", "/v1/a", "/api/admin", "/v1/admin"),
            ("/api/a", "/v1/a", "/admin", "/admin"),
            ("/xa", "/ya", "/admin", "/admin"),
        ] {
            assert_eq!(Mapping::between(sent, seen).applied(other), expected, "{sent} {seen}");
        }
    }
}
