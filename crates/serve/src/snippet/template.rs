//! Texts with places to fill in. A place is `@NAME@`, in capitals; one that is a line of its own takes a block.

/// Fills in each place; a line whose place is filled with nothing goes.
pub(super) fn fill(template: &str, places: &[(&str, String)]) -> String {
    let mut text = String::new();
    for line in template.lines() {
        let own = places.iter().find(|(name, _)| line.trim() == format!("@{name}@"));
        match own {
            Some((_, block)) => {
                let indent = line.get(..line.len() - line.trim_start().len()).unwrap_or_default();
                let indented = |line: &str| format!("{indent}{line}").trim_end().to_owned() + "\n";
                block.lines().for_each(|line| text += &indented(line));
            }
            None => {
                let filled = places.iter().fold(line.to_owned(), |line, (name, value)| {
                    line.replace(&format!("@{name}@"), value)
                });
                text += &filled;
                text.push('\n');
            }
        }
    }
    text
}

/// A line for each item.
pub(super) fn lines<T>(items: impl IntoIterator<Item = T>, line: impl Fn(T) -> String) -> String {
    items.into_iter().map(|item| line(item) + "\n").collect()
}
