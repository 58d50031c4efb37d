//! `api`: call a management API with a service token.

mod body;
mod pages;
mod print;

use okta_introspect::{Clock, Error, Resource, ResourceAnswer, ResourceCall, Scopes, SystemClock};

use crate::api_scopes;
use crate::args::ApiArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json_path::JsonPath;
use crate::output;
use crate::patience::Patience;
use crate::settings::{Layer, Settings};
use crate::words;

use super::wait_for;

use print::Printer;

pub(super) fn run(args: ApiArgs) -> Result<Exit, Failure> {
    let (method, path) = request_line(&args.request)?;
    let filter = args.filter.as_deref().map(JsonPath::parse).transpose()?;
    let call = body::call(&method, &path, &args.fields, args.input.as_deref())?;
    let layer = Layer::from(args.client).with_scopes(&args.scopes).with_dpop(args.dpop.dpop);
    let settings = Settings::gather(layer)?;
    let scopes = scopes(&settings, !args.scopes.is_empty(), &call)?;
    let client = match args.token_cache {
        true => settings.org_client_with_cache()?,
        false => settings.org_client()?,
    };
    let resource = client.resource(scopes.clone());
    let api = Api { resource, scopes, settings: &settings };
    let printer = Printer::new(filter, args.lines, args.raw, args.include);
    wait_for(async {
        match args.paginate {
            true => pages::follow(&api, call, printer).await,
            false => printer.answer(&api.call(&call).await?),
        }
    })?;
    Ok(Exit::Done)
}

/// `[METHOD] PATH`.
fn request_line(words: &[String]) -> Result<(String, String), Failure> {
    let (method, path) = match words {
        [path] => ("GET", path),
        [method, path] => (method.as_str(), path),
        // The command line allows one or two.
        _ => return Err(Failure::usage("give a path, or a method and a path")),
    };
    if !METHODS.iter().any(|known| known.eq_ignore_ascii_case(method)) {
        return Err(Failure::usage("the HTTP method is not one")
            .advise("use GET, HEAD, POST, PUT, PATCH or DELETE, and then the path"));
    }
    check(path)?;
    let path = match path.starts_with('/') || path.contains("://") {
        true => path.clone(),
        false => format!("/{path}"),
    };
    Ok((method.to_ascii_uppercase(), path))
}

/// Refuses what a URL parser would silently make another path of: in a loop over ids, an empty one
/// or one with a line break or `..` in it must not reach what stands beside.
fn check(path: &str) -> Result<(), Failure> {
    let whole = path.split(['?', '#']).next().unwrap_or(path);
    let is_dots = |segment: &str| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    };
    let fault = if path.is_empty() {
        "is empty"
    } else if path.contains(char::is_control) {
        "contains control characters, perhaps a line break"
    } else if whole.contains('\\') {
        "contains a backslash"
    } else if whole.split('/').any(is_dots) {
        "has a segment that is only dots"
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!("the API's path {fault}"))
        .advise("give the path itself, such as /api/v1/users"))
}

/// `--scope`, or what the path wants, or whatever is configured.
fn scopes(settings: &Settings, typed: bool, call: &ResourceCall) -> Result<Scopes, Failure> {
    let path = match call.path.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => &call.path,
    };
    match api_scopes::scope(call.method.as_str(), path) {
        Some(scope) if !typed => Ok(Scopes::parse(&scope)?),
        _ => settings.scopes().map_err(|failure| match typed {
            true => failure,
            false => {
                Failure::usage("no scope is known for this path").advise("name it with --scope")
            }
        }),
    }
}

/// The org's APIs.
struct Api<'a> {
    resource: Resource,
    scopes: Scopes,
    settings: &'a Settings,
}

impl Api<'_> {
    async fn call(&self, call: &ResourceCall) -> Result<ResourceAnswer, Failure> {
        self.try_call(call).await.map_err(|error| self.explain(error))
    }

    /// Calls, and waits for the next window when there were too many calls.
    async fn try_call(&self, call: &ResourceCall) -> Result<ResourceAnswer, Error> {
        let mut patience = Patience::new();
        loop {
            let error = match self.resource.call(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = patience.wait_after(error)?;
            let seconds = words::span(wait.as_secs());
            output::note(format_args!("the rate limit is used up: waiting {seconds}"));
            SystemClock.sleep_until(SystemClock.monotonic() + wait).await;
        }
    }

    /// What an API refuses is the request's fault, also where an authorization server's refusal
    /// would mean nothing: 404 says that there is no such user.
    fn explain(&self, error: Error) -> Failure {
        let refused = error.refusal().cloned().unwrap_or_default();
        let failure = self.settings.explain(error);
        match (refused.status, refused.code.as_deref()) {
            (404, Some(_)) => {
                failure.with_exit(Exit::Refused).advise("check the path and the ids in it")
            }
            // Whoever typed a path alone does not know what was requested for it.
            (400, Some("consent_required" | "invalid_scope")) => {
                failure.during(format_args!("no token with the scope {}", self.scopes))
            }
            (405, Some(_)) => failure.advise("check the method, and the path to which it goes"),
            _ => failure,
        }
    }
}

/// What management APIs know.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_would_become_other_paths_are_refused() {
        for path in [
            "",
            "/api/v1/users/00u1\r",
            "/api/v1/users/00u1\n",
            "/api/v1/users/..",
            "/api/v1/users/../groups",
            "/api/v1/users/%2E%2e/groups",
            "/api/v1/users/.",
            "../groups",
            "/api\\v1",
            "https://acme.okta.com/api/../x",
        ] {
            assert!(request_line(&[path.to_owned()]).is_err(), "{path:?}");
        }
        for path in ["/api/v1/users?q=../a\\b", "/api/v1/users/a..b", "/x?search=a eq \"b\"", "x"] {
            assert!(request_line(&[path.to_owned()]).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn a_method_is_one_that_apis_know() {
        for (method, known) in [("get", true), ("PATCH", true), ("GETT", false), ("", false)] {
            let line = [method.to_owned(), "/x".to_owned()];
            assert_eq!(request_line(&line).is_ok(), known, "{method}");
        }
    }
}
