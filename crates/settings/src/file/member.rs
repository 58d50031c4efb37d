//! Members as people write them: numbers in quotes, empty texts for what is not set.

use std::fmt::Display;
use std::path::PathBuf;

use okta_introspect::{DpopMode, Secret};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::found::Source;
use crate::notation::{self, scope_words};

/// What stands where a number belongs. Read leniently, so that the error can name the member.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum NumberMember {
    Number(u64),
    Text(String),
    Other(IgnoredAny),
}

impl NumberMember {
    /// The number; `None` for an empty text, and `Err` for what is no number of this size.
    pub(super) fn number<T: TryFrom<u64>>(&self) -> Result<Option<T>, &'static str> {
        const WRONG: &str = "is not a whole number, or too large";
        let number = match self {
            Self::Number(number) => *number,
            Self::Text(text) if text.trim().is_empty() => return Ok(None),
            Self::Text(text) => text.trim().parse().map_err(|_| WRONG)?,
            Self::Other(_) => return Err(WRONG),
        };
        T::try_from(number).map(Some).map_err(|_| WRONG)
    }
}

/// Whether DPoP is used; beside the SDKs' `true` and `false`, the words of `--dpop`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum DpopMember {
    Switch(bool),
    Word(String),
    Other(IgnoredAny),
}

impl DpopMember {
    pub(super) fn mode(&self) -> Result<Option<DpopMode>, &'static str> {
        let parse = |word: &dyn Display| notation::dpop_mode(&word.to_string());
        let mode = match self {
            Self::Switch(on) => parse(on),
            Self::Word(word) if word.trim().is_empty() => return Ok(None),
            Self::Word(word) => parse(word),
            Self::Other(_) => None,
        };
        mode.map(Some).ok_or("is no DPoP mode")
    }
}

/// A key as text or, in .NET's manner, a JWK written out as YAML.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum KeyMember {
    Text(Secret),
    Jwk(Map<String, Value>),
    Other(IgnoredAny),
}

impl KeyMember {
    /// `path` gives the path for a text.
    pub(super) fn source(
        self,
        path: impl FnOnce(&str) -> PathBuf,
    ) -> Result<Option<Source>, &'static str> {
        Ok(match self {
            Self::Text(text) if text.expose().trim().is_empty() => None,
            Self::Text(text) => Some(Source::key(text.expose(), path)),
            Self::Jwk(members) => {
                Some(Source::Text(Secret::new(Value::Object(members).to_string())))
            }
            Self::Other(_) => return Err("is neither a text nor a JWK"),
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ScopesMember {
    Text(String),
    List(Vec<String>),
    Other(IgnoredAny),
}

impl ScopesMember {
    pub(super) fn words(&self) -> Result<Option<String>, &'static str> {
        let words = match self {
            Self::Text(text) => scope_words(text),
            Self::List(list) => scope_words(&list.join(" ")),
            Self::Other(_) => return Err("is neither a text nor a list of texts"),
        };
        Ok(Some(words).filter(|words| !words.is_empty()))
    }
}

/// The store that the instances of a service share: its URL, or that and what belongs to it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum SharedMember {
    Url(Secret),
    Members(Box<SharedMembers>),
    Other(IgnoredAny),
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SharedMembers {
    pub(super) url: Option<Secret>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) password_file: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) secret_file: Option<String>,
    pub(super) previous_secret_file: Option<String>,
}

/// A secret; `None` for an empty one.
pub(super) fn secret(text: Secret) -> Result<Option<Secret>, &'static str> {
    Ok(Some(text).filter(|text| !text.expose().trim().is_empty()))
}

/// A text without white space around it; `None` for an empty one.
pub(super) fn text(text: &str) -> Result<Option<String>, &'static str> {
    match text.trim() {
        "" => Ok(None),
        text if notation::is_quoted(text) => Err(notation::QUOTED),
        text => Ok(Some(text.to_owned())),
    }
}
