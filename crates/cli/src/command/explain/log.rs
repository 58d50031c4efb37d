//! What the org's System Log says about a token.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use okta_introspect::{Client, Error, ResourceCall, Scopes, Token};
use serde_json::Value;

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
    // The token says when it was issued, and may say anything.
    let since = facts.time("iat").unwrap_or(now - DEFAULT_PAST).clamp(now - RETENTION, now);
    let path = format!(
        "/api/v1/logs?sortOrder=DESCENDING&limit=1000&since={}&until={}",
        text(since - TimeDelta::minutes(1)),
        text(now + TimeDelta::minutes(10)),
    );
    let mut pages = resource.pages(ResourceCall::get(path));
    for _ in 0..MAX_PAGES {
        let Some(page) = pages.next_page().await? else { break };
        let events: Vec<Value> = page.json()?;
        if let Some(reason) = events.iter().find_map(|event| reason(event, token, facts)) {
            return Ok(Some(reason));
        }
    }
    Ok(None)
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
