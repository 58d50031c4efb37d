//! `explain`: why is this token inactive?

mod facts;
mod log;

mod reason;
mod signature;

use okta_introspect::{ClaimedIssuer, Client, Clock, ErrorKind, Issuer, SystemClock, Token};
use serde::Serialize;

use crate::args::ExplainArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::token as token_input;
use crate::output;
use crate::settings::Settings;
use crate::text;
use crate::text::human;

use super::destination::Destination;
use super::runtime::wait_for;
use super::setup;

use facts::TokenFacts;
use reason::Reason;

/// The names are stable.
#[derive(Serialize)]
struct Explanation {
    /// Null where no server that can know the token has answered.
    active: Option<bool>,
    kind: &'static str,
    issuer: Option<String>,
    fingerprint: String,
    reasons: Vec<Reason>,
    /// `good`, `bad`, or why it was not checked.
    signature: String,
    /// Whether the System Log was searched, or why not.
    system_log: String,
}

pub(super) fn run(args: ExplainArgs) -> Result<Exit, Failure> {
    let settings = setup::settings(args.client)?;
    let client = settings.client()?;
    let (token, removed) = token_input::read_with_removed(args.token.source())?;
    Destination::of(&settings)?.check(&token)?;
    let explanation = wait_for(explain(&settings, &client, &token, &removed))?;
    let active = explanation.active;
    match args.json {
        true => output::json(&explanation)?,
        false => _ = output::report(text(&explanation))?,
    }
    match active {
        Some(true) => Ok(Exit::Done),
        Some(false) => Ok(Exit::Denied),
        None => Err(Failure::new(
            Exit::Unknown,
            "cannot tell: no server that can know the token has answered",
        )
        .advise("see the first reason, and name the server that issued it with --issuer")),
    }
}

