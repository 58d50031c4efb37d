//! `doctor`: why does it not work?
//!
//! The checks run in the order in which a call depends on them. A check whose precondition failed
//! is skipped, so that the first failure is the cause and not a consequence.

mod app;
mod basics;
mod calls;
mod examination;
mod finding;
mod hints;
mod report;

use okta_introspect::{Client, SigningKey};

use crate::args::DoctorArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;

use super::runtime::wait_for;
use super::setup;

use examination::Examination;
use finding::{Finding, Status};

pub(super) fn run(args: DoctorArgs) -> Result<Exit, Failure> {
    let layer = args.client.requesting(&args.scopes, &args.dpop);
    let settings = setup::keyless(layer)?;
    let findings = wait_for(async { Ok(examine(&settings).await) })?;
    report::print(&findings, args.json, args.fix_hints)?;
    match findings.iter().find(|finding| finding.status == Status::Fail) {
        None => Ok(Exit::Done),
        Some(first) => Err(Failure::new(first.exit, report::verdict(&findings))),
    }
}

async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut examination = Examination::new(settings);
    let issuer = examination.issuer();
    examination.proxy();
    let reachable = examination.discovery(issuer.as_ref()).await;
    let key = examination.key();
    let client = examination.assertion(issuer.as_ref(), key.as_ref()).await;
    match client.filter(|_| reachable) {
        Some(client) => examine_calls(&mut examination, &client, key.as_ref()).await,
        None => {
            examination.skip(&["token", "introspect", "revoke", "rate_limit", "dpop", "api", "app"])
        }
    }
    examination.findings
}

/// Everything that needs an app and a server which answers.
async fn examine_calls(
    examination: &mut Examination<'_>,
    client: &Client,
    key: Option<&SigningKey>,
) {
    let tokens = examination.tokens(client).await;
    if tokens.refused {
        return examination.skip(&["introspect", "revoke", "rate_limit", "dpop", "api", "app"]);
    }
    examination.introspect(client, tokens.first()).await;
    examination.revoke(client, &tokens).await;
    examination.rate_limit(client);
    examination.dpop(tokens.first());
    examination.apis(client, &tokens).await;
    examination.app(key).await;
}
