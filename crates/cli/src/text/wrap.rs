//! Long lines on a terminal.

use anstream::adapter::strip_str;

/// The text with line breaks in place of blanks, so that no line is longer than `width`; lines after
/// the first are indented. A word that is longer than a line stays whole: it can be copied.
pub(crate) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    // Where names take most of the room, the rest may begin further left.
    let indent = indent.min(width / 2);
    let mut words = text.split(' ');
    let mut lines = words.next().unwrap_or_default().to_owned();
    let mut column = columns(&lines);
    for word in words {
        let length = columns(word);
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

/// Lines for people, each broken as by [`wrapped`]: what goes on hangs below the beginning of its
/// value, which two blanks or more stand before, or is indented a little further than its line.
pub(crate) fn page(text: &str, width: usize) -> String {
    let lines = text.split('\n').map(|line| wrapped(line, width, hanging(line)));
    lines.collect::<Vec<_>>().join("\n")
}

fn hanging(line: &str) -> usize {
    let line = strip_str(line).to_string();
    let leading = line.chars().take_while(|c| *c == ' ').count();
    let Some((name, rest)) = line.trim_start().split_once("  ") else { return leading + 2 };
    let gap = rest.chars().take_while(|c| *c == ' ').count() + 2;
    leading + name.chars().count() + gap
}

/// How many columns a word takes, without its colours.
fn columns(word: &str) -> usize {
    match word.contains('\u{1b}') {
        true => strip_str(word).to_string().chars().count(),
        false => word.chars().count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_on_below_their_beginning() {
        for (text, expected) in [
            ("ok\n  sub  a bb cc dd", "ok\n  sub  a bb cc\n       dd"),
            ("   n: aa bbbb ccc", "   n: aa bbbb\n     ccc"),
            ("\u{1b}[1mab\u{1b}[0m  a  bb cc dd e", "\u{1b}[1mab\u{1b}[0m  a  bb cc dd\n    e"),
        ] {
            assert_eq!(page(text, 15), expected);
        }
    }

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
