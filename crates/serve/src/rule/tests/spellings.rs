//! No spelling of a path reaches a rule to which what a handler sees does not belong.
//!
//! The readers of a path are written anew here, in the plainest way and without mercy: each of
//! what servers do to a path may be done or left out, in any order.

use std::collections::BTreeSet;

use http::Method;

use super::{HOST, rule};
use crate::path::{Decoding, PathPolicy};
use crate::rule::{Pattern, Rules, RulesBuilder};

const SPELLINGS: usize = 5_000;

/// The patterns, the most specific first. The last one meets whatever is left, so that no reader
/// sees a path without a rule.
const TABLE: [&str; 10] = [
    "/",
    "/admin",
    "/admin/@me",
    "/admin/{id}",
    "/user/me",
    "/user/{id}",
    "/user/{id}/posts",
    "/public/{*rest}",
    "/shop/{version}/admin",
    "/{*rest}",
];

/// Patterns beside these where nothing reads a path raw.
const DECODED: [&str; 2] = ["/caf\u{e9}", "/user/a b"];

#[test]
fn no_spelling_reaches_a_rule_that_its_decoded_form_does_not_belong_to() {
    let spellings = spellings();
    let (mut accepted, mut decoded, mut refused) = (0, 0, 0);
    let cases: Vec<_> = (1..8).flat_map(|set| [(set, false), (set, true)]).map(Case::new).collect();
    for spelling in &spellings {
        let mut seen: [Option<BTreeSet<String>>; 3] = [None, None, None];
        for case in &cases {
            let Ok(canonical) = case.rules.paths().canonical(spelling) else {
                assert!(!is_plain(spelling), "{spelling} is plain, and refused by {case:?}");
                refused += 1;
                continue;
            };
            let expected = case.belongs_to(&canonical);
            let found = case.rules.find(HOST, &Method::GET, &canonical).unwrap();
            assert_eq!(found.name, expected, "{spelling} is {canonical}");
            for (reader, decoding) in case.decodings() {
                let paths = seen[reader].get_or_insert_with(|| read(spelling, decoding));
                for path in paths.iter() {
                    let belongs = case.belongs_to(path);
                    assert_eq!(
                        expected, belongs,
                        "{spelling} is {canonical}, seen as {path:?} by {decoding:?}"
                    );
                }
            }
            accepted += 1;
            decoded += usize::from(canonical.to_lowercase() != spelling.to_lowercase());
        }
    }
    let all = spellings.len() * cases.len();
    assert_eq!(spellings.len(), SPELLINGS);
    assert!(
        accepted > all / 10 && refused > all / 2,
        "{accepted} of {all} accepted, {refused} refused"
    );
    assert!(decoded > all / 100, "{decoded} of {all} were decoded");
}

/// One set of declared decodings, with case or without.
#[derive(Debug)]
struct Case {
    set: usize,
    case_insensitive: bool,
    table: Vec<&'static str>,
    rules: Rules,
}

const DECODINGS: [Decoding; 3] = [Decoding::Raw, Decoding::Once, Decoding::Twice];

impl Case {
    fn new((set, case_insensitive): (usize, bool)) -> Self {
        let declared: Vec<_> =
            (0..3).filter(|at| set >> at & 1 == 1).map(|at| DECODINGS[at]).collect();
        let mut paths = PathPolicy::new(&declared);
        let mut table = TABLE.to_vec();
        if case_insensitive {
            paths = paths.case_insensitive();
        } else if !declared.contains(&Decoding::Raw) {
            table.splice(1..1, DECODED);
        }
        let mut builder: RulesBuilder = Rules::builder().paths(paths);
        for text in &table {
            builder.add(Pattern::new(*text), rule("")).unwrap();
        }
        Self { set, case_insensitive, table, rules: builder.build().unwrap() }
    }

    fn decodings(&self) -> impl Iterator<Item = (usize, Decoding)> {
        (0..3).filter(|at| self.set >> at & 1 == 1).map(|at| (at, DECODINGS[at]))
    }

