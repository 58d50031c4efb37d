//! One path for each request: by it the rules are matched, and no handler sees another.
//!
//! What stands between the sidecar and the handler may decode a path, merge its slashes, resolve
//! its dots and cut parameters off, in an order of its own. A path by which two of these readers
//! might reach two handlers is refused, never mended.

mod escapes;
mod fault;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::fault::PathFault;

use self::escapes::{Encoding, Escapes, check, is_unreserved, may_stand_unencoded};
use crate::error::Fault;

/// What the proxy and the service behind it may do with a path before a handler is chosen.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::Decoding;
///
/// let declared: Vec<Decoding> = serde_json::from_str(r#"["raw", "once"]"#)?;
/// assert_eq!(declared, [Decoding::Raw, Decoding::Once]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub enum Decoding {
    /// Nothing: the handler is chosen by the path as it came, as axum and Express do.
    Raw,
    /// Escapes are decoded; backslashes may become slashes, repeated slashes one, dot segments may
    /// be resolved and parameters cut off, as nginx, Tomcat, IIS or Go do, each in its way.
    Once,
    /// All of that is done again to the result, as where a proxy decodes and the service behind it
    /// decodes what it gets.
    Twice,
}

/// Gives the canonical form of a path, or refuses it.
///
/// The canonical form is decoded: `/caf%C3%A9` is `/café`. Whichever of the declared decodings a
/// path meets, the handler sees a path that belongs to no other rule than the canonical one.
/// Refused by every policy are dot segments, `//`, encoded slashes, backslashes, semicolons, `?`
/// and `#`, control characters, bad escapes, text that is not UTF-8, and characters that a path
/// may not have unencoded. Beyond that,
///
/// - [`Twice`](Decoding::Twice) refuses the encoded `%`;
/// - [`Raw`](Decoding::Raw) refuses letters, digits and `-._~` that are encoded without need, and
///   every other encoded character that stands in the pattern of some rule. A policy that knows no
///   rules refuses each escape; [`Rules::paths`](crate::Rules::paths) gives the one that knows
///   them.
///
/// A slash at the end is kept; [`Rules::find`](crate::Rules::find) disregards it. Fullwidth
/// characters and the like are text as any other, since no declared decoding maps them.
///
/// # Example: what the default, `raw` and `once`, accepts
///
/// ```
/// use okta_introspect_serve::{PathFault, PathPolicy};
///
/// let paths = PathPolicy::default();
/// assert_eq!(paths.canonical("/orders/7")?, "/orders/7");
/// assert_eq!(paths.canonical("/public/..%2Fadmin"), Err(PathFault::EncodedSlash));
/// assert_eq!(paths.canonical("/%61dmin"), Err(PathFault::Encoded));
/// # Ok::<(), PathFault>(())
/// ```
///
/// # Example: services that always decode
///
/// ```
/// use okta_introspect_serve::{Decoding, PathFault, PathPolicy};
///
/// let paths = PathPolicy::new(&[Decoding::Once]);
/// assert_eq!(paths.canonical("/%61dmin")?, "/admin");
/// # Ok::<(), PathFault>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct PathPolicy {
    raw: bool,
    twice: bool,
    case_insensitive: bool,
    escapes: Escapes,
}

impl PathPolicy {
    /// How long a path may be, in bytes as it came: 8,192, which is what servers allow for a whole
    /// line by default, and more than the 8,000 that [RFC 9110
    /// §4.1](https://www.rfc-editor.org/rfc/rfc9110#section-4.1) asks for.
    pub const MAX_LENGTH: usize = 8192;

    /// For the decodings that a path may meet: several where services differ. None at all stands
    /// for all three, since then nothing is known. Default: `raw` and `once`.
    pub fn new(decodings: &[Decoding]) -> Self {
        let declared = |decoding| decodings.is_empty() || decodings.contains(&decoding);
        let (raw, twice) = (declared(Decoding::Raw), declared(Decoding::Twice));
        Self { raw, twice, case_insensitive: false, escapes: escapes(raw, twice, |_| true) }
    }

