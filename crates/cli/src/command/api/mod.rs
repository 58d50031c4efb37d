//! `api`: call a management API with a service token.

mod body;
mod json_path;
pub(super) mod org;
mod pages;
mod print;

use okta_introspect::{Client, ResourceCall, Scopes};

use crate::api_scopes;
use crate::args::ApiArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::storage::token_cache::TokenCache;
use json_path::JsonPath;

use super::runtime::wait_for;
use super::setup;

use org::Api;
use print::Printer;

pub(super) fn run(args: ApiArgs) -> Result<Exit, Failure> {
    let (method, path) = request_line(&args.request, args.method.as_deref())?;
    let filter = args.filter.as_deref().map(JsonPath::parse).transpose()?;
    let call = body::call(&method, &path, &args.fields, args.input.as_deref())?;
    let layer = args.client.requesting(&args.scopes, &args.dpop);
    let settings = setup::settings(layer)?;
    let scopes = scopes(&settings, !args.scopes.is_empty(), &call)?;
    let client = client(&settings, args.token_cache)?;
    let resource = client.resource(scopes.clone());
    let api = Api { resource, scopes, settings: &settings };
    let printer = Printer::new(filter, args.lines, args.raw, args.include);
    wait_for(async {
        match args.paginate {
            true => pages::follow(&api, call, printer).await,
            false => match api.call(&call).await {
                Ok(answer) => printer.answer(&answer),
                Err(error) => {
                    printer.refusal(&error)?;
                    Err(api.explain(error))
                }
            },
        }
    })?;
    Ok(Exit::Done)
}

/// `[METHOD] PATH`, or `-X METHOD PATH`.
fn request_line(request: &[String], method: Option<&str>) -> Result<(String, String), Failure> {
    let (method, path) = match (request, method) {
        ([path], method) => (method.unwrap_or("GET"), path),
        ([method, path], None) => (method.as_str(), path),
        ([_, _], Some(_)) => {
            return Err(Failure::usage("the method is given twice").advise("leave out --method"));
        }
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

/// Refuses a path that a URL parser would silently change into another one: in a script over ids,
/// an empty id, or one with a line break or `..` in it, must not reach another resource.
fn check(path: &str) -> Result<(), Failure> {
    let whole = path.split('?').next().unwrap_or(path);
    let is_dots = |segment: &str| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    };
    let fault = if path.is_empty() {
        "is empty"
    } else if path.contains(char::is_control) {
        "contains control characters, perhaps a line break"
    } else if path.starts_with(' ') || path.ends_with(' ') {
        "begins or ends with a blank"
    } else if path.contains('#') {
        return Err(Failure::usage("the API's path has a fragment, which no server gets to see")
            .advise("write # as %23"));
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

/// `--scope`, or the scope that belongs to the path, or the configured ones.
fn scopes(settings: &Settings, typed: bool, call: &ResourceCall) -> Result<Scopes, Failure> {
    let path = match call.path.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => &call.path,
    };
    match api_scopes::scope(call.method.as_str(), path) {
        Some(scope) if !typed => Ok(Scopes::parse(&scope)?),
        _ => settings.scopes().map_err(|failure| match typed {
            true => failure.into(),
            false => {
                Failure::usage("no scope is known for this path").advise("name it with --scope")
            }
        }),
    }
}

/// The client of the org; with `cached`, its service tokens outlive the command.
fn client(settings: &Settings, cached: bool) -> Result<Client, Failure> {
    if !cached {
        return Ok(settings.org_client()?);
    }
    let (org, (client_id, key)) = (settings.org()?, settings.credentials()?);
    let cache = TokenCache::of(&org, client_id, &key)?;
    Ok(settings.builder(org, client_id, key)?.token_store(cache).build()?)
}

/// The methods of management APIs.
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
            assert!(request_line(&[path.to_owned()], None).is_err(), "{path:?}");
        }
        for path in ["/api/v1/users?q=../a\\b", "/api/v1/users/a..b", "/x?search=a eq \"b\"", "x"] {
            assert!(request_line(&[path.to_owned()], None).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn a_method_is_one_that_apis_know() {
        for (method, known) in [("get", true), ("PATCH", true), ("GETT", false), ("", false)] {
            let line = [method.to_owned(), "/x".to_owned()];
            assert_eq!(request_line(&line, None).is_ok(), known, "{method}");
        }
    }
}