async fn explain(
    settings: &Settings,
    client: &Client,
    token: &Token,
    removed: &[&'static str],
) -> Result<Explanation, Failure> {
    let answer =
        client.introspect(token, None).await.map_err(|error| setup::explain(settings, error))?;
    let facts = TokenFacts::of(token);
    let mut explanation = Explanation {
        active: Some(answer.active),
        kind: facts.kind,
        issuer: facts.text("iss").map(str::to_owned),
        fingerprint: token.fingerprint(),
        reasons: Vec::new(),
        signature: "not checked: the token is active".to_owned(),
        system_log: "not searched: the token is active".to_owned(),
    };
    if answer.active {
        let bound = answer.cnf.as_ref().is_some_and(|cnf| cnf.jkt.is_some()) || facts.is_bound();
        if bound {
            explanation.reasons.push(bound_to_a_key());
        }
        return Ok(explanation);
    }
    look_elsewhere(&mut explanation, settings, client.issuer(), &facts, token).await;
    explanation.reasons.extend(facts.reasons(SystemClock.now()));
    explanation.reasons.extend(removed.iter().map(|what| surrounded_by(what)));
    if explanation.reasons.is_empty() {
        explanation.reasons.push(no_visible_reason());
    }
    Ok(explanation)
}

/// Asks where the token says that it is from; unless that tells the reason, checks the signature and
/// searches the System Log.
async fn look_elsewhere(
    explanation: &mut Explanation,
    settings: &Settings,
    asked: &Issuer,
    facts: &TokenFacts,
    token: &Token,
) {
    let (active, elsewhere) = at_named_server(settings, asked, facts, token).await;
    explanation.active = active;
    explanation.reasons.extend(elsewhere);
    let is_certain = active == Some(true);
    if is_certain {
        "not checked: the token is active elsewhere".clone_into(&mut explanation.signature);
        "not searched: the token is active elsewhere".clone_into(&mut explanation.system_log);
        return;
    }
    let (found, checked) = signature::check(settings, asked, token, facts).await;
    explanation.reasons.extend(found);
    explanation.signature = checked;
    let (found, searched) = in_system_log(settings, token, facts).await;
    explanation.reasons.extend(found);
    explanation.system_log = searched;
}

/// Okta calls the tokens of other servers inactive. Another server of the same org is asked as
/// well; any other address in the token is unverified and must see neither the token nor an
/// assertion. Returns whether the token is active, as far as that is known, and the reason that this
/// is.
async fn at_named_server(
    settings: &Settings,
    asked: &Issuer,
    facts: &TokenFacts,
    token: &Token,
) -> (Option<bool>, Option<Reason>) {
    let issuer = match ClaimedIssuer::of(token, asked) {
        ClaimedIssuer::SameOrg(issuer) => issuer,
        ClaimedIssuer::Other(_) => {
            let named = text::one_line(facts.text("iss").unwrap_or_default());
            let reason = Reason::likely(
                format!("it says that it comes from {named}, which is not this org"),
                "ask the server that issued it, with an app of that org",
            );
            return (None, Some(reason));
        }
        ClaimedIssuer::Unreadable => {
            let reason = Reason::likely(
                "it does not say readably which server it is from: a claim is there twice, or `iss` is no text",
                "look at its claims with `okta-introspect decode`",
            );
            return (None, Some(reason));
        }
        _ => return (Some(false), None),
    };
    let cure = format!("ask with --issuer {issuer}");
    let answer = match settings.client_at(issuer.clone()) {
        Ok(client) => client.introspect(token, None).await.ok(),
        Err(_) => None,
    };
    match answer {
        Some(answer) if answer.active => {
            let reason = format!("it is active at {issuer}, and {asked} was asked");
            (Some(true), Some(Reason::certain(reason, cure)))
        }
        Some(_) => (Some(false), None),
        None => {
            let reason = format!("it comes from {issuer}, and {asked} was asked");
            (None, Some(Reason::likely(reason, cure)))
        }
    }
}

/// What the System Log says, and whether it could be searched.
async fn in_system_log(
    settings: &Settings,
    token: &Token,
    facts: &TokenFacts,
) -> (Option<Reason>, String) {
    let client = match settings.org_client() {
        Ok(client) => client,
        Err(failure) => return (None, format!("not searched: {failure}")),
    };
    match log::search(&client, token, facts, SystemClock.now()).await {
        Ok(Some(reason)) => (Some(reason), "searched".to_owned()),
        Ok(None) => (None, "searched; it does not name the token".to_owned()),
        Err(error) if error.kind() == ErrorKind::RequestRefused => {
            let why = "not searched: this needs the scope okta.logs.read and an admin role that may read it";
            (None, why.to_owned())
        }
        Err(error) => (None, format!("not searched: {error}")),
    }
}

fn bound_to_a_key() -> Reason {
    Reason::possible(
        "it is bound to a key (DPoP): without a proof, or as a plain bearer token, it is refused all the same",
        "send it as `Authorization: DPoP` with a proof for each call",
    )
}

fn surrounded_by(what: &str) -> Reason {
    Reason::possible(
        format!(
            "{what} stood around the token, and were left out here: whoever sends them along gets `inactive`"
        ),
        "copy the token alone",
    )
}

fn no_visible_reason() -> Reason {
    Reason::possible(
        "it cannot be told from outside: revoked, its user or app deactivated, a refresh token of another client, or made up",
        "look for its fingerprint in the System Log, under target.detailEntry.hash",
    )
}

fn text(explanation: &Explanation) -> String {
    let (style, verdict) = match explanation.active {
        Some(true) => (output::GOOD, "active"),
        Some(false) => (output::BAD, "inactive"),
        None => (output::CAUTION, "unknown"),
    };
    let facts = [
        ("kind", Some(explanation.kind.to_owned())),
        ("issuer", explanation.issuer.clone()),
        ("fingerprint", Some(explanation.fingerprint.clone())),
        ("signature", Some(explanation.signature.clone())),
        ("system log", Some(explanation.system_log.clone())),
    ];
    let facts = facts.into_iter().filter_map(|(name, fact)| Some((name, fact?)));
    let mut text = format!("{style}{verdict}{style:#}{}", human::aligned(facts));
    for reason in &explanation.reasons {
        let (likelihood, why) = (reason.likelihood, text::one_line(&reason.reason));
        text.push_str(&format!("\n{likelihood}: {why}\n  {}", reason.cure));
    }
    text
}
