//! Management endpoints about the client secrets of an app.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::found::{self, missing};
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::app::App;
use crate::model::client_secret::ClientSecret;
use crate::model::event;
use crate::model::event::LogEntity;
use crate::model::event_type::{
    EventType, KEY_ACTIVATED, KEY_CREATED, KEY_DEACTIVATED, KEY_DELETED,
};

/// The secrets of an app.
pub(crate) fn list(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    let objects = app.secrets.iter().map(|secret| object(call, &app, secret)).collect();
    Ok(Answer::json(StatusCode::OK, &objects))
}

/// One secret, named by the id of its object.
pub(crate) fn read(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    Ok(Answer::json(StatusCode::OK, &object(call, &app, find(call, &app)?)))
}

/// Registers one more secret: the one that is given, or a new one.
pub(crate) fn add(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    let secret = match &call.request.body[..] {
        [] => None,
        body => serde_json::from_slice::<Value>(body)
            .map_err(|_| Refusal::invalid("The request body was not well-formed"))?
            .get("client_secret")
            .map(|text| text.as_str().map(str::to_owned).unwrap_or_default()),
    };
    let secret = secret.unwrap_or_else(|| call.world.identifier() + &call.world.identifier());
    if !LENGTHS.contains(&secret.len()) {
        return Err(Refusal::invalid("client_secret: a secret has 14 to 100 characters"));
    }
    if app.secrets.len() >= App::MAX_SECRETS {
        return Err(Refusal::invalid("client_secret: an app has two secrets at most"));
    }
    if app.secrets.iter().any(|other| other.is(&secret)) {
        return Err(Refusal::invalid("client_secret: the app has this secret already"));
    }
    let secret = ClientSecret::new(secret).created_at(call.now);
    let answer = Answer::json(StatusCode::CREATED, &object(call, &app, &secret));
    let id = secret.object_id();
    change(call, &app, |secrets| secrets.push(secret))?;
    log(call, KEY_CREATED, &id, &app);
    Ok(answer)
}

/// Makes a secret good again.
pub(crate) fn activate(call: &Call<'_>) -> Result<Answer, Refusal> {
    set_active(call, true)
}

/// Makes a secret bad, unless it is the last active one.
pub(crate) fn deactivate(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    let secret = find(call, &app)?;
    if secret.is_active() && app.secrets.iter().filter(|own| own.is_active()).count() < 2 {
        return Err(Refusal::invalid("status: an app needs an active secret"));
    }
    set_active(call, false)
}

/// Removes a secret, which must be inactive.
pub(crate) fn delete(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    let secret = find(call, &app)?;
    if secret.is_active() {
        return Err(Refusal::invalid("status: only an inactive secret can be deleted"));
    }
    let id = secret.object_id();
    change(call, &app, |secrets| secrets.retain(|own| own.object_id() != id))?;
    log(call, KEY_DELETED, &id, &app);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

fn set_active(call: &Call<'_>, active: bool) -> Result<Answer, Refusal> {
    let app = found::app(call)?;
    let id = find(call, &app)?.object_id();
    change(call, &app, |secrets| {
        for secret in secrets.iter_mut().filter(|secret| secret.object_id() == id) {
            secret.set_active(active);
        }
    })?;
    log(call, if active { KEY_ACTIVATED } else { KEY_DEACTIVATED }, &id, &app);
    read(call)
}

fn change(
    call: &Call<'_>,
    app: &App,
    change: impl FnOnce(&mut Vec<ClientSecret>),
) -> Result<(), Refusal> {
    let changed = call.world.state().change_secrets(&app.client_id, change);
    changed.map_err(|_| missing(&app.client_id, "AppInstance"))
}

fn log(call: &Call<'_>, event_type: EventType, id: &str, app: &App) {
    call.log_change(event_type, vec![LogEntity::app(app), LogEntity::secret(id)]);
}

fn find<'a>(call: &Call<'_>, app: &'a App) -> Result<&'a ClientSecret, Refusal> {
    let id = call.parameter("secret");
    let mut secrets = app.secrets.iter();
    secrets.find(|secret| secret.object_id() == id).ok_or_else(|| missing(id, "Secret"))
}

/// As Okta shows it: with the secret itself.
fn object(call: &Call<'_>, app: &App, secret: &ClientSecret) -> Value {
    let (id, base) = (secret.object_id(), &call.request.base);
    let url = format!("{base}/api/v1/apps/{}/credentials/secrets/{id}", app.client_id);
    let created = secret.created().map(event::text);
    let (status, change) = match secret.is_active() {
        true => ("ACTIVE", "deactivate"),
        false => ("INACTIVE", "activate"),
    };
    json!({
        "id": id,
        "status": status,
        "client_secret": secret.expose(),
        "secret_hash": secret.hash(),
        "created": created,
        "lastUpdated": created,
        "_links": {change: {
            "href": format!("{url}/lifecycle/{change}"),
            "hints": {"allow": ["POST"]},
        }},
    })
}

/// How long a secret may be that is given, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 14..=100;
