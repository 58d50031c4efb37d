//! `decode`: shows the header and claims of a JWT, unverified.

use chrono::{DateTime, Utc};
use okta_introspect::{Clock, SystemClock};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::args::DecodeArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::jwt::Unverified;
use crate::input::token as token_input;
use crate::output;
use crate::text::human;

pub(super) fn run(args: &DecodeArgs) -> Result<Exit, Failure> {
    let token = token_input::read(args.token.source())?;
    let jwt = Unverified::decode(token.expose()).ok_or_else(|| {
        Failure::usage("the token is not a JWT that can be read").advise(
            "opaque and encrypted tokens tell nothing; ask with `okta-introspect introspect`",
        )
    })?;
    if args.json {
        output::json(&DecodedJson { verified: false, jwt })?;
    } else {
        output::report(text(&jwt))?;
    }
    Ok(Exit::Done)
}

/// The names are stable. `verified` is always false: a reminder for readers of the output.
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
        explained(&jwt.header, now),
        explained(&jwt.claims, now)
    )
}

/// The members with what they are for.
fn explained(members: &Map<String, Value>, now: DateTime<Utc>) -> String {
    human::aligned(members.iter().map(|(name, value)| {
        let meaning = meaning(name).map(|meaning| format!(" # {meaning}"));
        (name.as_str(), human::member(name, value, now) + meaning.as_deref().unwrap_or_default())
    }))
}

/// What a header or claim is for, in Okta's tokens.
fn meaning(name: &str) -> Option<&'static str> {
    Some(match name {
        "alg" => "the algorithm of the signature",
        "kid" => "the key that signed",
        "typ" => "the kind of JWT",
        "iss" => "who issued it: introspect it there",
        "aud" => "for whom it is meant",
        "sub" => "whom it is about: a login, a user id, or the client id of a service token",
        "cid" => "the client to which it was issued",
        "uid" => "the user's id; service tokens have none",
        "scp" => "what it permits",
        "exp" => "when it ends",
        "iat" => "when it was issued",
        "nbf" => "when it begins",
        "auth_time" => "when the user signed in",
        "jti" => "its id, as the System Log has it",
        "ver" => "the version of its layout",
        "cnf" => "bound to a key: worth nothing without a DPoP proof",
        "nonce" => "ties an ID token to its sign-in",
        "amr" => "how the user signed in",
        "acr" => "how strongly the user signed in",
        "idp" => "the identity provider",
        "at_hash" => "ties an ID token to its access token",
        "azp" => "the client to which an ID token was issued",
        _ => return None,
    })
}
