//! `Link` headers.

use crate::management::link::next;

/// A header of several lines, read as it came: no target is made up. Then links that are written
/// from the input: each is found again, whatever its other parameters say.
pub fn link(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(target) = next(text.lines()) {
        let quoted = format!("<{target}>");
        assert!(text.lines().any(|line| line.contains(&quoted)), "{target}");
    }
    let links: Vec<_> = text.lines().map(Link::of).collect();
    let expected = links.iter().find(|link| link.is_next()).map(|link| &*link.target);
    let written: Vec<_> = links.iter().map(Link::write).collect();
    assert_eq!(next([&*written.join(", ")]), expected, "{written:?}");
    assert_eq!(next(written.iter().map(|line| &**line)), expected, "{written:?}");
}

/// What a line of the input makes of a link: `target;relation;title`.
struct Link {
    target: String,
    relation: String,
    title: String,
}

impl Link {
    fn of(line: &str) -> Self {
        let mut parts = line.splitn(3, ';').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        let (target, relation, title) = (part(), part(), part());
        Self { target: target.replace(['<', '>'], ""), relation, title }
    }

    fn is_next(&self) -> bool {
        let mut relations = self.relation.split(|c: char| c.is_ascii_whitespace());
        relations.any(|relation| relation.eq_ignore_ascii_case("next"))
    }

    /// The title stands first where the relation is of even length.
    fn write(&self) -> String {
        let (relation, title) = (quoted(&self.relation), quoted(&self.title));
        match self.relation.len() % 2 {
            0 => format!("<{}>; title={title}; rel={relation}", self.target),
            _ => format!("<{}>;rel = {relation} ;title={title};flag", self.target),
        }
    }
}

/// A quoted string, with the two characters escaped that have to be.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
