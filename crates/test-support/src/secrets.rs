//! Knows a secret in whatever dress it comes.

use std::collections::{HashMap, HashSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use openssl::pkey::{Id, PKey, Private};

/// What must not show. A secret counts as shown when any [`WINDOW`](Self::WINDOW) bytes of it
/// do: plain, URL-encoded, in Base64 at any alignment, in hex, or as a list of numbers.
#[derive(Default)]
pub struct Secrets {
    names: Vec<String>,
    windows: HashSet<Vec<u8>>,
    /// The dresses of all windows, by their first bytes, each with the index of its name.
    dresses: HashMap<u64, Vec<(Vec<u8>, usize)>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Less than this of a secret is of no use, and may stand in a text by chance.
    pub const WINDOW: usize = 12;

    /// Adds a secret of at least that length.
    pub fn add(&mut self, name: &str, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        assert!(secret.len() >= Self::WINDOW, "{name} is too short to be told from chance");
        self.names.push(name.to_owned());
        for window in secret.windows(Self::WINDOW) {
            // What JWTs have in common is not dressed again for each.
            if !self.windows.insert(window.to_vec()) {
                continue;
            }
            for dress in dresses(window) {
                self.dresses.entry(head(&dress)).or_default().push((dress, self.names.len() - 1));
            }
        }
    }

    /// Adds what is secret in a JWT: everything but its header, which names algorithm and key.
    pub fn add_jwt(&mut self, name: &str, jwt: &str) {
        let (_, secret) = jwt.split_once('.').unwrap();
        for (part, text) in ["payload", "signature"].into_iter().zip(secret.split('.')) {
            self.add(&format!("{part} of {name}"), text);
        }
    }

    /// Adds the private numbers of a key: they and their Base64 are what is secret in every
    /// notation of it (PEM, DER, JWK).
    pub fn add_key(&mut self, name: &str, key: &PKey<Private>) {
        if key.id() == Id::EC {
            return self.add_number(name, &key.ec_key().unwrap().private_key().to_vec());
        }
        let rsa = key.rsa().unwrap();
        let numbers = [Some(rsa.d()), rsa.p(), rsa.q(), rsa.dmp1(), rsa.dmq1(), rsa.iqmp()];
        for (number, member) in numbers.into_iter().zip(["d", "p", "q", "dp", "dq", "qi"]) {
            self.add_number(&format!("{member} of {name}"), &number.unwrap().to_vec());
        }
    }

    fn add_number(&mut self, name: &str, number: &[u8]) {
        self.add(name, number);
        // The text of a notation may be dressed again: a PEM file as numbers, say.
        for start in 0..3 {
            let whole = number.len() - (number.len() - start) % 3;
            self.add(name, STANDARD.encode(&number[start..whole]));
        }
    }

    /// The name of a secret of which something stands in `text`, with the place.
    pub fn find(&self, text: &str) -> Option<String> {
        let bytes = text.as_bytes();
        for at in 0..bytes.len().saturating_sub(HEAD) {
            let Some(dresses) = self.dresses.get(&head(&bytes[at..])) else { continue };
            if let Some((_, name)) = dresses.iter().find(|(d, _)| bytes[at..].starts_with(d)) {
                let around = &bytes[at.saturating_sub(80)..bytes.len().min(at + 80)];
                let around = String::from_utf8_lossy(around);
                return Some(format!("{} in …{around}…", self.names[*name]));
            }
        }
        None
    }

    /// Panics if anything of any secret stands in `text`.
    #[track_caller]
    pub fn assert_absent(&self, case: &str, text: &str) {
        assert!(!self.names.is_empty(), "{case}: nothing to look for");
        if let Some(found) = self.find(text) {
            panic!("{case}: shows the {found}");
        }
    }
}

/// By so many first bytes, dresses are looked up.
const HEAD: usize = size_of::<u64>();

fn head(text: &[u8]) -> u64 {
    u64::from_ne_bytes(*text.first_chunk().unwrap())
}

/// What a secret may look like in a text.
fn dresses(window: &[u8]) -> Vec<Vec<u8>> {
    let hex = window.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let numbers = window.iter().map(u8::to_string).collect::<Vec<_>>();
    let percent = |digits: &dyn Fn(&u8) -> String| window.iter().map(digits).collect::<String>();
    let needed = |b: &u8, code: String| match b.is_ascii_alphanumeric() {
        true => char::from(*b).to_string(),
        false => code,
    };
    let mut texts = vec![
        percent(&|b| match b {
            b' ' => "+".to_owned(),
            b'*' | b'-' | b'.' | b'_' => char::from(*b).to_string(),
            b => needed(b, format!("%{b:02X}")),
        }),
        percent(&|b| needed(b, format!("%{b:02x}"))),
        percent(&|b| needed(b, format!("%{b:02X}"))),
        percent(&|b| format!("%{b:02x}")),
        percent(&|b| format!("%{b:02X}")),
        STANDARD.encode(window),
        URL_SAFE.encode(window),
        hex.to_ascii_uppercase(),
        hex,
        numbers.join(", "),
        numbers.join(","),
    ];
    texts.sort();
    texts.dedup();
    let mut dresses: Vec<_> = texts.into_iter().map(String::into_bytes).collect();
    dresses.push(window.to_vec());
    dresses
}
