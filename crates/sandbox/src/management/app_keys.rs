//! Management endpoints about the public keys of an app.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::found::{self, missing};
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::app::App;
use crate::model::app_key::AppKey;
use crate::model::event;
use crate::model::event::LogEntity;
use crate::model::event_type::{
    EventType, KEY_ACTIVATED, KEY_CREATED, KEY_DEACTIVATED, KEY_DELETED,
};

/// The keys of an app.
pub(crate) fn list(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    Ok(Answer::json(StatusCode::OK, &objects(&app, &call.request.base)))
}

/// One key, named by the id of its object.
pub(crate) fn read(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    answer(call, StatusCode::OK, &app, find(call, &app)?)
}

/// Registers one more key.
pub(crate) fn add(call: &Call<'_>) -> Result<Answer, Refusal> {
    let jwk: Value = serde_json::from_slice(&call.request.body)
        .map_err(|_| Refusal::invalid("The request body was not well-formed"))?;
    let key = AppKey::from_jwk(&jwk).map_err(|fault| Refusal::invalid(&fault.to_string()))?;
    let app = found::app(call)?;
    if key.key_id().is_none() || app.jwks.iter().any(|other| other.key_id() == key.key_id()) {
        return Err(Refusal::invalid("kid: a key needs a kid of its own"));
    }
    if app.jwks.len() >= App::MAX_KEYS {
        return Err(Refusal::invalid("jwks: an app has 50 keys at most"));
    }
    let id = key.object_id();
    change(call, &app, |keys| keys.push(key.created_at(call.now)))?;
    log(call, KEY_CREATED, &id, &app);
    let app = found::app(call)?;
    let key = app.jwks.iter().find(|key| key.object_id() == id);
    answer(call, StatusCode::CREATED, &app, key.ok_or_else(|| missing(&id, "Key"))?)
}

/// Makes a key good again.
pub(crate) fn activate(call: &Call<'_>) -> Result<Answer, Refusal> {
    set_active(call, true)
}

/// Makes signatures by a key bad, unless it is the last active one: Okta keeps that.
pub(crate) fn deactivate(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    let key = find(call, &app)?;
    if key.is_active() && app.jwks.iter().filter(|key| key.is_active()).count() < 2 {
        return Err(Refusal::invalid("status: an app needs an active key"));
    }
    set_active(call, false)
}

/// Removes a key, which must be inactive.
pub(crate) fn delete(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    let key = find(call, &app)?;
    if key.is_active() {
        return Err(Refusal::invalid("status: only an inactive key can be deleted"));
    }
    let id = key.object_id();
    change(call, &app, |keys| keys.retain(|key| key.object_id() != id))?;
    log(call, KEY_DELETED, &id, &app);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// The keys as Okta shows them.
pub(crate) fn objects(app: &App, base: &str) -> Value {
    app.jwks.iter().map(|key| object(app, key, base)).collect()
}

fn set_active(call: &Call<'_>, active: bool) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    let id = find(call, &app)?.object_id();
    change(call, &app, |keys| {
        for key in keys.iter_mut().filter(|key| key.object_id() == id) {
            key.set_active(active);
        }
    })?;
    log(call, if active { KEY_ACTIVATED } else { KEY_DEACTIVATED }, &id, &app);
    read(call)
}

fn change(
    call: &Call<'_>,
    app: &App,
    change: impl FnOnce(&mut Vec<AppKey>),
) -> Result<(), Refusal> {
    let changed = call.world.state().change_keys(&app.client_id, change);
    changed.map_err(|_| missing(&app.client_id, "AppInstance"))
}

fn log(call: &Call<'_>, event_type: EventType, id: &str, app: &App) {
    let known = app.jwks.iter().find(|key| key.object_id() == id);
    let key_id = known.and_then(AppKey::key_id);
    call.log_change(event_type, vec![LogEntity::app(app), LogEntity::key(id, key_id)]);
}

fn find<'a>(call: &Call<'_>, app: &'a App) -> Result<&'a AppKey, Refusal> {
    let id = call.parameter("key");
    app.jwks.iter().find(|key| key.object_id() == id).ok_or_else(|| missing(id, "Key"))
}

fn answer(call: &Call<'_>, status: StatusCode, app: &App, key: &AppKey) -> Result<Answer, Refusal> {
    Ok(Answer::json(status, &object(app, key, &call.request.base)))
}

/// The JWK with what Okta adds: its status, its id and times, and what can be done with it.
fn object(app: &App, key: &AppKey, base: &str) -> Value {
    let id = key.object_id();
    let url = format!("{base}/api/v1/apps/{}/credentials/jwks/{id}", app.client_id);
    let created = key.created().map(event::text);
    let (status, change) = match key.is_active() {
        true => ("ACTIVE", "deactivate"),
        false => ("INACTIVE", "activate"),
    };
    let mut object = key.jwk().clone();
    for (name, value) in [
        ("id", json!(id)),
        ("kid", json!(key.key_id())),
        ("use", json!(key.usage())),
        ("status", json!(status)),
        ("created", json!(created)),
        ("lastUpdated", json!(created)),
        (
            "_links",
            json!({change: {
                "href": format!("{url}/lifecycle/{change}"),
                "hints": {"allow": ["POST"]},
            }}),
        ),
    ] {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}
