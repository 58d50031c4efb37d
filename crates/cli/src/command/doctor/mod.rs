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
mod signals;
mod signer;

use okta_introspect::Client;
use okta_introspect_settings::Key;

use crate::args::{DoctorArgs, SignalsTestArgs};
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
    let findings = wait_for(async { Ok(examine(&settings, args.signals).await) })?;
    conclude(&findings, args.json, args.fix_hints)
}

/// `signals test`: only what signals need.
pub(super) fn signals(args: SignalsTestArgs) -> Result<Exit, Failure> {
    let settings = setup::keyless(args.client.requesting(&[], &args.dpop))?;
    let findings = wait_for(async { Ok(examine_signals(&settings).await) })?;
    conclude(&findings, args.json, args.fix_hints)
}

fn conclude(findings: &[Finding], json: bool, hints: bool) -> Result<Exit, Failure> {
    report::print(findings, json, hints)?;
    match findings.iter().find(|finding| finding.status == Status::Fail) {
        None => Ok(Exit::Done),
        Some(first) => Err(Failure::new(first.exit, report::verdict(findings))),
    }
}

async fn examine(settings: &Settings, signals: bool) -> Vec<Finding> {
    let mut examination = Examination::new(settings);
    let (client, key) = examine_basics(&mut examination).await;
    let may_call = match &client {
        Some(client) => examine_calls(&mut examination, client, key.as_ref()).await,
        None => {
            let calls = ["token", "introspect", "revoke", "rate_limit", "dpop", "api", "app"];
            examination.skip(&calls);
            false
        }
    };
    match (signals, may_call) {
        (true, true) => examination.signals().await,
        (true, false) => examination.skip(&signals::CHECKS),
        (false, _) => {}
    }
    examination.findings
}

async fn examine_signals(settings: &Settings) -> Vec<Finding> {
    let mut examination = Examination::new(settings);
    match examine_basics(&mut examination).await {
        (Some(_), _) => examination.signals().await,
        (None, _) => examination.skip(&signals::CHECKS),
    }
    examination.findings
}

/// Everything up to the first call of the app: its client, if there can be one, and its key.
async fn examine_basics(examination: &mut Examination<'_>) -> (Option<Client>, Option<Key>) {
    let issuer = examination.issuer();
    examination.proxy();
    let reachable = examination.discovery(issuer.as_ref()).await;
    let key = examination.key();
    let client = examination.assertion(issuer.as_ref(), key.as_ref()).await;
    (client.filter(|_| reachable), key)
}

/// Everything that needs an app and a server which answers; whether the server takes the app.
async fn examine_calls(
    examination: &mut Examination<'_>,
    client: &Client,
    key: Option<&Key>,
) -> bool {
    let tokens = examination.tokens(client).await;
    if tokens.refused {
        examination.skip(&["introspect", "revoke", "rate_limit", "dpop", "api", "app"]);
        return false;
    }
    examination.introspect(client, tokens.first()).await;
    examination.revoke(client, &tokens).await;
    examination.rate_limit(client);
    examination.signer(client, key).await;
    examination.dpop(tokens.first());
    examination.apis(client, &tokens).await;
    examination.app(key).await;
    true
}
