//! Which requests are let through: rate limits and the limit on concurrency.

use hyper::header::{self, HeaderName};
use hyper::{HeaderMap, StatusCode};
use serde_json::Map;

use crate::message::refusal::Refusal;
use crate::message::request::Request;
use crate::model::event::{Entry, LogEntity, LogResult};
use crate::model::event_type::{CONCURRENCY_LIMIT, EventType, RATE_LIMIT};
use crate::model::limits::{Bucket, Statement};
use crate::model::tokens::Digest;
use crate::oauth::client_auth;
use crate::world::World;

/// Lets a request through, with the headers for its answer, or refuses it.
pub(crate) fn admit(
    world: &World,
    under_way: usize,
    request: &Request,
) -> Result<HeaderMap, Refusal> {
    let Some(bucket) = bucket(&request.segments()) else {
        return Ok(HeaderMap::new());
    };
    let now = world.now();
    let mut state = world.state();
    if state.limits.concurrency.is_some_and(|limit| under_way > limit) {
        // Okta: zeros tell that it is not the rate; the time is a hint and no promise.
        let reset = now.timestamp() + 60;
        if state.limits.concurrency_violated(now) {
            drop(state);
            log(world, request, CONCURRENCY_LIMIT, None, "/");
        }
        return Err(too_many(headers(&[Statement { limit: 0, remaining: 0, reset }])));
    }
    let client_id = match state.limits.per_minute.contains_key(&bucket) {
        true => client_id(request, |token| {
            Some(state.tokens.find(&Digest::of(token))?.client_id.clone())
        }),
        false => None,
    };
    // Made-up names would fill the memory.
    let client_id = client_id.filter(|id| state.app(id).is_some());
    let taken = state.limits.take(bucket, client_id.as_deref(), now);
    let headers = headers(&state.limits.headers.stated(taken.statements));
    drop(state);
    if taken.is_first_violation {
        log(world, request, RATE_LIMIT, client_id.as_deref(), bucket.paths());
    }
    match taken.admitted {
        true => Ok(headers),
        false => Err(too_many(headers)),
    }
}

fn too_many(headers: HeaderMap) -> Refusal {
    let refusal = Refusal::api(
        StatusCode::TOO_MANY_REQUESTS,
        "E0000047",
        "API call exceeded rate limit due to too many requests.",
    );
    headers.iter().fold(refusal, |refusal, (name, value)| {
        // They were made of digits.
        refusal.header(name.clone(), value.to_str().unwrap_or_default())
    })
}

fn headers(statements: &[Statement]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for statement in statements {
        headers.append(LIMIT, statement.limit.into());
        headers.append(REMAINING, statement.remaining.into());
        headers.append(RESET, statement.reset.into());
    }
    headers
}

/// The bucket of a path; `None` is exempt.
fn bucket(segments: &[&str]) -> Option<Bucket> {
    match segments {
        ["oauth2", "v1", "keys"]
        | ["oauth2", _, "v1", "keys"]
        | ["oauth2", _, ".well-known", ..] => None,
        ["oauth2", "v1", "token"] => Some(Bucket::OrgToken),
        ["oauth2", "v1", ..] => Some(Bucket::Org),
        ["oauth2", _, "v1", "token"] => Some(Bucket::CustomToken),
        ["oauth2", _, "v1", ..] => Some(Bucket::Custom),
        ["api", "v1", "logs", ..] => Some(Bucket::Logs),
        ["api", "v1", ..] => Some(Bucket::Api),
        _ => None,
    }
}

/// The client that seems to call. Nothing is verified at this point: a flood must be stopped before it costs
/// signatures.
fn client_id(request: &Request, owner: impl FnOnce(&str) -> Option<String>) -> Option<String> {
    if let Some(credentials) = request.header(&header::AUTHORIZATION) {
        return credentials.split_once(' ').and_then(|(_, token)| owner(token.trim()));
    }
    client_auth::claimed_id(request, &request.form().ok()?)
}

/// Writes to the System Log that a limit was met.
fn log(world: &World, request: &Request, event_type: EventType, client: Option<&str>, paths: &str) {
    let app = client.and_then(|id| world.state().app(id));
    let actor = app.as_deref().map_or_else(LogEntity::administrator, LogEntity::client);
    let target = vec![LogEntity::paths(paths)];
    let (result, debug) = (LogResult::RateLimit, Map::new());
    world.log(Entry { event_type, actor, target, result, debug }, Some(&request.origin()));
}

const LIMIT: HeaderName = HeaderName::from_static("x-rate-limit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-rate-limit-reset");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_sorted_into_buckets_and_keys_and_discovery_are_exempt() {
        for (path, expected) in [
            ("oauth2/v1/token", Some(Bucket::OrgToken)),
            ("oauth2/v1/introspect", Some(Bucket::Org)),
            ("oauth2/v1/revoke", Some(Bucket::Org)),
            ("oauth2/v1/keys", None),
            ("oauth2/default/v1/token", Some(Bucket::CustomToken)),
            ("oauth2/aus1/v1/introspect", Some(Bucket::Custom)),
            ("oauth2/default/v1/keys", None),
            ("oauth2/default/.well-known/openid-configuration", None),
            (".well-known/openid-configuration", None),
            ("api/v1/logs", Some(Bucket::Logs)),
            ("api/v1/users", Some(Bucket::Api)),
            ("nothing", None),
        ] {
            let segments: Vec<&str> = path.split('/').collect();
            assert_eq!(bucket(&segments), expected, "{path}");
        }
    }
}
