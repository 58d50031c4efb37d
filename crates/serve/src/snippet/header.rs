//! Names of headers, and everything that a backend may take for one of them.

use std::collections::BTreeSet;

use crate::error::Fault;

/// The most names that a configuration may have; each is a few lines.
const NAMES_MAX: usize = 64;

/// The most hyphens of a name: with each, there are twice as many spellings.
const HYPHENS_MAX: usize = 5;

/// By which a client shows that it may; whether the backend gets them is a setting of its own.
const CREDENTIALS: [&str; 2] = ["authorization", "dpop"];

/// Headers that no snippet may replace or remove: the proxy itself needs them.
const RESERVED: [&str; 6] =
    ["connection", "content-length", "host", "te", "transfer-encoding", "upgrade"];

/// The headers out, and the headers of clients that are removed.
pub(super) struct Headers {
    /// As configured, in this order.
    pub(super) identity: Vec<String>,
    /// Every name to remove, each in all its spellings with `-` and `_`, in lower case; those of `identity` among them.
    pub(super) forged: BTreeSet<String>,
    /// The beginning that all of `identity` share, up to a hyphen, such as `x-auth-`: with it, a few patterns do.
    pub(super) prefix: Option<String>,
}

impl Headers {
    pub(super) fn new(identity: &[String], strip: &[String]) -> Result<Self, Fault> {
        if identity.is_empty() {
            return Err(Fault::new("has no header").at("identity"));
        }
        let mut forged = BTreeSet::new();
        for (place, names) in [("identity", identity), ("strip", strip)] {
            if names.len() > NAMES_MAX {
                return Err(Fault::new("has more than 64 headers").at(place));
            }
            for name in names {
                check(name).map_err(|fault| fault.at(place))?;
                forged.extend(spellings(name));
            }
        }
        // Removed before the check, they would not be checked.
        CREDENTIALS.iter().for_each(|name| _ = forged.remove(*name));
        let mut seen = BTreeSet::new();
        for name in identity {
            let lower = name.to_ascii_lowercase();
            let wrong = match lower.as_str() {
                lower if CREDENTIALS.contains(&lower) => "is the client's",
                lower if lower.contains('_') => "has an underscore, which backends may drop",
                _ if !seen.insert(lower.clone()) => "stands there twice",
                _ => continue,
            };
            return Err(Fault::new(format!("`{name}` {wrong}")).at("identity"));
        }
        Ok(Self { identity: identity.to_vec(), forged, prefix: shared_prefix(identity) })
    }

    /// What is removed beside the headers that are replaced, in lower case.
    pub(super) fn beside_identity(&self) -> impl Iterator<Item = &String> {
        let is_replaced =
            |name: &str| self.identity.iter().any(|identity| identity.eq_ignore_ascii_case(name));
        self.forged.iter().filter(move |name| !is_replaced(name))
    }

    /// What is removed beside everything that begins with a spelling of `prefix`.
    pub(super) fn beside_prefix(&self) -> impl Iterator<Item = &String> {
        let prefixes = self.prefixes();
        let is_covered =
            move |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
        self.forged.iter().filter(move |name| !is_covered(name))
    }

    /// The prefix in all its spellings; none where the names share none.
    pub(super) fn prefixes(&self) -> Vec<String> {
        self.prefix.as_deref().map(spellings).unwrap_or_default()
    }
}

fn check(name: &str) -> Result<(), Fault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let ends_well = !name.starts_with(['-', '_']) && !name.ends_with(['-', '_']);
    if !(1..=64).contains(&name.len()) || !name.chars().all(is_plain) || !ends_well {
        return Err(Fault::new("a header has 1 to 64 letters, digits and `-`, `-` inside only"));
    }
    if name.matches(['-', '_']).count() > HYPHENS_MAX {
        return Err(Fault::new(format!("`{name}` has more than 5 hyphens")));
    }
    if RESERVED.iter().any(|reserved| spellings(name).iter().any(|name| name == reserved)) {
        return Err(Fault::new(format!("`{name}` is needed as it is")));
    }
    Ok(())
}

/// The name with each hyphen as `-` and as `_`, in lower case.
pub(super) fn spellings(name: &str) -> Vec<String> {
    let mut spelt = vec![String::new()];
    for c in name.to_ascii_lowercase().chars() {
        let ways: &[char] = if c == '-' || c == '_' { &['-', '_'] } else { &[c] };
        spelt = spelt
            .iter()
            .flat_map(|begun| ways.iter().map(move |way| format!("{begun}{way}")))
            .collect();
    }
    spelt
}

/// Two words at least, so that it covers nobody else's headers: `x-auth-`, never `x-`.
fn shared_prefix(names: &[String]) -> Option<String> {
    let first = names.first()?.to_ascii_lowercase();
    let is_shared =
        |prefix: &&str| names.iter().all(|name| name.to_ascii_lowercase().starts_with(prefix));
    let ends = first.match_indices('-').map(|(at, _)| at.saturating_add(1));
    let mut prefixes = ends.filter_map(|end| first.get(..end)).filter(is_shared);
    prefixes.rfind(|prefix| prefix.matches('-').count() >= 2).map(str::to_owned)
}