    /// The pattern to which a path belongs as a handler sees it.
    fn belongs_to(&self, path: &str) -> &'static str {
        let mut path = path.to_owned();
        if self.case_insensitive {
            // As file systems of Windows do.
            let segments: Vec<_> =
                path.split('/').map(|s| s.trim_end_matches(['.', ' '])).collect();
            path = segments.join("/").to_uppercase().to_lowercase();
        }
        let path: Vec<_> = path.strip_suffix('/').unwrap_or(&path).split('/').skip(1).collect();
        self.table.iter().find(|pattern| meets(pattern, &path)).unwrap()
    }
}

/// Whether a path belongs to a pattern: segment by segment.
fn meets(pattern: &str, path: &[&str]) -> bool {
    let pattern: Vec<_> =
        pattern.split('/').skip(1).filter(|segment| !segment.is_empty()).collect();
    let pairs = pattern.iter().zip(path);
    match pattern.last() {
        Some(&"{*rest}") => {
            pairs.take(pattern.len() - 1).all(|(a, b)| a == b) && path.len() + 1 >= pattern.len()
        }
        _ => {
            pattern.len() == path.len()
                && pairs.into_iter().all(|(segment, text)| match segment.starts_with('{') {
                    true => !text.is_empty(),
                    false => segment == text,
                })
        }
    }
}

/// A path that every reader sees alike: segments of letters, digits and dashes.
fn is_plain(path: &str) -> bool {
    let is_segment = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    path.strip_prefix('/').is_some_and(|path| path.split('/').all(is_segment))
}

/// All that readers of one kind may see.
fn read(path: &str, decoding: Decoding) -> BTreeSet<String> {
    let times = match decoding {
        Decoding::Raw => return [path.to_owned()].into(),
        Decoding::Once => 1,
        Decoding::Twice => 2,
    };
    let mut seen: BTreeSet<Vec<u8>> = [path.as_bytes().to_vec()].into();
    for _ in 0..times {
        seen = seen
            .iter()
            .flat_map(|path| orders().map(|order| in_order(path.clone(), &order)))
            .collect();
    }
    seen.into_iter().map(|path| String::from_utf8_lossy(&path).into_owned()).collect()
}

fn in_order(path: Vec<u8>, order: &[Step]) -> Vec<u8> {
    order.iter().fold(path, |path, step| step(&path))
}

type Step = fn(&[u8]) -> Vec<u8>;

/// Decoding and any of the other steps, in any order.
fn orders() -> impl Iterator<Item = Vec<Step>> {
    const STEPS: [Step; 6] =
        [merged, without_dots, without_parameters, with_slashes, narrowed, cut_off];
    (0..1 << STEPS.len()).flat_map(|set| {
        let chosen: Vec<Step> =
            (0..STEPS.len()).filter(|at| set >> at & 1 == 1).map(|at| STEPS[at]).collect();
        let reversed: Vec<Step> = chosen.iter().rev().copied().collect();
        [chosen, reversed].into_iter().flat_map(|steps| {
            (0..=steps.len()).map(move |at| {
                let mut order = steps.clone();
                order.insert(at, percent_decoded);
                order
            })
        })
    })
}

fn percent_decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < path.len() {
        let escape = path.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match escape
            .filter(|_| path[at] == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
        {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(path[at]);
                at += 1;
            }
        }
    }
    out
}

fn merged(path: &[u8]) -> Vec<u8> {
    let mut out = path.to_vec();
    out.dedup_by(|a, b| *a == b'/' && *b == b'/');
    out
}

fn without_dots(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/').skip(1) {
        match segment {
            b"." => {}
            b".." => drop(out.pop()),
            other => out.push(other),
        }
    }
    [b"/", &*out.join(&b'/')].concat()
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let segments = path.split(|byte| *byte == b'/');
    let cut: Vec<_> =
        segments.map(|segment| segment.split(|byte| *byte == b';').next().unwrap()).collect();
    cut.join(&b'/')
}

fn with_slashes(path: &[u8]) -> Vec<u8> {
    path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect()
}

