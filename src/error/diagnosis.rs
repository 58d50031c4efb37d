//! Why a server refused, and what to do.
//!
//! Wording varies between Okta's documents and its servers (quotes, full stops), so a row of the
//! table matches on the OAuth error code and on a fragment of the description, whatever its case
//! and without its quotes.

use std::fmt;

use crate::error::causes::{CAUSES, CAUSES_WITHOUT_KEY, Row};
use crate::error::refusal::Refusal;

/// The likely cause of a refusal, and its cure.
///
/// # Example: what to print beside an error
///
/// ```
/// use okta_introspect::Error;
///
/// fn explain(error: &Error) -> String {
///     match error.diagnosis() {
///         Some(found) => format!("{error}: {}; {}", found.cause, found.cure),
///         None => format!("{error}; {}", error.advice()),
///     }
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What is wrong: an assertion's claim or header (`aud`, `kid`, …), or a setting of the
    /// request, the app or the server (`scope`, `policy`, …).
    pub about: String,
    /// What we sent there, if it was part of an assertion, or the requested scopes.
    pub sent: Option<String>,
    /// The likely cause; where the server's words have several, all of them, listed as such.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)?;
        if let Some(sent) = &self.sent {
            write!(f, " (we sent {}: {sent})", self.about)?;
        }
        write!(f, "; {}", self.cure)
    }
}

impl Diagnosis {
    /// Adds to what was sent how far our clock is off, where that is what it is about.
    pub(crate) fn with_clock(mut self, offset: Option<impl fmt::Display>) -> Self {
        let fields = (&mut self.sent, offset, self.about.as_str());
        if let (Some(sent), Some(offset), "exp" | "iat") = fields {
            sent.push_str(&format!("; {offset}"));
        }
        self
    }

    /// Whether a client may have been refused for its key: by what the server says, or because it says
    /// nothing that tells.
    pub(crate) fn may_be_of_the_key(refusal: &Refusal) -> bool {
        refusal.code.as_deref() == Some("invalid_client")
            && Self::of(refusal, |_| None).is_none_or(|diagnosis| {
                ["kid", "key", "alg", "authentication method"].contains(&&*diagnosis.about)
            })
    }

    /// Finds the first row that fits the refusal. `sent` tells what our assertion said about a
    /// claim or header.
    pub(crate) fn of(refusal: &Refusal, sent: impl FnOnce(&str) -> Option<String>) -> Option<Self> {
        Self::find(refusal, CAUSES.iter(), sent)
    }

    /// As [`of`](Self::of), for a client that authenticates without a private key.
    pub(crate) fn without_key(
        refusal: &Refusal,
        sent: impl FnOnce(&str) -> Option<String>,
    ) -> Option<Self> {
        Self::find(refusal, CAUSES_WITHOUT_KEY.iter().chain(CAUSES), sent)
    }

    fn find(
        refusal: &Refusal,
        mut rows: impl Iterator<Item = &'static Row>,
        sent: impl FnOnce(&str) -> Option<String>,
    ) -> Option<Self> {
        let code = refusal.code.as_deref().unwrap_or_default();
        let description = normalised(refusal.description.as_deref().unwrap_or_default());
        let (_, _, about, cause, cure) =
            rows.find(|(row, fragment, ..)| *row == code && description.contains(fragment))?;
        Some(Self {
            about: (*about).to_owned(),
            sent: sent(about),
            cause: (*cause).to_owned(),
            cure: (*cure).to_owned(),
        })
    }
}

