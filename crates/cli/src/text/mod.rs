//! Notations: text that is safe to show, values for people, JSON. No input, no output.

pub(crate) mod advice;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod terminal;
pub(crate) mod wrap;

pub(crate) use okta_introspect_settings::text::{
    BYTE_ORDER_MARK, is_utf_16, path, setting, with_causes,
};

/// The text on one line, without terminal controls: messages quote text of others.
pub(crate) fn one_line(text: &str) -> String {
    let visible: String =
        text.chars().map(|c| if terminal::is_active(c) { ' ' } else { c }).collect();
    visible.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_without_terminal_controls() {
        assert_eq!(one_line("two\r\nlines \u{1b}[31mred\u{9b}0m"), "two lines [31mred 0m");
        assert_eq!(one_line("user\u{202e}nimda\u{2066}"), "user nimda");
    }
}
