//! Long lines on a terminal.

/// The text with line breaks in place of blanks, so that no line is longer than `width`; lines after
/// the first are indented. A word that is longer than a line stays whole: it can be copied.
pub(crate) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    // Where names take most of the room, the rest may begin further left.
    let indent = indent.min(width / 2);
    let mut words = text.split(' ');
    let mut lines = words.next().unwrap_or_default().to_owned();
    let mut column = lines.chars().count();
    for word in words {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            column = indent + length;
        } else {
            lines.push(' ');
            column += 1 + length;
        }
        lines.push_str(word);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_blanks_and_hang_below_their_beginning() {
        for (text, expected) in [
            ("ok  a b c", "ok  a b c"),
            ("ok  aa bb cc", "ok  aa bb\n    cc"),
            ("ok  aaaaaaaaaaaa b", "ok  aaaaaaaaaaaa\n    b"),
            ("    a bb cc", "    a bb\n    cc"),
            ("", ""),
        ] {
            assert_eq!(wrapped(text, 9, 4), expected, "{text}");
        }
        assert_eq!(wrapped("abcdef gh i", 6, 40), "abcdef\n   gh\n   i");
    }
}