/// Reads overlong forms of two bytes, as old decoders did.
fn narrowed(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for byte in path {
        match out.last() {
            Some(lead @ (0xc0 | 0xc1)) if byte & 0xc0 == 0x80 => {
                let narrow = (lead & 1) << 6 | byte & 0x3f;
                out.pop();
                out.push(narrow);
            }
            _ => out.push(*byte),
        }
    }
    out
}

/// Ends at a NUL, as C does, or where a query or fragment would begin.
fn cut_off(path: &[u8]) -> Vec<u8> {
    path.split(|byte| matches!(byte, 0 | b'?' | b'#')).next().unwrap().to_vec()
}

/// Spellings of paths around the table, the same in each run.
fn spellings() -> Vec<String> {
    let mut random = Random(0x5eed_0000_0001);
    let mut spellings = BTreeSet::new();
    while spellings.len() < SPELLINGS {
        let mut path = random.of(&BASES).to_string();
        for _ in 0..random.below(4) {
            path = random.altered(&path);
        }
        spellings.insert(path);
    }
    spellings.into_iter().collect()
}

const BASES: [&str; 16] = [
    "/",
    "/admin",
    "/admin/7",
    "/admin/@me",
    "/user/me",
    "/user/ada",
    "/user/ada/posts",
    "/public",
    "/public/a/b",
    "/public/site.css",
    "/shop/v1/admin",
    "/shop/v2/other",
    "/user/a%20b",
    "/caf%C3%A9",
    "/user/ada%40acme.example",
    "/x/y/z",
];

/// What is put before, into or after a path.
const PIECES: [&str; 56] = [
    "/",
    "//",
    "/./",
    "/../",
    "/..",
    "/.",
    ".",
    "..",
    "...",
    "%2e",
    "%2E%2e",
    "/%2e%2e/",
    ".%2e/",
    "%252e%252e/",
    "%2f",
    "%2F",
    "%252f",
    "%5c",
    "%5C",
    "\\",
    "%255c",
    "/..;/",
    ";",
    ";x",
    ";x=1",
    "%3b",
    "%3Bx",
    "%253b",
    "%00",
    "%2500",
    "%01",
    "%7f",
    "%c2%85",
    "%c0%af",
    "%c0%ae",
    "%e0%80%af",
    "%ef%bc%8f",
    "%ef%bc%8e",
    "\u{ff0f}",
    "\u{e9}",
    "%C3%A9",
    "%ff",
    "%",
    "%zz",
    "%u002f",
    "%25",
    "%2541",
    "?",
    "?x=/admin",
    "#",
    "%3f",
    "%23",
    "%20",
    "%40",
    "%2B",
    "+",
];

/// A generator that gives the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn of(&mut self, texts: &[&'static str]) -> &'static str {
        texts[self.below(texts.len())]
    }

    /// A path with one thing changed.
    fn altered(&mut self, path: &str) -> String {
        let places: Vec<_> = path.char_indices().map(|(at, _)| at).chain([path.len()]).collect();
        let place = places[self.below(places.len())];
        let (before, after) = path.split_at(place);
        let mut rest = after.chars();
        let next = rest.next().map(String::from).unwrap_or_default();
        let rest = rest.as_str();
        match self.below(10) {
            0..=3 => format!("{before}{}{after}", self.of(&PIECES)),
            4 => format!("{before}{}{rest}", self.of(&PIECES)),
            5 => format!("{before}{}{rest}", encoded(&next, "%")),
            6 => format!("{before}{}{rest}", encoded(&next, "%").to_lowercase()),
            7 => format!("{before}{}{rest}", encoded(&next, "%25")),
            8 => format!("{before}{}{rest}", next.to_uppercase()),
            _ => format!(
                "/public/{}{}",
                self.of(&["../", "%2e%2e/", "..%2f", "..;/", "./", "", "%2e/"]),
                path.strip_prefix('/').unwrap_or(path)
            ),
        }
    }
}

fn encoded(text: &str, percent: &str) -> String {
    text.bytes().map(|byte| format!("{percent}{byte:02X}")).collect()
}