/// As the table is written: lower case, without quotes of any kind.
fn normalised(description: &str) -> String {
    description.replace(['\'', '"', '`', '\u{2018}', '\u{2019}'], "").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnose(code: &str, description: &str) -> Option<Diagnosis> {
        let refusal = Refusal {
            code: Some(code.into()),
            description: Some(description.into()),
            ..Refusal::default()
        };
        Diagnosis::of(&refusal, |about| (about == "aud").then(|| "https://a.example".to_owned()))
    }

    #[test]
    fn wording_quotes_and_case_may_vary() {
        for text in [
            "The audience claim for client_assertion must be the endpoint invoked for the request.",
            "the Audience Claim for `client_assertion` must be the endpoint invoked",
        ] {
            let diagnosis = diagnose("invalid_client", text).unwrap();
            assert_eq!(diagnosis.about, "aud");
            assert!(diagnosis.to_string().contains("we sent aud: https://a.example"));
        }
    }

    #[test]
    fn similar_texts_have_their_own_causes() {
        let about = |text| diagnose("invalid_client", text).unwrap().about;
        assert_eq!(about("The client_assertion JWT signature algorithm is invalid."), "alg");
        assert_eq!(about("The client_assertion signature is invalid."), "key");
        assert_eq!(about("The client_assertion token is expired."), "exp");
        assert_eq!(
            about("The client_assertion must contain the 'exp' claim as seconds since epoch."),
            "exp"
        );
    }

    #[test]
    fn rows_are_written_as_they_are_compared_and_none_hides_behind_another() {
        for rows in [CAUSES, CAUSES_WITHOUT_KEY] {
            for (index, (code, fragment, ..)) in rows.iter().enumerate() {
                assert_eq!(*fragment, normalised(fragment));
                let hidden = rows[..index]
                    .iter()
                    .find(|(earlier, part, ..)| earlier == code && fragment.contains(part));
                assert_eq!(hidden, None, "{code} {fragment}");
            }
        }
    }

    #[test]
    fn words_that_have_several_causes_get_candidates() {
        let okta = "Client authentication failed. Either the client or the client credentials are invalid.";
        for (text, candidates) in [
            (okta, &["deactivated", "another method", "key"][..]),
            (
                "Client authentication failed",
                &["unknown or inactive", "another method", "audience"],
            ),
            (
                "Client authentication failed (e.g., unknown client, no client authentication included).",
                &["unknown or inactive", "registered", "audience"],
            ),
            ("Invalid client or Invalid client credentials", &["unknown", "registered"]),
        ] {
            let cause = diagnose("invalid_client", text).expect(text).cause;
            assert!(cause.contains("does not say which"), "{text}: {cause}");
            assert!(candidates.iter().all(|word| cause.contains(word)), "{text}: {cause}");
        }
    }

    #[test]
    fn other_servers_words_with_a_part_of_oktas_get_no_certain_cause() {
        for text in [
            "Invalid issuer claim",
            "subject claim missing",
            "Token signature is invalid",
            "The token is expired",
            "kid is invalid or the key was rotated",
            "jti has already been used",
        ] {
            assert_eq!(diagnose("invalid_client", text), None, "{text}");
        }
    }

    #[test]
    fn what_may_be_the_keys_fault_is_told_from_what_is_not() {
        for (code, description, expected) in [
            ("invalid_client", "The client_assertion JWT kid is invalid.", true),
            ("invalid_client", "The client_assertion signature is invalid.", true),
            ("invalid_client", "The client_assertion JWT signature algorithm is invalid.", true),
            ("invalid_client", "Client authentication failed", true),
            ("invalid_client", "Something new.", true),
            ("invalid_client", "", true),
            ("invalid_client", "The client_assertion token is expired.", false),
            ("invalid_client", "The client_assertion token has already been used.", false),
            (
                "invalid_client",
                "The audience claim for client_assertion must be the endpoint invoked",
                false,
            ),
            ("invalid_scope", "The client_assertion JWT kid is invalid.", false),
        ] {
            let refusal = Refusal {
                code: Some(code.into()),
                description: Some(description.into()),
                ..Refusal::default()
            };
            assert_eq!(Diagnosis::may_be_of_the_key(&refusal), expected, "{code}: {description}");
        }
    }

    #[test]
    fn an_unknown_text_gets_no_made_up_cause() {
        assert_eq!(diagnose("invalid_client", "Something new."), None);
        assert_eq!(diagnose("teapot", "audience claim"), None);
    }
}
