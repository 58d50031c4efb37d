//! Whom a signal names, without a token or a whole hash of one.

use okta_introspect::signals::Subject;
use serde::Serialize;

/// One that a signal names. The names of members are stable.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Named {
    Token {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The beginning of the hash: enough to tell one from another.
        #[serde(skip_serializing_if = "Option::is_none")]
        hash: Option<String>,
    },
    User {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        logins: Vec<String>,
    },
    Client {
        id: String,
    },
    Server {
        id: String,
    },
    Everything,
}

impl From<&Subject> for Named {
    fn from(subject: &Subject) -> Self {
        let shown = |id: &String| shown(id);
        match subject {
            Subject::Token { jti, hash } => Self::Token {
                id: jti.as_ref().map(shown),
                hash: hash.as_ref().map(|hash| beginning(hash)),
            },
            Subject::User { id, logins } => Self::User {
                id: id.as_ref().map(shown),
                logins: logins.iter().map(shown).collect(),
            },
            Subject::Client(id) => Self::Client { id: shown(id) },
            Subject::Server(id) => Self::Server { id: shown(id) },
            // Of a kind that does not exist yet it is not known whom it names.
            _ => Self::Everything,
        }
    }
}

impl Named {
    /// In words, for people.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Token { id: Some(id), .. } => format!("token {id}"),
            Self::Token { hash: Some(hash), .. } => format!("token with hash {hash}"),
            Self::Token { .. } => "a token".to_owned(),
            Self::User { id, logins } => {
                let names = id.iter().chain(logins).map(String::as_str);
                format!("user {}", names.collect::<Vec<_>>().join(", "))
            }
            Self::Client { id } => format!("client {id}"),
            Self::Server { id } => format!("server {id}"),
            Self::Everything => "everything".to_owned(),
        }
    }
}

/// Longer than any id of Okta's, and shorter than any token.
const LONGEST_ID: usize = 128;

/// An id; what may be a token instead is cut.
fn shown(id: &str) -> String {
    match id.len() > LONGEST_ID || id.starts_with("eyJ") {
        true => beginning(id),
        false => id.to_owned(),
    }
}

fn beginning(text: &str) -> String {
    let mut beginning: String = text.chars().take(8).collect();
    beginning.push('…');
    beginning
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(subject: Subject) -> (String, String) {
        let named = Named::from(&subject);
        (named.text(), serde_json::to_string(&named).unwrap())
    }

    #[test]
    fn each_subject_is_told_by_its_ids_and_no_token_or_hash_as_a_whole() {
        let hash = "hFq1PH4oWPp8F6maiAzaXiCC6i6GbT5PHnKA77192tc=".to_owned();
        let (id, login) = (|text: &str| Some(text.to_owned()), "ada@acme.example".to_owned());
        for (subject, text, json) in [
            (
                Subject::Token { jti: id("AT.1"), hash: Some(hash.clone()) },
                "token AT.1",
                r#"{"type":"token","id":"AT.1","hash":"hFq1PH4o…"}"#,
            ),
            (
                Subject::Token { jti: None, hash: Some(hash) },
                "token with hash hFq1PH4o…",
                r#"{"type":"token","hash":"hFq1PH4o…"}"#,
            ),
            (
                Subject::Token { jti: id("eyJhbGciOiJub25lIn0.e30."), hash: None },
                "token eyJhbGci…",
                r#"{"type":"token","id":"eyJhbGci…"}"#,
            ),
            (
                Subject::User { id: id("00u1"), logins: vec![login] },
                "user 00u1, ada@acme.example",
                r#"{"type":"user","id":"00u1","logins":["ada@acme.example"]}"#,
            ),
            (Subject::Client("0oa1".to_owned()), "client 0oa1", r#"{"type":"client","id":"0oa1"}"#),
            (
                Subject::Server("default".to_owned()),
                "server default",
                r#"{"type":"server","id":"default"}"#,
            ),
            (Subject::Everything, "everything", r#"{"type":"everything"}"#),
        ] {
            assert_eq!(named(subject), (text.to_owned(), json.to_owned()));
        }
        let long = |len: usize| named(Subject::Client("a".repeat(len))).0.chars().count();
        assert_eq!((long(128), long(129)), (7 + 128, 7 + 9));
    }
}
