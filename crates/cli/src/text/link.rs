//! The `Link` header ([RFC 8288 §3](https://www.rfc-editor.org/rfc/rfc8288#section-3)).

/// The target of the first link whose relation is `next`.
pub(crate) fn next<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    values.into_iter().find_map(next_in)
}

/// One header line may hold several links, and a target may contain commas.
fn next_in(mut line: &str) -> Option<&str> {
    loop {
        let (target, rest) = line.split_once('<')?.1.split_once('>')?;
        let end = end_of_link(rest);
        if rest[..end].split(';').any(is_next) {
            return Some(target);
        }
        line = &rest[end..];
    }
}

/// Where the parameters of a link end: at the first comma that is not quoted.
fn end_of_link(parameters: &str) -> usize {
    let mut quoted = false;
    let ends = |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    };
    parameters.find(ends).unwrap_or(parameters.len())
}

/// A parameter `rel` may name several relations.
fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel")
        && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_wherever_it_stands() {
        for (name, lines, target) in [
            ("nothing", &[][..], None),
            ("only self", &[r#"<https://a/x>; rel="self""#], None),
            (
                "own lines",
                &[r#"<https://a/x>; rel="self""#, r#"<https://a/y>; rel="next""#],
                Some("https://a/y"),
            ),
            (
                "one line",
                &[r#"<https://a/x>; rel="self", <https://a/y?b=1,2>; rel="next""#],
                Some("https://a/y?b=1,2"),
            ),
            ("without quotes", &["<https://a/y>; rel=next"], Some("https://a/y")),
            (
                "several relations",
                &[r#"<https://a/y>; title="a, b"; rel="last next""#],
                Some("https://a/y"),
            ),
            ("another's name", &[r#"<https://a/y>; rel="nextish""#], None),
            ("another parameter", &[r#"<https://a/y>; title="next""#], None),
            ("cut off", &["<https://a/y; rel=next"], None),
            ("capitals", &["<https://a/y>; REL=Next"], Some("https://a/y")),
        ] {
            assert_eq!(next(lines.iter().copied()), target, "{name}");
        }
    }
}
