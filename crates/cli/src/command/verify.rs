//! `verify`: signature, issuer, audience and times, checked locally; not whether the token was
//! revoked.

use std::path::Path;
use std::time::Duration;

use okta_introspect::verify::signature_only;
use okta_introspect::{
    Clock, Error, InvalidToken, JwkSet, Jwks, Scopes, SystemClock, Verification, Verifier,
};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::input::{document, token as token_input};
use crate::output;
use crate::settings::Settings;
use crate::text;
use crate::text::human;

use super::runtime::wait_for;
use super::setup;

pub(super) fn run(args: VerifyArgs) -> Result<Exit, Failure> {
    let keys = args.jwks.as_deref().map(key_set).transpose()?;
    match keys {
        Some(keys) if args.signature_only => judge_signature(&args, &keys),
        keys => judge_token(args, keys),
    }
}

fn judge_signature(args: &VerifyArgs, keys: &JwkSet) -> Result<Exit, Failure> {
    output::note(
        "ONLY THE SIGNATURE WAS LOOKED AT, AND NO CLAIM: this is no reason to accept a token",
    );
    let jws = token_input::read_unchanged(args.token.source())?;
    let outcome = match signature_only(&jws, keys) {
        Verification::Verified(verified) => Outcome {
            verified: true,
            claims: None,
            algorithm: Some(verified.algorithm().to_string()),
            key_id: verified.key_id().map(str::to_owned),
            rejection: None,
            may_change_later: None,
        },
        Verification::Invalid(rejection) => Outcome::rejected(rejection),
    };
    outcome.print(args.json)
}

fn judge_token(args: VerifyArgs, keys: Option<JwkSet>) -> Result<Exit, Failure> {
    let wanted = Wanted::of(&args)?;
    let settings = setup::keyless(args.client)?;
    let keys = match keys {
        Some(set) => Jwks::fixed(set),
        None => Jwks::builder(settings.issuer()?).http(settings.http()?).build()?,
    };
    let token = token_input::read_jws(args.token.source())?;
    let outcome =
        wait_for(wanted.verify(&settings, keys, &token, Duration::from_secs(args.leeway)))?;
    if outcome.verified {
        output::note(
            "a token that was revoked verifies as well; `okta-introspect introspect` would tell",
        );
    }
    outcome.print(args.json)
}

/// What the token must be.
enum Wanted {
    AccessToken { audience: String, scopes: Option<Scopes> },
    IdToken { nonce: Option<String> },
}

impl Wanted {
    fn of(args: &VerifyArgs) -> Result<Self, Failure> {
        if args.id_token {
            return Ok(Self::IdToken { nonce: args.nonce.clone() });
        }
        let audience = args.audience.clone().ok_or_else(|| {
            Failure::usage("no audience was given")
                .advise("name it with --audience, such as api://default, or give --id-token")
        })?;
        let scopes =
            (!args.scopes.is_empty()).then(|| Scopes::parse(&args.scopes.join(" "))).transpose()?;
        Ok(Self::AccessToken { audience, scopes })
    }

    async fn verify(
        &self,
        settings: &Settings,
        keys: Jwks,
        token: &str,
        leeway: Duration,
    ) -> Result<Outcome, Failure> {
        let issuer = settings.issuer()?;
        let outcome = match self {
            Self::AccessToken { audience, scopes } => {
                let verifier = Verifier::access_token(issuer, audience).keys(keys).leeway(leeway);
                let verifier = match scopes {
                    Some(scopes) => verifier.required_scopes(scopes.clone()),
                    None => verifier,
                };
                Outcome::of(verifier.build()?.verify(token).await)
            }
            Self::IdToken { nonce } => {
                let verifier =
                    Verifier::id_token(issuer, settings.client_id()?).keys(keys).leeway(leeway);
                Outcome::of(verifier.build()?.verify(token, nonce.as_deref()).await)
            }
        };
        outcome.map_err(|error| {
            let failure = setup::explain(settings, error);
            match failure.exit() {
                // The request for public keys carries no credentials that could be refused.
                Exit::Refused => failure
                    .with_exit(Exit::Unknown)
                    .advise("see whether a proxy or a network zone keeps this computer out"),
                _ => failure,
            }
        })
    }
}

/// The outcome; the names are stable.
#[derive(Serialize)]
struct Outcome {
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<InvalidToken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    may_change_later: Option<bool>,
}

impl Outcome {
    fn of<C: Serialize>(verification: Result<Verification<C>, Error>) -> Result<Self, Error> {
        Ok(match verification? {
            Verification::Verified(verified) => Self {
                verified: true,
                claims: serde_json::to_value(verified.claims()).ok(),
                algorithm: Some(verified.algorithm().to_string()),
                key_id: verified.key_id().map(str::to_owned),
                rejection: None,
                may_change_later: None,
            },
            Verification::Invalid(rejection) => Self::rejected(rejection),
        })
    }

    fn rejected(rejection: InvalidToken) -> Self {
        Self {
            verified: false,
            claims: None,
            algorithm: None,
            key_id: None,
            may_change_later: Some(rejection.may_change_later()),
            rejection: Some(rejection),
        }
    }

    fn print(self, json: bool) -> Result<Exit, Failure> {
        if json {
            output::json(&self)?;
        } else {
            output::report(self.text())?;
        }
        Ok(if self.verified { Exit::Done } else { Exit::Denied })
    }

    fn text(&self) -> String {
        match (&self.rejection, &self.claims) {
            (Some(rejection), _) => {
                let (style, later) = (output::BAD, self.may_change_later == Some(true));
                let later = if later { "\n  it may be accepted later" } else { "" };
                let reason = text::one_line(&rejection.to_string());
                format!("{style}rejected{style:#}\n  {reason}{later}")
            }
            (None, Some(Value::Object(claims))) => {
                let style = output::GOOD;
                format!("{style}verified{style:#}{}", human::object(claims, SystemClock.now()))
            }
            (None, _) => format!("{style}signature verified{style:#}", style = output::GOOD),
        }
    }
}

/// Reads a JWK Set, or a JWK as a set of one.
fn key_set(path: &Path) -> Result<JwkSet, Failure> {
    let text = files::read(path).map_err(|cause| {
        Failure::usage(format!("the key set cannot be read: {}", text::path(path)))
            .because(&cause)
            .advise("check the path and the right to read it")
    })?;
    let text = document::unmarked("the key set", path, &text)?;
    let lone = serde_json::from_slice::<Value>(text).is_ok_and(|jwk| jwk.get("kty").is_some());
    let set = match lone {
        true => &Zeroizing::new([b"{\"keys\":[".as_slice(), text, b"]}"].concat()),
        false => text,
    };
    // The library takes a key set for a server's; here it is a file that is wrong.
    JwkSet::parse(set)
        .map_err(|error| Failure::from(error).with_exit(Exit::Usage).found_in(text::path(path)))
}
