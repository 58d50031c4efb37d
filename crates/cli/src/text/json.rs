//! JSON as text: members keep their order, numbers their digits.

/// The text with every member and item on a line of its own. What is not JSON, or is nested deeper
/// than serde_json reads (128 levels), stays as it is: the indentation of a deeper text would be a
/// multiple of its length.
pub(crate) fn indented(json: &str) -> String {
    if serde_json::from_str::<serde_json::Value>(json).is_err() {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut escaped = false;
    let mut opened = false;
    for c in json.chars() {
        if !quoted && c.is_ascii_whitespace() {
            continue;
        }
        let closes = !quoted && matches!(c, '}' | ']');
        depth -= usize::from(closes && depth > 0);
        // An empty list or object stays together.
        if (opened != closes) && (opened || closes) {
            new_line(&mut text, depth);
        }
        text.push(c);
        opened = !quoted && matches!(c, '{' | '[');
        depth += usize::from(opened);
        match c {
            ',' if !quoted => new_line(&mut text, depth),
            ':' if !quoted => text.push(' '),
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    text
}

/// The text on one line. Within strings, JSON has no line breaks.
pub(crate) fn on_one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_white_space_changes() {
        for (json, told) in [
            ("1", "1"),
            (r#""a, {b}: [c]""#, r#""a, {b}: [c]""#),
            (r#""a\"{\\""#, r#""a\"{\\""#),
            ("[]", "[]"),
            ("{ }", "{}"),
            (r#"{"b":1.50,"a":[{},2]}"#, "{\n  \"b\": 1.50,\n  \"a\": [\n    {},\n    2\n  ]\n}"),
        ] {
            assert_eq!(indented(json), told);
            assert_eq!(indented(&indented(json)), told, "once is enough");
        }
    }

    #[test]
    fn what_is_no_json_or_nested_too_deep_stays_as_it_is() {
        let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
        for json in ["[".repeat(2_000), deep(2_000), "<a:b,c>".to_owned()] {
            assert_eq!(indented(&json), json);
        }
        assert!(indented(&deep(100)).lines().count() > 100);
    }

    #[test]
    fn lines_are_joined() {
        assert_eq!(on_one_line("{\r\n \"a\":\n1}"), "{   \"a\": 1}");
    }
}
