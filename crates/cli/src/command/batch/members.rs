//! The members of a line in JSON: which of them is the token, and which must not be repeated.

use std::collections::HashSet;
use std::fmt;

use okta_introspect::TokenTypeHint;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// What stands in the output in place of a secret.
const MASK: &str = "[masked]";

/// The members that may be the token, the best first, and what kind of token they are.
const TOKENS: [(&str, Option<TokenTypeHint>); 5] = [
    ("token", None),
    ("accesstoken", None),
    ("refreshtoken", Some(TokenTypeHint::RefreshToken)),
    ("idtoken", Some(TokenTypeHint::IdToken)),
    ("devicesecret", Some(TokenTypeHint::DeviceSecret)),
];

/// What the names of secrets contain.
const SECRET_NAMES: [&str; 14] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "assertion",
    "authorization",
    "credential",
    "apikey",
    "privatekey",
    "cookie",
    "bearer",
    "jwt",
    "ssws",
];

/// What the names of harmless members contain all the same.
const PLAIN_NAMES: [&str; 2] = ["tokentype", "tokentypehint"];

/// Words as long as this with letters and digits mixed are taken for secrets; Okta's ids have 20
/// characters, and its opaque tokens 42 or more.
const LONG_WORD: usize = 32;

/// So many characters of the token itself are no coincidence.
const PART: usize = 8;

/// The members that hold an access token.
const ACCESS_TOKENS: [&str; 2] = ["token", "accesstoken"];

/// The members of an object as they are written: a map would keep the last of two.
pub(super) struct Written(Vec<(String, Value)>);

