//! `decode`: shows the header and claims of a JWT, unverified.

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
        output::data(text(&jwt))?;
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
    let explained = |members: &Map<String, Value>| {
        let line = |(name, value): (&String, &Value)| {
            let told = human::member(name, value, now);
            (
                name.clone(),
                meaning(name).map_or_else(|| told.clone(), |words| format!("{told}  ({words})")),
            )
        };
        let lines: Vec<_> = members.iter().map(line).collect();
        human::aligned(lines.iter().map(|(name, told)| (name.as_str(), told.clone())))
    };
    format!(
        "{caution}NOT VERIFIED{caution:#}: anybody could have written this\nheader{}\nclaims{}",
        explained(&jwt.header),
        explained(&jwt.claims)
    )
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
