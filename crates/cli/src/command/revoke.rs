//! `revoke`: revoke a token, and on demand check that it is inactive.

use okta_introspect::{Token, TokenTypeHint};
use serde::Serialize;

use crate::args::RevokeArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::token as token_input;
use crate::output;
use crate::settings::Settings;

use super::other_server::{self, Needed};
use super::runtime::wait_for;
use super::setup;
use super::verdict::Asked;

pub(super) fn run(args: RevokeArgs) -> Result<Exit, Failure> {
    let settings = setup::settings(args.client)?;
    let needed = [Needed::Revocation, Needed::Introspection];
    let needed = if args.confirm { &needed[..] } else { &needed[..1] };
    let client = other_server::client(&settings, &args.server, needed)?;
    let token = token_input::read(args.token.source())?;
    let asked = Asked::about(&token, client, &settings)?;
    let revocation = Revocation { settings: &settings, token: &token, hint: args.hint };
    let active = wait_for(async {
        match args.confirm {
            true => revocation.confirmed(asked).await.map(Some),
            false => revocation.accepted(&asked).await.map(|()| None),
        }
    })?;
    print(active, args.json)?;
    Ok(match active {
        Some(true) => Exit::Denied,
        Some(false) | None => Exit::Done,
    })
}

/// What is to be revoked.
struct Revocation<'a> {
    settings: &'a Settings,
    token: &'a Token,
    hint: Option<TokenTypeHint>,
}

impl Revocation<'_> {
    /// Revokes.
    async fn accepted(&self, asked: &Asked) -> Result<(), Failure> {
        let accepted = asked.client.revoke(self.token, self.hint).await;
        accepted.map_err(|error| asked.explain(self.settings, error))
    }

    /// Revokes, and returns whether the token is active afterwards. Where the token does not say that
    /// this server knows it, the server is asked before as well: only if it has called the token
    /// active does *inactive* say that the token was revoked.
    async fn confirmed(&self, mut asked: Asked) -> Result<bool, Failure> {
        if !asked.is_named() {
            let before = asked.client.introspect(self.token, self.hint).await;
            if before.map_err(|error| asked.explain(self.settings, error))?.active {
                asked.has_known_it();
            }
        }
        self.accepted(&asked).await?;
        let answer = asked.introspect(self.token, self.hint).await.map_err(|error| {
            asked
                .explain(self.settings, error)
                .during("the revocation was accepted, but not confirmed")
        })?;
        asked.note_what_inactive_proves(&answer);
        Ok(answer.active)
    }
}

/// The names are stable. `active` is null when the server was not asked.
#[derive(Serialize)]
struct RevocationJson {
    accepted: bool,
    active: Option<bool>,
}

fn print(active: Option<bool>, json: bool) -> Result<(), Failure> {
    if active.is_none() {
        output::note(
            "the server took the revocation, as it does for tokens that it does not know or that \
             are not yours; --confirm asks it whether the token is inactive",
        );
    }
    if json {
        return output::json(&RevocationJson { accepted: true, active });
    }
    let (good, bad) = (output::GOOD, output::BAD);
    match active {
        None => output::data("accepted"),
        Some(false) => output::data(format_args!("{good}inactive{good:#}")),
        Some(true) => output::data(format_args!("{bad}still active{bad:#}")),
    }
}