impl Written {
    /// Why it is not clear what is asked about.
    pub(super) fn ambiguity(&self) -> Option<String> {
        let mut seen = HashSet::new();
        if let Some((name, _)) = self.0.iter().find(|(name, _)| !seen.insert(name)) {
            let is_token = TOKENS.iter().any(|(known, _)| plain(name) == *known);
            // Another name may be anything, a token too.
            let name = if is_token { format!("`{name}`") } else { "a member".to_owned() };
            return Some(format!("{name} is there twice"));
        }
        let is_access = |name: &str| ACCESS_TOKENS.contains(&plain(name).as_str());
        let mut tokens = self.0.iter().filter(|(name, it)| it.is_string() && is_access(name));
        let (name, token) = tokens.next()?;
        let (other, _) = tokens.find(|(_, other)| other != token)?;
        Some(format!("`{name}` and `{other}` differ"))
    }

    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Written(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Takes the token out of the members.
pub(super) fn take_token(
    members: &mut Map<String, Value>,
) -> Option<(String, Option<TokenTypeHint>)> {
    let (name, kind) = TOKENS.iter().find_map(|(known, kind)| {
        let mut members = members.iter();
        let (name, _) = members.find(|(name, value)| plain(name) == *known && value.is_string())?;
        Some((name.clone(), *kind))
    })?;
    match members.remove(&name) {
        Some(Value::String(text)) => Some((text, kind)),
        _ => None,
    }
}

/// Masks what is named like a secret, looks like one, or repeats the token.
pub(super) fn mask(members: &mut Map<String, Value>, token: Option<&str>) {
    let masked = std::mem::take(members).into_iter().map(|(name, mut value)| {
        let is_secret = is_secret_name(&name);
        mask_value(&mut value, is_secret, token);
        (if is_secret_text(&name, token) { MASK.to_owned() } else { name }, value)
    });
    *members = masked.collect();
}

/// Numbers, true, false and null are no secrets.
fn mask_value(value: &mut Value, is_secret: bool, token: Option<&str>) {
    match value {
        Value::String(text) if is_secret || is_secret_text(text, token) => {
            MASK.clone_into(text);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| mask_value(item, is_secret, token));
        }
        Value::Object(_) if is_secret => *value = MASK.into(),
        Value::Object(members) => mask(members, token),
        _ => {}
    }
}

/// A name without what its writers do differently.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn is_secret_name(name: &str) -> bool {
    let name = plain(name);
    !PLAIN_NAMES.contains(&name.as_str()) && SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Whether a part of the text is a secret, whatever stands around it.
fn is_secret_text(text: &str, token: Option<&str>) -> bool {
    let token = token.map(str::trim).filter(|token| !token.is_empty());
    if token.is_some_and(|token| text == token || token.len() >= PART && text.contains(token)) {
        return true;
    }
    // Standard Base64 has slashes, and so have URLs and paths.
    let is_path = text.contains("://") || text.starts_with('/');
    let is_of_word =
        |c: char| c.is_ascii_alphanumeric() || "-_+~".contains(c) || (c == '/' && !is_path);
    text.split(|c: char| !is_of_word(c)).any(is_secret_word)
}

/// A part of a JWT, or a long word in which letters and digits are mixed and which is no UUID.
fn is_secret_word(word: &str) -> bool {
    // A JSON object in Base64 begins so.
    if word.len() >= PART && word.contains("eyJ") {
        return true;
    }
    let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    word.len() >= LONG_WORD
        && has(u8::is_ascii_alphabetic)
        && has(u8::is_ascii_digit)
        && !is_uuid(word)
}

fn is_uuid(word: &str) -> bool {
    let parts: Vec<_> = word.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzM2NyZXQifQ.c2lnbmF0dXJl";
    const OPAQUE: &str = "zDfsxCWXNo0QE4MtMZ2TM1je2Ofkgis47rizYbbW2Bk";

    fn masked(mut line: Value, token: Option<&str>) -> Value {
        mask(line.as_object_mut().unwrap(), token);
        line
    }

    #[test]
    fn no_shape_of_a_line_lets_a_token_through() {
        let wrapped = [
            |secret: &str| json!(secret),
            |secret: &str| json!([secret]),
            |secret: &str| json!({"deep": [{"er": secret}]}),
            |secret: &str| json!(format!("Bearer {secret}")),
            |secret: &str| json!(format!("https://a.example/cb#x={secret}&y=1")),
            |secret: &str| json!({secret: 1}),
            |secret: &str| json!(format!("{{\"access_token\":\"{secret}\"}}")),
            |secret: &str| json!(format!("x;{secret};")),
        ];
        let names =
            ["t", "x", "data", "note", "access_token", "idToken", "REFRESH-TOKEN", "Authorization"];
        for secret in [JWT, OPAQUE, "0123456789abcdef0123456789abcdef"] {
            for wrap in wrapped {
                for name in names {
                    let told = masked(json!({name: wrap(secret)}), None).to_string();
                    assert!(!told.contains(&secret[..16]), "{name}: {told}");
                }
                let told = masked(json!({"x": wrap("s3cret-0-token")}), Some("s3cret-0-token"));
                assert!(!told.to_string().contains("s3cret-0"), "{told}");
            }
        }
        // Short, but named like one.
        for name in ["token", "password", "client_secret", "accessToken", "user.token", "x-api-key"]
        {
            let told = masked(json!({name: {"value": ["s3c"]}}), None).to_string();
            assert!(!told.contains("s3c\""), "{name}: {told}");
        }
        assert!(!masked(json!({"n": "t7"}), Some("t7")).to_string().contains("t7"));
    }

    #[test]
    fn what_people_join_on_is_kept() {
        for line in [
            json!({"user": {"id": "00u1a2b3c4d5e6f7g8h9", "login": "ada.lovelace@acme.example"}}),
            json!({"request": "0d5f9c1e-8f0e-4b43-9f57-2a9b9a3a8f10", "n": 7, "ok": true, "none": null}),
            json!({"token_type": "Bearer", "expires_in": 3600, "scope": "okta.users.read okta.apps.read"}),
            json!({"url": "https://acme.okta.com/oauth2/default/v1/clients/0oa1b2c3d4e5f6g7h8i9", "at": "2026-11-30T10:15:30.000Z"}),
            json!({"note": "issued on the second floor, room 2, by the night shift of the day"}),
        ] {
            assert_eq!(masked(line.clone(), Some("t7")), line);
        }
    }
}