    /// For services that do not tell upper from lower case, as IIS and, by default, Express do
    /// not: the canonical form is in lower case, and so have to be the patterns. Refused are then
    /// characters beyond ASCII, and segments that end with a dot or a blank, which file systems of
    /// Windows drop.
    pub fn case_insensitive(mut self) -> Self {
        self.case_insensitive = true;
        self
    }

    /// Parts a request target at its first `?`, which is where the query begins ([RFC 3986
    /// §3.4](https://www.rfc-editor.org/rfc/rfc3986#section-3.4)). No rule looks at a query.
    pub fn split(target: &str) -> (&str, Option<&str>) {
        match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        }
    }

    /// The canonical form of a path that is given as it came, without its query. Borrows where
    /// nothing had to be changed.
    ///
    /// # Errors
    ///
    /// If two readers of the path might see two paths.
    pub fn canonical<'a>(&self, raw: &'a str) -> Result<Cow<'a, str>, PathFault> {
        let bytes = raw.as_bytes();
        if bytes.first() != Some(&b'/') {
            return Err(PathFault::NotAbsolute);
        }
        if bytes.len() > Self::MAX_LENGTH {
            return Err(PathFault::TooLong);
        }
        let path = match check(bytes)? {
            Encoding::Plain => Cow::Borrowed(raw),
            Encoding::Escapes => Cow::Owned(self.decode(bytes)?),
        };
        if self.case_insensitive { lower_case(path) } else { Ok(path) }
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, PathFault> {
        let path = self.escapes.decode(bytes)?;
        // Those of ASCII were refused already; those of Latin-1 take two bytes.
        if path.chars().any(char::is_control) {
            return Err(PathFault::Control);
        }
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(PathFault::DotSegment);
        }
        Ok(path)
    }

    /// Whether a character may stand in the literal part of a pattern.
    pub(crate) fn check_literal(&self, character: char) -> Result<(), Fault> {
        if self.raw && !may_stand_unencoded(character) {
            let message = format!("{character:?} is always encoded in a URL, and paths may be raw");
            return Err(Fault::new(message)
                .advise("write a parameter and `where`, or leave `raw` out of paths.decodings"));
        }
        if self.case_insensitive && character.is_ascii_uppercase() {
            return Err(Fault::new("paths are compared in lower case")
                .advise("write the pattern in lower case"));
        }
        if self.case_insensitive && !character.is_ascii() {
            let message = format!("{character:?} is refused where case is not told apart");
            return Err(Fault::new(message).advise("write a parameter and `where`"));
        }
        Ok(())
    }

    /// Accepts escapes beside [`Raw`](Decoding::Raw) that stand for characters which no pattern
    /// has: encoded or not, they are part of a parameter, so that the rule is the same. Given are
    /// the characters that the patterns do have.
    pub(crate) fn knowing(mut self, literals: &str) -> Self {
        let matters = |byte| is_unreserved(byte) || literals.as_bytes().contains(&byte);
        self.escapes = escapes(self.raw, self.twice, matters);
        self
    }
}

impl Default for PathPolicy {
    fn default() -> Self {
        Self::new(&[Decoding::Raw, Decoding::Once])
    }
}

impl fmt::Debug for PathPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathPolicy")
            .field("raw", &self.raw)
            .field("twice", &self.twice)
            .field("case_insensitive", &self.case_insensitive)
            .finish_non_exhaustive()
    }
}

/// What is refused encoded beside what every policy refuses: `%` where something decodes twice, and
/// what `matters` where something decodes nothing.
fn escapes(raw: bool, twice: bool, matters: impl Fn(u8) -> bool) -> Escapes {
    Escapes::new(|byte| match byte {
        b'%' if twice => Some(PathFault::EncodedPercent),
        _ => (raw && matters(byte)).then_some(PathFault::Encoded),
    })
}

fn lower_case(path: Cow<'_, str>) -> Result<Cow<'_, str>, PathFault> {
    if !path.is_ascii() {
        return Err(PathFault::NonAscii);
    }
    if path.split('/').any(|segment| segment.ends_with(['.', ' '])) {
        return Err(PathFault::TrailingDot);
    }
    match path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Ok(Cow::Owned(path.to_ascii_lowercase())),
        false => Ok(path),
    }
}
