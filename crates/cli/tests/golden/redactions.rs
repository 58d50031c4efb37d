//! What is another one in each run.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The first that fits counts, so what is part of something longer comes after it.
const VARYING: [(&str, &str); 28] = [
    ("[TOKEN]", r"eyJ[\w-]+\.[\w-]+\.[\w-]*"),
    ("[REFRESH TOKEN]", r#""refresh_token": ?"(?<part>[\w-]{32})""#),
    ("[HASH]", r"refresh-token-(?<part>[0-9a-f]{16})"),
    ("[COORDINATE]", r#""[xy]": ?"(?<part>[\w-]+)""#),
    ("[ERROR ID]", r#""errorId": ?"(?<part>[\w-]+)""#),
    ("[FOLDER]", r"/[^ ']*/\.tmp\w+"),
    ("[UUID]", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    ("[TOKEN ID]", r"\b(?:AT|ID)\.[\w-]{32}"),
    ("[FINGERPRINT]", r"[A-Za-z0-9+/]{43}="),
    ("[ENTRY]", r"\bpks[A-Za-z0-9]{17}\b"),
    ("[THUMBPRINT]", r"[A-Za-z0-9_-]{43}"),
    ("[TIME]", r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"),
    ("[SECONDS]", r"\b1[789]\d{8}\b"),
    ("(in [SPAN])", r"\(in \d+ \w+\)"),
    ("([SPAN] ago)", r"\((?:\d+ \w+ ago|now)\)"),
    ("in [SPAN])", r"\bin \d+\.\d s\)"),
    ("in [SPAN], request ids [IDS])", r"\bin \d+\.\d s, request ids [\w-]+(?: [\w-]+)*\)"),
    ("[SPAN]", r"\blag (?<part>\d+\.\d s)\b"),
    ("[SPAN]", r"in the log (?<part>\d+\.\d s) later"),
    ("[MILLISECONDS]", r#""lag_ms": ?(?<part>\d+)"#),
    ("[HASH]", r#""hash": ?"(?<part>[A-Za-z0-9+/]{8})…"#),
    ("[SPAN] off", r"\d+\.\d s (?:fast|slow) \(±\d+\.\d s\)"),
    ("[PORT]", r"127\.0\.0\.1:(?<part>\d{2,5})\b"),
    ("[NUMBER]", r"\(os error (?<part>\d+)\)"),
    ("[PROCESS]", r"sandbox-(?<part>\d+)"),
    ("[PROCESS]", r#""pid": (?<part>\d+)"#),
    ("[VERSION]", r"okta-introspect (?<part>\d+\.\d+\.\d+)"),
    ("[VERSION]", r"\nv(?<part>\d+\.\d+\.\d+)\n"),
];

/// The text with names in place of all that. Where a pattern names a `part`, only that is replaced.
pub(crate) fn redacted(text: &str) -> String {
    static PATTERNS: LazyLock<Vec<(&str, Regex)>> =
        LazyLock::new(|| VARYING.map(|(name, it)| (name, Regex::new(it).unwrap())).into());
    let mut text = text.to_owned();
    for (name, pattern) in PATTERNS.iter() {
        let replace = |found: &Captures<'_>| match found.name("part") {
            Some(part) => found[0].replace(part.as_str(), name),
            None => (*name).to_owned(),
        };
        text = pattern.replace_all(&text, replace).into_owned();
    }
    text
}
