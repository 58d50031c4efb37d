//! The `Link` header ([RFC 8288 §3](https://www.rfc-editor.org/rfc/rfc8288#section-3)).

/// The target of the first link whose relation is `next`.
pub(super) fn next<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    lines.into_iter().find_map(next_in)
}

/// One line may hold several links; a target may contain commas, and a quoted text anything.
fn next_in(mut line: &str) -> Option<&str> {
    loop {
        let (target, rest) = line.split_once('<')?.1.split_once('>')?;
        let (parameters, rest) = rest.split_at(end(rest, ','));
        if relations(parameters).any(|relation| relation.eq_ignore_ascii_case("next")) {
            return Some(target);
        }
        line = rest;
    }
}

/// What the first `rel` of a link says; others are ignored (RFC 8288 §3.3).
fn relations(mut parameters: &str) -> impl Iterator<Item = &str> {
    let mut found = "";
    while let Some(start) = parameters.find(';') {
        parameters = &parameters[start + 1..];
        let parameter = &parameters[..end(parameters, ';')];
        parameters = &parameters[parameter.len()..];
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            found = value.trim().trim_matches('"');
            break;
        }
    }
    found.split_ascii_whitespace()
}

/// Where a text ends: at the first `separator` that is not quoted.
fn end(text: &str, separator: char) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let ends = |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => return c == separator && !quoted,
        }
        false
    };
    text.find(ends).unwrap_or(text.len())
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
            ("several", &[r#"<https://a/y>; title="a, b"; rel="last next""#], Some("https://a/y")),
            ("capitals", &["<https://a/y>; REL=Next"], Some("https://a/y")),
            ("another's name", &[r#"<https://a/y>; rel="nextish""#], None),
            ("another parameter", &[r#"<https://a/y>; title="next""#], None),
            ("in a title", &[r#"<https://a/y>; rel="prev"; title="x; rel=next""#], None),
            ("in a title before", &[r#"<https://a/y>; title="x; rel=next"; rel="prev""#], None),
            ("behind an escape", &[r#"<https://a/y>; title="\"; rel=next"; rel="prev""#], None),
            ("a second rel", &["<https://a/y>; rel=prev; rel=next"], None),
            ("cut off", &["<https://a/y; rel=next"], None),
        ] {
            assert_eq!(next(lines.iter().copied()), target, "{name}");
        }
    }
}
