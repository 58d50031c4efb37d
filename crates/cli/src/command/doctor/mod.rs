//! `doctor`: why does it not work?
//!
//! One check after the other, in the order in which a call meets its obstacles. A check whose
//! ground is missing is skipped, so that the first failure is the cause and no echo of it.

mod app;
mod basics;
mod calls;
mod finding;

mod hints;
mod report;

use okta_introspect::{Client, Issuer, SigningKey};

use crate::args::DoctorArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;

use super::wait_for;

use finding::{Finding, Status};

pub(super) fn run(args: DoctorArgs) -> Result<Exit, Failure> {
    let layer = args.client.requesting(&args.scopes, &args.dpop);
    let settings = Settings::gather(layer)?;
    let findings = wait_for(async { Ok(examine(&settings).await) })?;
    report::print(&findings, args.json, args.fix_hints)?;
    match findings.iter().find(|finding| finding.status == Status::Fail) {
        None => Ok(Exit::Done),
        Some(first) => Err(Failure::new(first.exit, report::verdict(&findings))),
    }
}

async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut doctor = Doctor { settings, findings: Vec::new() };
    let issuer = doctor.issuer();
    let reachable = doctor.discovery(issuer.as_ref()).await;
    let key = doctor.key();
    let client = doctor.assertion(issuer.as_ref(), key.as_ref()).await;
    match client.filter(|_| reachable) {
        Some(client) => doctor.calls(&client, key.as_ref()).await,
        None => doctor.skip(&["token", "introspect", "revoke", "rate_limit", "dpop", "api", "app"]),
    }
    doctor.findings
}

/// Goes from check to check.
struct Doctor<'a> {
    settings: &'a Settings,
    findings: Vec<Finding>,
}

impl Doctor<'_> {
    fn found(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn skip(&mut self, checks: &[&str]) {
        let why = match self.findings.iter().find(|finding| finding.status == Status::Fail) {
            Some(failed) => format!("because of what `{}` says", failed.check),
            None => "there is nothing to check".to_owned(),
        };
        for check in checks {
            self.found(Finding::skipped(*check, &why));
        }
    }

    /// Everything that needs an app and a server which answers.
    async fn calls(&mut self, client: &Client, key: Option<&SigningKey>) {
        let tokens = self.tokens(client).await;
        if tokens.refused {
            return self.skip(&["introspect", "revoke", "rate_limit", "dpop", "api", "app"]);
        }
        self.introspect(client, tokens.first()).await;
        self.revoke(client, &tokens).await;
        self.rate_limit(client);
        self.dpop(tokens.first());
        self.apis(client, &tokens).await;
        self.app(key).await;
    }

    /// The server that the settings name.
    fn issuer(&mut self) -> Option<Issuer> {
        match self.settings.issuer() {
            Ok(issuer) => {
                let kind = match issuer.custom_id() {
                    None => "the org server".to_owned(),
                    Some(id) => format!("the custom server {id}"),
                };
                let place =
                    self.settings.origins().server.map(|origin| format!(" (from {origin})"));
                let seen = format!("{issuer}, {kind}{}", place.unwrap_or_default());
                self.found(Finding::ok("issuer", seen));
                Some(issuer)
            }
            Err(failure) => {
                self.found(Finding::failure("issuer", &failure));
                None
            }
        }
    }
}
