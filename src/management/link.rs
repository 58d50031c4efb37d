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

    const Y: Option<&str> = Some("https://a/y");

    #[test]
    fn the_next_link_is_found_wherever_it_stands() {
        for (name, lines, target) in [
            ("nothing", &[][..], None),
            ("an empty line", &[""], None),
            ("only self", &[r#"<https://a/x>; rel="self""#], None),
            ("own lines", &[r#"<https://a/x>; rel="self""#, r#"<https://a/y>; rel="next""#], Y),
            (
                "one line",
                &[r#"<https://a/x>; rel="self", <https://a/y?b=1,2>; rel="next""#],
                Some("https://a/y?b=1,2"),
            ),
            ("without quotes", &["<https://a/y>; rel=next"], Y),
            ("several relations", &[r#"<https://a/y>; title="a, b"; rel="last next""#], Y),
            ("another's name", &[r#"<https://a/y>; rel="nextish""#], None),
            ("another parameter", &[r#"<https://a/y>; title="next""#], None),
            ("cut off", &["<https://a/y; rel=next"], None),
            ("capitals", &["<https://a/y>; REL=Next"], Y),
            ("blanks", &["  <https://a/y>\t;\trel =\t\"next\" "], Y),
            ("empty links", &[r#", ,<https://a/y>;rel="next","#], Y),
            ("a semicolon in quotes", &[r#"<https://a/x>; rel="prev"; title="x; rel=next""#], None),
            ("quotes in quotes", &[r#"<https://a/x>; title="\"; rel=next; x=\""; rel=prev"#], None),
            (
                "a backslash at the end",
                &[r#"<https://a/x>; title="\\"; rel=next"#],
                Some("https://a/x"),
            ),
            (
                "a link in quotes",
                &[r#"<https://a/x>; title=", <https://e/>; rel=next"; rel=self"#],
                None,
            ),
            ("an open string", &[r#"<https://a/x>; title="; rel=next"#], None),
            ("two relations", &["<https://a/x>; rel=prev; rel=next"], None),
            ("a parameter without value", &["<https://a/y>; crossorigin; rel=next"], Y),
            ("an apostrophe", &["<https://a/y>; title='a; rel=next"], Y),
            // What stands wrongly in one link does not hide the next one: the list would end there.
            ("broken between", &["<https://a/x> rel=self, <https://a/y>; rel=next"], Y),
        ] {
            assert_eq!(next(lines.iter().copied()), target, "{name}");
        }
    }

    /// Every line that can be written from these parts is read as it was written.
    #[test]
    fn what_is_written_is_read() {
        let values = [
            "next",
            "prev",
            "x; rel=next",
            "a, <https://e/>; rel=next",
            "\"",
            "\\",
            "\\\"",
            "é",
            "",
        ];
        let written = |value: &str| {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{escaped}\"")
        };
        for title in values {
            for before in ["", "x=1; ", "flag; "] {
                for (relation, is_next) in [("next", true), ("self next", true), ("prev", false)] {
                    for gap in ["", " ", "\t "] {
                        let title = written(title);
                        let link = |target: &str, relation: &str| {
                            format!(
                                "<{target}>;{gap}{before}title={title};{gap}rel=\"{relation}\"{gap}"
                            )
                        };
                        let line = link("https://a/y", relation);
                        assert_eq!(next([line.as_str()]), Y.filter(|_| is_next), "{line}");
                        let two = format!("{},{gap}{}", link("https://a/x", "self"), line);
                        assert_eq!(next([two.as_str()]), Y.filter(|_| is_next), "{two}");
                    }
                }
            }
        }
    }

    /// Whatever a server sends, it is read without a panic, and no target is made up.
    #[test]
    fn any_text_is_read() {
        let line = r#"<https://a/x>; title="é\"; rel=next", <https://a/y>; rel="next""#;
        for (at, _) in line.char_indices() {
            for part in [&line[..at], &line[at..]] {
                assert!(next([part]).is_none_or(|target| part.contains(target)), "{part}");
            }
        }
    }
}
