//! What the org's System Log says about a token.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use okta_introspect::{Client, Error, ResourceCall, Scopes, Token};
use serde_json::Value;

use crate::command::times::shifted;

use super::facts::TokenFacts;
use super::reason::Reason;

/// Pages of a thousand events, newest first.
const MAX_PAGES: usize = 3;

/// How far back a token without a date is looked for, as Okta's own default.
const DEFAULT_PAST: TimeDelta = TimeDelta::days(7);

/// How long Okta keeps events.
const RETENTION: TimeDelta = TimeDelta::days(90);

/// What ends tokens: the event, the claim that names its target, and what it means.
const ENDS: [(&str, &str, &str); 6] = [
    ("user.lifecycle.deactivate", "uid", "its user was deactivated"),
    ("user.lifecycle.suspend", "uid", "its user was suspended"),
    ("user.lifecycle.delete.initiated", "uid", "its user was deleted"),
    ("application.lifecycle.deactivate", "cid", "its app was deactivated"),
    ("application.lifecycle.delete", "cid", "its app was deleted"),
    ("application.user_membership.remove", "uid", "its user lost the app"),
];

/// Looks for the event that ended the token.
pub(super) async fn search(
    client: &Client,
    token: &Token,
    facts: &TokenFacts,
    now: DateTime<Utc>,
) -> Result<Option<Reason>, Error> {
    let resource = client.resource(Scopes::parse("okta.logs.read")?);
    let mut pages = resource.pages(ResourceCall::get(path(facts, now)));
    for _ in 0..MAX_PAGES {
        let Some(page) = pages.next_page().await? else { break };
        let events: Vec<Value> = page.json()?;
        if let Some(reason) = events.iter().find_map(|event| reason(event, token, facts)) {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

/// The search for what happened in the token's life, and a little around it.
fn path(facts: &TokenFacts, now: DateTime<Utc>) -> String {
    // The token says when it was issued, and may say anything.
    let since = facts.time("iat").unwrap_or_else(|| shifted(now, -DEFAULT_PAST));
    let since = since.clamp(shifted(now, -RETENTION), now);
    format!(
        "/api/v1/logs?sortOrder=DESCENDING&limit=1000&since={}&until={}",
        text(shifted(since, TimeDelta::minutes(-1))),
        text(shifted(now, TimeDelta::minutes(10))),
    )
}

/// What the event means for the token, if it means anything.
fn reason(event: &Value, token: &Token, facts: &TokenFacts) -> Option<Reason> {
    if event["outcome"]["result"] != "SUCCESS" {
        return None;
    }
    let kind = event["eventType"].as_str()?;
    let targets = event["target"].as_array()?;
    let what = if kind.ends_with(".token.revoke") {
        targets.iter().any(|target| is_token(target, token, facts)).then_some("it was revoked")?
    } else {
        let (_, claim, what) = ENDS.iter().find(|(name, ..)| *name == kind)?;
        let id = facts.text(claim)?;
        targets.iter().any(|target| target["id"] == id).then_some(*what)?
    };
    let by = event["actor"]["displayName"].as_str().unwrap_or("somebody");
    let when = event["published"].as_str().unwrap_or("some time");
    Some(Reason::certain(format!("{what}: at {when}, by {by} (System Log)"), "get a new one"))
}

/// Okta logs a token by its hash and, it seems, by its `jti`.
fn is_token(target: &Value, token: &Token, facts: &TokenFacts) -> bool {
    let by_id = facts.text("jti").is_some_and(|jti| target["id"] == jti);
    by_id || target["detailEntry"]["hash"] == token.fingerprint()
}

/// A time for a query: in UTC, without a `+` that would have to be encoded.
fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_time_a_token_names_the_search_is_within_what_okta_keeps() {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;

        let now = DateTime::from_timestamp(1_795_211_259, 0).unwrap();
        for (iat, since) in [
            ("1795211199", "&since=2026-11-20T21:45:39"),
            ("-8334601228800", "&since=2026-08-22T21:46:39"),
            ("8210266876799", "&since=2026-11-20T21:46:39"),
            ("1e300", "&since=2026-11-13T21:46:39"),
        ] {
            let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":{iat}}}"#));
            let token = Token::parse(&format!("eyJhbGciOiJub25lIn0.{claims}.")).unwrap();
            let path = path(&TokenFacts::of(&token), now);
            assert!(path.contains(since), "{iat}: {path}");
        }
    }
}
