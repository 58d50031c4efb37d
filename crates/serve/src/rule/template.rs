//! The path of a pattern, read.

use std::cmp::Ordering;

use crate::error::Fault;

/// The path of a pattern, by its segments.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) segments: Vec<Segment>,
}

/// What stands between two slashes of a pattern.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Segment {
    Literal(String),
    /// Any one segment, by this name.
    Parameter(String),
    /// All segments that are left, by this name; the last one.
    Rest(String),
}

impl Template {
    pub(super) fn parse(path: &str) -> Result<Self, Fault> {
        let Some(inner) = path.strip_prefix('/') else {
            return Err(Fault::new("the path of a pattern begins with a slash"));
        };
        if inner.is_empty() {
            return Ok(Self { segments: Vec::new() });
        }
        let segments = without_slash(inner).split('/').map(Segment::parse);
        let template = Self { segments: segments.collect::<Result<_, _>>()? };
        template.check().map(|()| template)
    }

    fn check(&self) -> Result<(), Fault> {
        let is_rest = |segment: &Segment| matches!(segment, Segment::Rest(_));
        if self.segments.iter().rev().skip(1).any(is_rest) {
            return Err(Fault::new("something follows the rest of the path")
                .advise("write {*rest} as the last segment"));
        }
        let mut names: Vec<_> = self.parameters().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Fault::new(format!("two parameters are called {:?}", pair[0]))),
            None => Ok(()),
        }
    }

    /// The names of the parameters, from left to right.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter(name) | Segment::Rest(name) => Some(name.as_str()),
        })
    }

    /// All literal text, slashes left out.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(text) => Some(text.as_str()),
            Segment::Parameter(_) | Segment::Rest(_) => None,
        })
    }

    /// The template as the router reads it: two that meet the same paths are the same text.
    pub(super) fn route(&self) -> String {
        if self.segments.is_empty() {
            return "/".into();
        }
        self.segments.iter().fold(String::new(), |route, segment| match segment {
            Segment::Literal(text) => route + "/" + text,
            Segment::Parameter(_) => route + "/{p}",
            Segment::Rest(_) => route + "/{*p}",
        })
    }

    /// What is left without a `{*rest}` at the end.
    pub(super) fn without_rest(&self) -> Option<Self> {
        match self.segments.split_last() {
            Some((Segment::Rest(_), before)) => Some(Self { segments: before.to_vec() }),
            _ => None,
        }
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, Fault> {
        if matches!(text, "" | "." | "..") {
            return Err(Fault::new(format!("no path has a segment {text:?}")));
        }
        let Some((prefix, parameter)) = text.split_once('{') else {
            return Self::literal(text).map(|()| Self::Literal(text.into()));
        };
        let whole = "write the whole segment as a parameter, and `where` for its form";
        let Some(name) = parameter.strip_suffix('}') else {
            return Err(Fault::new(format!("the segment {text:?} does not end with a parameter"))
                .advise(whole));
        };
        if !prefix.is_empty() {
            return Err(Fault::new(format!("the segment {text:?} has text before a parameter"))
                .advise(whole));
        }
        let (name, is_rest) = match name.strip_prefix('*') {
            Some(name) => (name, true),
            None => (name, false),
        };
        if !is_name(name) {
            return Err(Fault::new(format!("{text:?} does not name a parameter"))
                .advise("write {id} or {*rest}: letters, digits and underscores"));
        }
        match is_rest {
            true => Ok(Self::Rest(name.into())),
            false => Ok(Self::Parameter(name.into())),
        }
    }

    /// Literal text may have what a canonical path may have.
    fn literal(text: &str) -> Result<(), Fault> {
        let impossible = |c: char| matches!(c, '}' | '\\' | ';' | '?' | '#') || c.is_control();
        if let Some(character) = text.chars().find(|c| impossible(*c)) {
            return Err(Fault::new(format!("no path has {character:?}")));
        }
        match text.contains('%') {
            true => Err(Fault::new("the pattern has a %").advise("write patterns decoded")),
            false => Ok(()),
        }
    }

    /// Orders by how specific a segment is, the most specific first.
    pub(super) fn by_specificity(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Parameter(_) => 1,
            Self::Rest(_) => 2,
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A path without the slash at its end, unless that is all of it.
pub(super) fn without_slash(path: &str) -> &str {
    match path.strip_suffix('/') {
        None | Some("") => path,
        Some(shorter) => shorter,
    }
}
