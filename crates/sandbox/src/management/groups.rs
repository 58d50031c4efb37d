//! Management endpoints about groups.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::found::missing;
use super::page;
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::event::{self, LogEntity};
use crate::model::event_type::GROUP_CREATED;
use crate::model::group::Group;

/// Lists groups in the order in which they were made.
pub(crate) fn list(call: &Call<'_>) -> Result<Answer, Refusal> {
    page::refuse_searches(call, &["q", "search", "filter", "sortBy"])?;
    let limit = page::limit(call, 10_000, 10_000)?;
    let after = call.request.query("after");
    let state = call.world.state();
    let seen = after.map_or(0, |id| {
        state.groups.iter().position(|group| group.id == id).map_or(0, |index| index + 1)
    });
    let rest = &state.groups[seen..];
    let page = &rest[..limit.min(rest.len())];
    let body = page.iter().map(|group| object(group, &call.request.base)).collect();
    let last = page.last().filter(|_| page.len() < rest.len());
    let next = last.map(|last| vec![("after", last.id.clone()), ("limit", limit.to_string())]);
    Ok(page::answer(call, &body, next.as_deref()))
}

/// One group, by id.
pub(crate) fn read(call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = call.parameter("id");
    let state = call.world.state();
    let group = state.groups.iter().find(|group| group.id == id);
    let group = group.ok_or_else(|| missing(id, "UserGroup"))?;
    Ok(Answer::json(StatusCode::OK, &object(group, &call.request.base)))
}

/// Makes a group with a name of its own.
pub(crate) fn create(call: &Call<'_>) -> Result<Answer, Refusal> {
    let body: Value = serde_json::from_slice(&call.request.body)
        .map_err(|_| Refusal::invalid("The request body was not well-formed"))?;
    let text = |name: &str| body["profile"][name].as_str().filter(|text| !text.is_empty());
    let name =
        text("name").ok_or_else(|| Refusal::invalid("name: The field cannot be left blank"))?;
    let group = Group {
        id: group_id(&call.world.identifier()),
        name: name.to_owned(),
        description: text("description").map(str::to_owned),
        created: call.now,
    };
    let mut state = call.world.state();
    if state.groups.iter().any(|other| other.name == group.name) {
        return Err(Refusal::invalid(
            "name: An object with this field already exists in the current organization",
        ));
    }
    state.groups.push(group.clone());
    drop(state);
    call.log_change(GROUP_CREATED, vec![LogEntity::group(&group.id, &group.name)]);
    Ok(Answer::json(StatusCode::OK, &object(&group, &call.request.base)))
}

fn group_id(random: &str) -> String {
    let plain = random.chars().filter(char::is_ascii_alphanumeric).take(17);
    "00g".chars().chain(plain).collect()
}

fn object(group: &Group, base: &str) -> Value {
    let created = event::text(group.created);
    json!({
        "id": group.id,
        "created": created,
        "lastUpdated": created,
        "lastMembershipUpdated": created,
        "objectClass": ["okta:user_group"],
        "type": "OKTA_GROUP",
        "profile": {"name": group.name, "description": group.description},
        "_links": {
            "users": {"href": format!("{base}/api/v1/groups/{}/users", group.id)},
            "apps": {"href": format!("{base}/api/v1/groups/{}/apps", group.id)},
        },
    })
}
