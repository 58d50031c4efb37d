//! Lists that come in pages.

use std::fmt::Write as _;

use hyper::{StatusCode, header};
use serde_json::Value;

use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;

/// A page with its links: to itself, and to the next one by its query, if there is one.
pub(crate) fn answer(call: &Call<'_>, page: &Value, next: Option<&[(&str, String)]>) -> Answer {
    let answer = Answer::json(StatusCode::OK, page).add(header::LINK, &link(call, None));
    match next {
        Some(_) => answer.add(header::LINK, &link(call, next)),
        None => answer,
    }
}

/// A `Link` header value ([RFC 8288 §3](https://www.rfc-editor.org/rfc/rfc8288#section-3)): to
/// this page, or to the next one with its query.
fn link(call: &Call<'_>, next: Option<&[(&str, String)]>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    match next {
        Some(pairs) => query.extend_pairs(pairs),
        None => query.extend_pairs(&call.request.query),
    };
    let query = query.finish();
    let mut url = call.request.endpoint();
    if !query.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(url, "?{query}");
    }
    format!(r#"<{url}>; rel="{}""#, if next.is_some() { "next" } else { "self" })
}

/// A search that is ignored would give wrong answers, so it is refused.
pub(crate) fn refuse_searches(call: &Call<'_>, names: &[&str]) -> Result<(), Refusal> {
    match names.iter().any(|name| call.request.query(name).is_some()) {
        true => Err(Refusal::api(
            StatusCode::BAD_REQUEST,
            "E0000031",
            "Invalid search criteria. This sandbox cannot search.",
        )),
        false => Ok(()),
    }
}

/// The page size: `default` if none is asked for, and never more than `max`.
pub(crate) fn limit(call: &Call<'_>, default: usize, max: usize) -> Result<usize, Refusal> {
    match call.request.query("limit").map(str::parse::<usize>) {
        None => Ok(default),
        Some(Ok(limit)) if limit > 0 => Ok(limit.min(max)),
        Some(_) => Err(Refusal::invalid("The limit must be a positive number")),
    }
}
