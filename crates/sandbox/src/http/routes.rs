//! Which endpoint a path leads to.
//!
//! To add an endpoint, write its handler in `oauth/` or `management/` and give it a line in
//! [`ROUTES`].

use hyper::{Method, StatusCode, header};

use crate::management::access::Access::{self, Manage, Open, Read};
use crate::management::{access, app_keys, app_secrets, apps, groups, logs, users};
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::message::request::Request;
use crate::model::authority::Authority;
use crate::oauth::{discovery, introspect, revoke, token};
use crate::world::World;

/// An endpoint.
struct Route {
    method: Method,
    path: &'static str,
    /// What it asks of its callers.
    access: Access,
    handler: Handler,
}

type Handler = fn(&Call<'_>) -> Result<Answer, Refusal>;

/// Every endpoint. `{server}` is the id of a custom authorization server, which must exist; other
/// names in braces are what [`Call::parameter`] gives. For the rate limit of a path see
/// [`throttle`](super::throttle).
static ROUTES: &[Route] = &[
    // the org authorization server
    post("/oauth2/v1/token", Open, token::endpoint),
    post("/oauth2/v1/introspect", Open, introspect::endpoint),
    post("/oauth2/v1/revoke", Open, revoke::endpoint),
    get("/oauth2/v1/keys", Open, discovery::keys),
    get("/.well-known/openid-configuration", Open, discovery::openid),
    get("/.well-known/oauth-authorization-server", Open, discovery::oauth),
    get("/.well-known/ssf-configuration", Open, discovery::shared_signals),
    // custom authorization servers
    post("/oauth2/{server}/v1/token", Open, token::endpoint),
    post("/oauth2/{server}/v1/introspect", Open, introspect::endpoint),
    post("/oauth2/{server}/v1/revoke", Open, revoke::endpoint),
    get("/oauth2/{server}/v1/keys", Open, discovery::keys),
    get("/oauth2/{server}/.well-known/openid-configuration", Open, discovery::openid),
    get("/oauth2/{server}/.well-known/oauth-authorization-server", Open, discovery::oauth),
    get("/.well-known/oauth-authorization-server/oauth2/{server}", Open, discovery::oauth),
    // the management API
    get("/api/v1/users", Read("okta.users"), users::list),
    get("/api/v1/users/{id}", Read("okta.users"), users::read),
    get("/api/v1/apps/{id}", Read("okta.apps"), apps::read),
    get("/api/v1/apps/{id}/grants", Read("okta.appGrants"), apps::list_grants),
    get("/api/v1/apps/{id}/credentials/jwks", Read("okta.apps"), app_keys::list),
    // Okta has no such path: it is the sandbox's own short form of the one above.
    get("/api/v1/apps/{id}/jwks", Read("okta.apps"), app_keys::list),
    post("/api/v1/apps/{id}/credentials/jwks", Manage("okta.apps"), app_keys::add),
    get("/api/v1/apps/{id}/credentials/jwks/{key}", Read("okta.apps"), app_keys::read),
    delete("/api/v1/apps/{id}/credentials/jwks/{key}", Manage("okta.apps"), app_keys::delete),
    post(
        "/api/v1/apps/{id}/credentials/jwks/{key}/lifecycle/activate",
        Manage("okta.apps"),
        app_keys::activate,
    ),
    post(
        "/api/v1/apps/{id}/credentials/jwks/{key}/lifecycle/deactivate",
        Manage("okta.apps"),
        app_keys::deactivate,
    ),
    get("/api/v1/apps/{id}/credentials/secrets", Read("okta.apps"), app_secrets::list),
    post("/api/v1/apps/{id}/credentials/secrets", Manage("okta.apps"), app_secrets::add),
    get("/api/v1/apps/{id}/credentials/secrets/{secret}", Read("okta.apps"), app_secrets::read),
    delete(
        "/api/v1/apps/{id}/credentials/secrets/{secret}",
        Manage("okta.apps"),
        app_secrets::delete,
    ),
    post(
        "/api/v1/apps/{id}/credentials/secrets/{secret}/lifecycle/activate",
        Manage("okta.apps"),
        app_secrets::activate,
    ),
    post(
        "/api/v1/apps/{id}/credentials/secrets/{secret}/lifecycle/deactivate",
        Manage("okta.apps"),
        app_secrets::deactivate,
    ),
    get("/api/v1/groups", Read("okta.groups"), groups::list),
    post("/api/v1/groups", Manage("okta.groups"), groups::create),
    get("/api/v1/groups/{id}", Read("okta.groups"), groups::read),
    get("/api/v1/logs", Read("okta.logs"), logs::list),
    get("/oauth2/v1/clients/{id}/roles", Read("okta.roles"), apps::list_roles),
];

const fn get(path: &'static str, access: Access, handler: Handler) -> Route {
    Route { method: Method::GET, path, access, handler }
}

const fn post(path: &'static str, access: Access, handler: Handler) -> Route {
    Route { method: Method::POST, path, access, handler }
}

const fn delete(path: &'static str, access: Access, handler: Handler) -> Route {
    Route { method: Method::DELETE, path, access, handler }
}

/// Has the endpoint answer to which the request's path leads.
pub(crate) fn answer(world: &World, request: &Request) -> Result<Answer, Refusal> {
    let segments = request.segments();
    let matching = |route: &'static Route| Some((route, parameters(route.path, &segments)?));
    let mut matches = ROUTES.iter().filter_map(matching).peekable();
    let Some((_, first)) = matches.peek() else {
        return Err(nothing_here(request));
    };
    let authority = authority(world, first)?;
    // A HEAD is answered like a GET, and hyper leaves the body out (RFC 9110 §9.3.2).
    let method = if request.method == Method::HEAD { &Method::GET } else { &request.method };
    let mut others = Vec::new();
    let found = matches.find(|(route, _)| {
        others.push(&route.method);
        route.method == method
    });
    let (route, parameters) = found.ok_or_else(|| wrong_method(&others))?;
    let mut call = Call { world, request, authority, parameters, caller: None, now: world.now() };
    call.caller = access::authorize(&call, route.access)?;
    (route.handler)(&call)
}

/// What the names in `path` stand for, if the segments are those of `path`.
fn parameters<'a>(path: &'static str, segments: &[&'a str]) -> Option<Parameters<'a>> {
    let template: Vec<&'static str> = path.split('/').skip(1).collect();
    if template.len() != segments.len() {
        return None;
    }
    let mut parameters = Vec::new();
    for (template, segment) in template.into_iter().zip(segments) {
        match template.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => parameters.push((name, *segment)),
            None if template == *segment => {}
            None => return None,
        }
    }
    Some(parameters)
}

type Parameters<'a> = Vec<(&'static str, &'a str)>;

/// The authorization server that the path names, or else the org server.
fn authority(world: &World, parameters: &Parameters<'_>) -> Result<Authority, Refusal> {
    let Some((_, id)) = parameters.iter().find(|(name, _)| *name == "server") else {
        return Ok(Authority::Org);
    };
    let missing = || Refusal::not_found(&format!("Resource not found: {id} (AuthorizationServer)"));
    world.state().authority(id).ok_or_else(missing)
}

fn nothing_here(request: &Request) -> Refusal {
    Refusal::not_found(&format!("Resource not found: {} (Endpoint)", request.path))
}

/// With the methods that there are, as RFC 9110 §15.5.6 demands.
fn wrong_method(methods: &[&Method]) -> Refusal {
    let mut allowed: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    Refusal::api(
        StatusCode::METHOD_NOT_ALLOWED,
        "E0000022",
        "The endpoint does not support the provided HTTP method",
    )
    .header(header::ALLOW, allowed.join(", "))
}
