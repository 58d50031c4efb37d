//! `revoke`: revoke a token, and on demand check that it is inactive.

use serde::Serialize;

use crate::args::RevokeArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::token as token_input;
use crate::output;

use super::destination::Destination;
use super::runtime::wait_for;
use super::setup;

pub(super) fn run(args: RevokeArgs) -> Result<Exit, Failure> {
    let settings = setup::settings(args.client)?;
    let client = settings.client()?;
    let token = token_input::read(args.token.source())?;
    Destination::of(&settings)?.check(&token)?;
    let active = wait_for(async {
        let explain = |error| setup::explain(&settings, error);
        client.revoke(&token, args.hint).await.map_err(explain)?;
        if !args.confirm {
            return Ok(None);
        }
        let answer = client.introspect(&token, args.hint).await;
        answer.map(|answer| Some(answer.active)).map_err(|error| {
            explain(error).during("the revocation was accepted, but not confirmed")
        })
    })?;
    print(active, args.json)?;
    Ok(match active {
        Some(true) => Exit::Denied,
        Some(false) | None => Exit::Done,
    })
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
