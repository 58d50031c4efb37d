//! Subject identifiers ([RFC 9493](https://www.rfc-editor.org/rfc/rfc9493)), as far as they name a
//! user.

use serde_json::{Map, Value};

use super::refusal::SignalRefusal;
use super::signal::Subject;

/// The longest name of a user, in bytes. Okta's logins have 100 characters at most.
const MAX_NAME: usize = 1024;

/// Reads an identifier of the format `email`, `iss_sub` or `opaque`; or of the complex kind, whose
/// `user` is one of these: what else it names would only narrow it down.
pub(super) fn user(identifier: &Value) -> Result<Vec<Subject>, SignalRefusal> {
    let identifier = identifier.as_object().ok_or(SignalRefusal::Malformed)?;
    match identifier.get("user") {
        Some(user) if is_complex(identifier) => {
            simple(user.as_object().ok_or(SignalRefusal::Malformed)?)
        }
        _ => simple(identifier),
    }
}

/// SSF 1.0 §3.3 gives it a format of its own; Okta's has none.
fn is_complex(identifier: &Map<String, Value>) -> bool {
    identifier.get("format").is_none_or(|format| format.as_str() == Some("complex"))
}

/// Reads an identifier of the format `email`, `iss_sub` or `opaque`.
pub(super) fn simple(identifier: &Map<String, Value>) -> Result<Vec<Subject>, SignalRefusal> {
    let format = identifier.get("format").and_then(Value::as_str);
    match format.ok_or(SignalRefusal::Malformed)? {
        "email" => {
            let email = name(identifier, "email")?;
            Ok(vec![Subject::User { id: None, logins: vec![email] }])
        }
        // Which issuer's `sub` it is makes no difference: to name one user more is harmless.
        "iss_sub" => {
            name(identifier, "iss")?;
            Ok(either(name(identifier, "sub")?))
        }
        "opaque" => Ok(either(name(identifier, "id")?)),
        _ => Err(SignalRefusal::SubjectFormat),
    }
}

/// Okta's id of the user, or the name under which the app knows the user: what has the form of an id
/// is one, and of anything else it is not known.
fn either(name: String) -> Vec<Subject> {
    let is_id = name.starts_with("00u") && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let by_id = Subject::User { id: Some(name.clone()), logins: Vec::new() };
    let by_login = Subject::User { id: None, logins: vec![name] };
    if is_id { vec![by_id] } else { vec![by_id, by_login] }
}

fn name(identifier: &Map<String, Value>, member: &str) -> Result<String, SignalRefusal> {
    let text = identifier.get(member).and_then(Value::as_str).unwrap_or_default();
    match text.is_empty() || text.len() > MAX_NAME || text.contains(char::is_control) {
        true => Err(SignalRefusal::Malformed),
        false => Ok(text.to_owned()),
    }
}
