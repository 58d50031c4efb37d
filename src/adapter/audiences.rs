//! Which audience was wanted, and which ones the token has instead. Neither is a secret, and the
//! service learns both; clients are not told.

use std::fmt;

use crate::checker::{Denied, Reason, Requirement};
use crate::error::redact;

/// So many of a token's audiences are named.
const MAX_NAMED: usize = 5;

/// The audience that was wanted, if the token lacks it.
pub(super) fn missing<'a>(
    denied: &Denied,
    resource: Option<&'a str>,
    requirement: &'a Requirement,
) -> Option<&'a str> {
    let Reason::Audience(_) = denied.reason() else { return None };
    let own = &denied.facts()?.aud;
    let of_resource = resource.filter(|wanted| lacks(own, wanted));
    of_resource.or_else(|| missing_of(requirement, own))
}

fn missing_of<'a>(requirement: &'a Requirement, own: &[String]) -> Option<&'a str> {
    let first = requirement.audience.as_deref().filter(|wanted| lacks(own, wanted));
    first.or_else(|| requirement.also.iter().find_map(|other| missing_of(other, own)))
}

fn lacks(own: &[String], wanted: &str) -> bool {
    own.iter().all(|audience| audience != wanted)
}

/// Says both in one line of bounded length. What looks like a token is masked: somebody may have
/// written one in place of an audience.
pub(super) fn write(f: &mut fmt::Formatter<'_>, wanted: &str, denied: &Denied) -> fmt::Result {
    let quoted = |text: &str| redact::excerpt(text.as_bytes(), &[]);
    let own = denied.facts().map(|facts| &*facts.aud).unwrap_or_default();
    write!(f, " (wanted: {}; the token has: ", quoted(wanted))?;
    match own.get(..MAX_NAMED) {
        Some(named) if own.len() > MAX_NAMED => {
            write!(f, "{} and {} more)", quoted(&named.join(", ")), own.len() - MAX_NAMED)
        }
        _ if own.is_empty() => f.write_str("none)"),
        _ => write!(f, "{})", quoted(&own.join(", "))),
    }
}
