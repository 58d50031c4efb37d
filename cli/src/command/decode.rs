//! `decode`: show what a JWT says, and that nobody has checked it.

use okta_introspect::{Clock, SystemClock};
use serde::Serialize;

use crate::args::DecodeArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::jwt::Unverified;
use crate::{output, token_input, words};

pub(super) fn run(args: &DecodeArgs) -> Result<Exit, Failure> {
    let token = token_input::read(args.token.token_file.as_deref())?;
    let jwt = Unverified::look(token.expose()).ok_or_else(|| {
        Failure::usage("the token is not a JWT that can be read").advise(
            "opaque and encrypted tokens tell nothing; ask with `okta-introspect introspect`",
        )
    })?;
    if args.json {
        output::json(&DecodedJson { verified: false, jwt })?;
    } else {
        output::data(text(&jwt))?;
    }
    Ok(Exit::Done)
}

/// The names are stable. `verified` is always false: it is there to be seen.
#[derive(Serialize)]
struct DecodedJson {
    verified: bool,
    #[serde(flatten)]
    jwt: Unverified,
}

fn text(jwt: &Unverified) -> String {
    let (now, caution) = (SystemClock.now(), output::CAUTION);
    format!(
        "{caution}NOT VERIFIED{caution:#}: anybody could have written this\nheader{}\nclaims{}",
        words::object(&jwt.header, now),
        words::object(&jwt.claims, now)
    )
}
