//! Where a rule of one host and a rule for every host are both for a request, and a reader of the
//! configuration could not tell which counts.

use std::cmp::Ordering;
use std::iter;

use super::table::{Route, Table};
use super::template::{Segment, Template};
use crate::error::Fault;

/// Text that no pattern has.
const ANY: &str = "~";

/// A host's own patterns come first. Where one of them is less specific than a pattern for every
/// host, it would hide that; then the host has to say what it means by a pattern of its own.
pub(super) fn check_host(host: &str, own: &Table, every_host: &Table) -> Result<(), Fault> {
    let hidden = every_host.routes().iter().filter(|route| !own.has(&route.template));
    for other in hidden {
        for route in own.routes() {
            let Some(path) = common(&route.template, &other.template) else { continue };
            if by_specificity(&other.template, &route.template) != Ordering::Less {
                continue;
            }
            return Err(hidden_rule(host, &path, route, other));
        }
    }
    Ok(())
}

fn hidden_rule(host: &str, path: &str, own: &Route, hidden: &Route) -> Fault {
    let name = |route: &Route| route.first().map(|rule| rule.name.clone()).unwrap_or_default();
    let (own, hidden) = (name(own), name(hidden));
    Fault::new(format!(
        "the rules {own:?} and {hidden:?} are both for {host}{path}: \
         one names the host, and the other the more specific path"
    ))
    .advise(format!("add a rule with host {host} and the path of {hidden:?}"))
}

/// A path that both templates meet, if there is one.
fn common(one: &Template, other: &Template) -> Option<String> {
    let (mut one, mut other) = (one.segments.iter(), other.segments.iter());
    let mut path = String::new();
    loop {
        let text = match (one.next(), other.next()) {
            (None, None) | (Some(Segment::Rest(_)), None) | (None, Some(Segment::Rest(_))) => break,
            (None, Some(_)) | (Some(_), None) => return None,
            (Some(Segment::Rest(_)), Some(segment)) => {
                append(&mut path, iter::once(segment).chain(other));
                break;
            }
            (Some(segment), Some(Segment::Rest(_))) => {
                append(&mut path, iter::once(segment).chain(one));
                break;
            }
            (Some(one), Some(other)) => common_text(one, other)?,
        };
        path.push('/');
        path.push_str(&text);
    }
    Some(if path.is_empty() { "/".into() } else { path })
}

fn append<'a>(path: &mut String, segments: impl Iterator<Item = &'a Segment>) {
    for segment in segments {
        path.push('/');
        path.push_str(&example(segment));
    }
}

/// A text that a segment meets.
fn example(segment: &Segment) -> String {
    match segment {
        Segment::Literal(text) => text.clone(),
        Segment::Parameter(_) | Segment::Rest(_) => ANY.into(),
    }
}

/// A text that both segments meet, neither of which is the rest.
fn common_text(one: &Segment, other: &Segment) -> Option<String> {
    let candidates = [example(one), example(other)];
    candidates.into_iter().find(|text| meets(one, text) && meets(other, text))
}

fn meets(segment: &Segment, text: &str) -> bool {
    match segment {
        Segment::Literal(literal) => literal == text,
        Segment::Parameter(_) | Segment::Rest(_) => true,
    }
}

/// Orders by how specific templates are, the most specific first: by the first segments that
/// differ in that.
fn by_specificity(one: &Template, other: &Template) -> Ordering {
    let mut pairs = one.segments.iter().zip(&other.segments);
    let first = pairs.find_map(|(one, other)| {
        let order = one.by_specificity(other);
        (order != Ordering::Equal).then_some(order)
    });
    // Of two that are the same as far as they go, the longer one has only a rest more.
    first.unwrap_or_else(|| one.segments.len().cmp(&other.segments.len()))
}
