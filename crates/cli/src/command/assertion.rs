//! `assertion`: make one client assertion, for a call that another program makes.

use okta_introspect::{Client, ClientAssertion, EndpointUrl};
use serde::Serialize;

use crate::args::AssertionArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::jwt::Unverified;
use crate::output;

use super::other_server::{self, Needed};
use super::runtime::wait_for;
use super::setup;

pub(super) fn run(args: AssertionArgs) -> Result<Exit, Failure> {
    let settings = setup::settings(args.client)?;
    let needed = match args.endpoint.as_str() {
        "token" => &[Needed::Token][..],
        "introspect" => &[Needed::Introspection],
        "revoke" => &[Needed::Revocation],
        _ => &[],
    };
    let client = other_server::client(&settings, &args.server, needed)?;
    let endpoint = endpoint(&args.endpoint, &client)?;
    let assertion = wait_for(async { Ok(client.assertion(&endpoint).await?) })?;
    if args.claims {
        output::json(&Unverified::decode(assertion.expose()))?;
    } else if args.json {
        output::json(&AssertionJson::new(&assertion))?;
    } else {
        output::data(assertion.expose())?;
    }
    Ok(Exit::Done)
}

/// The first two names are those of the form fields (RFC 7521 §4.2).
#[derive(Serialize)]
struct AssertionJson<'a> {
    client_assertion_type: &'a str,
    client_assertion: &'a str,
    endpoint: &'a str,
    exp: i64,
}

impl<'a> AssertionJson<'a> {
    fn new(assertion: &'a ClientAssertion) -> Self {
        Self {
            client_assertion_type: ClientAssertion::TYPE,
            client_assertion: assertion.expose(),
            endpoint: assertion.audience(),
            exp: assertion.expires_at().timestamp(),
        }
    }
}

/// One of the server's endpoints by its short name, or any by its URL.
fn endpoint(name: &str, client: &Client) -> Result<EndpointUrl, Failure> {
    let endpoints = client.endpoints();
    match name {
        "token" => Ok(endpoints.token.clone()),
        "introspect" => Ok(endpoints.introspection.clone()),
        "revoke" => Ok(endpoints.revocation.clone()),
        url if url.contains("://") => {
            EndpointUrl::parse(url).map_err(|error| Failure::from(error).found_in("--endpoint"))
        }
        _ => Err(Failure::usage("--endpoint is neither a known name nor a URL")
            .advise("use token, introspect, revoke or the whole URL that will be called")),
    }
}
