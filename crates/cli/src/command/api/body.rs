//! What is sent: `--field` and `--input`.

use std::path::Path;

use http::Method;
use okta_introspect::ResourceCall;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::files;
use crate::input::document;
use crate::text;

/// The call: fields go into the query of a GET, and into the JSON body of anything else.
pub(super) fn call(
    method: &str,
    path: &str,
    fields: &[String],
    input: Option<&Path>,
) -> Result<ResourceCall, Failure> {
    let fields = fields.iter().map(|field| pair(field)).collect::<Result<Vec<_>, _>>()?;
    if let Some(input) = input {
        return match method {
            "GET" | "HEAD" => Err(Failure::usage(format!("a {method} has no body"))
                .advise("name the method before the path: POST, PUT or PATCH")),
            _ => Ok(ResourceCall::json(verb(method)?, with_query(path, &fields)?, read(input)?)),
        };
    }
    if matches!(method, "GET" | "HEAD" | "DELETE") || fields.is_empty() {
        let mut call = ResourceCall::get(with_query(path, &fields)?);
        call.method = verb(method)?;
        return Ok(call);
    }
    Ok(ResourceCall::json(verb(method)?, path, object(&fields)?.to_string()))
}

fn verb(method: &str) -> Result<Method, Failure> {
    method.parse().map_err(|cause| Failure::usage("the HTTP method is not one").because(&cause))
}

/// `key=value`.
fn pair(field: &str) -> Result<(&str, &str), Failure> {
    field.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
        Failure::usage("a --field is not key=value").advise("write it like --field limit=200")
    })
}

fn with_query(path: &str, fields: &[(&str, &str)]) -> Result<String, Failure> {
    if fields.is_empty() {
        return Ok(path.to_owned());
    }
    let query = serde_urlencoded::to_string(fields)
        .map_err(|cause| Failure::usage("the fields are no query").because(&cause))?;
    Ok(format!("{path}{}{query}", if path.contains('?') { '&' } else { '?' }))
}

/// The fields as an object; a dot in a key leads into an object of that name. Values are text.
fn object(fields: &[(&str, &str)]) -> Result<Value, Failure> {
    let mut body = Map::new();
    for (key, value) in fields {
        let mut names = key.split('.');
        let last = names.next_back().unwrap_or(key);
        let mut object = &mut body;
        for name in names {
            let inner = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
            object = inner.as_object_mut().ok_or_else(|| contradiction(name))?;
        }
        if object.insert(last.to_owned(), (*value).into()).is_some() {
            return Err(contradiction(last));
        }
    }
    Ok(Value::Object(body))
}

fn contradiction(name: &str) -> Failure {
    Failure::usage(format!("two --field contradict each other: {name}"))
        .advise("give each member once, or the whole body with --input")
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let body = match path == Path::new("-") {
        true => files::stdin("the body").and_then(|stdin| files::read_all(stdin.lock())),
        false => files::read(path),
    };
    let body = body.map_err(|cause| {
        Failure::usage(format!("the body cannot be read: {}", text::path(path)))
            .because(&cause)
            .advise("check the path and the right to read it")
    })?;
    let body = document::unmarked("the body", path, &body)?;
    // A pipe whose writer failed ends early; the server would take half a document for a whole.
    if serde_json::from_slice::<IgnoredAny>(body).is_err() {
        let what = if body.trim_ascii().is_empty() { "is empty" } else { "is not JSON" };
        return Err(Failure::usage(format!("the body {what}: {}", text::path(path)))
            .advise("give the whole JSON document; without a body, leave out --input"));
    }
    Ok(body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[&str]) -> Vec<String> {
        fields.iter().map(|&field| field.to_owned()).collect()
    }

    #[test]
    fn fields_go_where_the_method_has_room_for_them() {
        let made = |method: &str, path: &str, list: &[&str]| {
            let call = call(method, path, &fields(list), None).unwrap();
            let body = call.body.map(|(_, body)| String::from_utf8(body).unwrap());
            (call.path, body.unwrap_or_default())
        };
        let text = |path: &str, body: &str| (path.to_owned(), body.to_owned());
        for (method, path, list, expected) in [
            ("GET", "/x", &[][..], text("/x", "")),
            ("GET", "/x", &["a=1", "b=x y&z"], text("/x?a=1&b=x+y%26z", "")),
            ("GET", "/x?q=1", &["a=b=c"], text("/x?q=1&a=b%3Dc", "")),
            ("DELETE", "/x", &["sendEmail=true"], text("/x?sendEmail=true", "")),
            ("POST", "/x", &[], text("/x", "")),
            ("POST", "/x", &["a="], text("/x", r#"{"a":""}"#)),
            ("PUT", "/x", &["p.a=1", "p.b=2"], text("/x", r#"{"p":{"a":"1","b":"2"}}"#)),
        ] {
            assert_eq!(made(method, path, list), expected, "{method} {path} {list:?}");
        }
    }

    #[test]
    fn fields_that_are_none_are_refused_without_repeating_them() {
        for list in [&["s3cret"][..], &["=s3cret"], &["a=1", "a=s3cret"], &["a=1", "a.b=s3cret"]] {
            let failure = call("POST", "/x", &fields(list), None).unwrap_err().to_string();
            assert!(!failure.contains("s3cret"), "{failure}");
        }
    }
}
