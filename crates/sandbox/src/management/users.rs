//! Management endpoints about users.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::page;
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::percent;
use crate::message::refusal::Refusal;
use crate::model::event;
use crate::model::user::{User, UserStatus};

/// Lists users in the order of their ids, without the deactivated ones.
pub(crate) fn list(call: &Call<'_>) -> Result<Answer, Refusal> {
    page::refuse_searches(call, &["q", "search", "filter", "sortBy"])?;
    let limit = page::limit(call, 200, 200)?;
    let after = call.request.query("after").unwrap_or_default();
    let state = call.world.state();
    let mut rest = state
        .users()
        .filter(|user| user.status != UserStatus::Deprovisioned && user.id.as_str() > after);
    let page: Vec<&User> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let base = &call.request.base;
    let body = page.iter().map(|user| user_object(user, base)).collect();
    let last = page.last().filter(|_| more);
    let next = last.map(|last| vec![("after", last.id.clone()), ("limit", limit.to_string())]);
    Ok(page::answer(call, &body, next.as_deref()))
}

/// One user, by id or by login name.
pub(crate) fn read(call: &Call<'_>) -> Result<Answer, Refusal> {
    let name = percent::decoded(call.parameter("id"));
    let state = call.world.state();
    let user = state
        .user(&name)
        .or_else(|| state.users().find(|user| user.login == name))
        .ok_or_else(|| Refusal::not_found(&format!("Resource not found: {name} (User)")))?;
    Ok(Answer::json(StatusCode::OK, &user_object(user, &call.request.base)))
}

fn user_object(user: &User, base: &str) -> Value {
    let created = user.created.map(event::text);
    json!({
        "id": user.id,
        "status": user.status,
        "created": created,
        "activated": created,
        "statusChanged": created,
        "lastLogin": null,
        "lastUpdated": created,
        "passwordChanged": null,
        "type": {"id": "otysandbox"},
        "profile": {
            "firstName": named(&user.first_name),
            "lastName": named(&user.last_name),
            "mobilePhone": null,
            "secondEmail": null,
            "login": user.login,
            "email": user.email(),
        },
        "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
        "_links": {"self": {"href": format!("{base}/api/v1/users/{}", user.id)}},
    })
}

/// Okta's attributes have a character at least, or are null.
fn named(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
