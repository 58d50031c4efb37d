//! Which endpoint a path leads to.

use super::answer::{Answer, Refusal};
use super::api;
use super::authority::Authority;
use super::call::Call;
use super::discovery;
use super::introspect;
use super::request::Request;
use super::revoke;
use super::server::Shared;
use super::throttle;
use super::token;

/// Answers a request. Reads and changes state, and does nothing else: no I/O, no waiting.
pub(super) fn answer(sandbox: &Shared, request: &Request) -> Answer {
    let refused = |refusal: Refusal| refusal.into_answer(&sandbox.identifier());
    match throttle::admit(sandbox, request) {
        Ok(headers) => throttle::label(route(sandbox, request).unwrap_or_else(refused), headers),
        Err(refusal) => refused(refusal),
    }
}

fn route(sandbox: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let call = |authority| Call { sandbox, request, authority, now: sandbox.now() };
    let org = || call(Authority::Org);
    let custom = |id: &str| custom(sandbox, id).map(call);
    match request.segments().as_slice() {
        ["oauth2", "v1", endpoint] => oauth(endpoint, &org()),
        ["oauth2", id, "v1", endpoint] => oauth(endpoint, &custom(id)?),
        [".well-known", METADATA_OIDC | METADATA_OAUTH] => discovery::metadata(&org()),
        ["oauth2", id, ".well-known", METADATA_OIDC | METADATA_OAUTH]
        | [".well-known", METADATA_OAUTH, "oauth2", id] => discovery::metadata(&custom(id)?),
        ["oauth2", "v1", "clients", id, "roles"] => api::client_roles(&org(), id),
        ["api", "v1", rest @ ..] => api::endpoint(rest, &org()),
        _ => Err(nothing_here(request)),
    }
}

fn oauth(endpoint: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
    match endpoint {
        "token" => token::endpoint(call),
        "introspect" => introspect::endpoint(call),
        "revoke" => revoke::endpoint(call),
        "keys" => discovery::keys(call),
        _ => Err(nothing_here(call.request)),
    }
}

fn custom(sandbox: &Shared, id: &str) -> Result<Authority, Refusal> {
    let missing = || Refusal::not_found(&format!("Resource not found: {id} (AuthorizationServer)"));
    sandbox.state().authority(id).ok_or_else(missing)
}

pub(super) fn nothing_here(request: &Request) -> Refusal {
    Refusal::not_found(&format!("Resource not found: {} (Endpoint)", request.path))
}

const METADATA_OIDC: &str = "openid-configuration";
const METADATA_OAUTH: &str = "oauth-authorization-server";
