//! Management endpoints about users.

use hyper::{StatusCode, header};
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::api;
use super::call::Call;
use super::log;
use super::seed::{User, UserStatus};

/// Lists users in the order of their ids, without the deactivated ones.
pub(super) fn users(call: &Call<'_>) -> Result<Answer, Refusal> {
    api::refuse_searches(call, &["q", "search", "filter", "sortBy"])?;
    let limit = api::limit(call, 200, 200)?;
    let after = call.request.query("after").unwrap_or_default();
    let state = call.sandbox.state();
    let mut rest = state
        .users()
        .filter(|user| user.status != UserStatus::Deprovisioned && user.id.as_str() > after);
    let page: Vec<&User> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let base = &call.request.base;
    let body = page.iter().map(|user| user_object(user, base)).collect();
    let mut answer = Answer::json(StatusCode::OK, &body).add(header::LINK, &api::link(call, None));
    if let Some(last) = page.last().filter(|_| more) {
        let next = [("after", last.id.clone()), ("limit", limit.to_string())];
        answer = answer.add(header::LINK, &api::link(call, Some(&next)));
    }
    Ok(answer)
}

/// One user, by id or by login name.
pub(super) fn user(call: &Call<'_>, segment: &str) -> Result<Answer, Refusal> {
    let name = decoded(segment);
    let state = call.sandbox.state();
    let user = state
        .user(&name)
        .or_else(|| state.users().find(|user| user.login == name))
        .ok_or_else(|| Refusal::not_found(&format!("Resource not found: {name} (User)")))?;
    Ok(Answer::json(StatusCode::OK, &user_object(user, &call.request.base)))
}

fn user_object(user: &User, base: &str) -> Value {
    let created = user.created.map(log::text);
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
            "firstName": user.first_name,
            "lastName": user.last_name,
            "mobilePhone": null,
            "secondEmail": null,
            "login": user.login,
            "email": user.email.as_ref().unwrap_or(&user.login),
        },
        "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
        "_links": {"self": {"href": format!("{base}/api/v1/users/{}", user.id)}},
    })
}

/// A path segment without its percent encoding; what cannot be decoded stays as it is.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| segment.to_owned())
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn path_segments_are_decoded_where_they_can_be() {
        for (segment, text) in [
            ("00u1", "00u1"),
            ("ada%40example.test", "ada@example.test"),
            ("a+b", "a+b"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%+4", "%+4"),
            ("%ff", "%ff"),
        ] {
            assert_eq!(decoded(segment), text);
        }
    }
}
