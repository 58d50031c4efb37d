//! The `Link` header ([RFC 8288 §3](https://www.rfc-editor.org/rfc/rfc8288#section-3)).

use crate::support::quoted;

/// The target of the first link whose relation is `next`.
pub(crate) fn next<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    values.into_iter().find_map(next_in)
}

/// One header line may hold several links, and a target may contain commas. A link that cannot be
/// read does not hide the one behind it: the list would end there without a word.
fn next_in(mut line: &str) -> Option<&str> {
    loop {
        let (target, parameters) = line.split_once('<')?.1.split_once('>')?;
        line = match read_parameters(parameters) {
            Some((true, _)) => return Some(target),
            Some((false, behind)) => behind,
            None => parameters,
        };
    }
}

/// Reads the parameters of a link. Returns whether its relation is `next`, and what is behind the
/// link; `None` if they cannot be read.
fn read_parameters(mut rest: &str) -> Option<(bool, &str)> {
    let mut relation = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if rest.is_empty() || rest.starts_with(',') {
            return Some((relation.is_some_and(|relation: String| is_next(&relation)), rest));
        }
        rest = rest.strip_prefix(';')?.trim_start_matches([' ', '\t']);
        let end = rest.find(['=', ';', ',']).unwrap_or(rest.len());
        let name = rest[..end].trim_end();
        rest = &rest[end..];
        let Some(value) = rest.strip_prefix('=') else { continue };
        let value = value.trim_start_matches([' ', '\t']);
        let (value, behind) = quoted::value(value, &[';', ','])?;
        rest = behind;
        // The first one counts (§3.3).
        if name.eq_ignore_ascii_case("rel") {
            relation.get_or_insert(value);
        }
    }
}

/// A relation may be several.
fn is_next(relation: &str) -> bool {
    relation.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
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
