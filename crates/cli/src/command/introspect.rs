//! `introspect`: whether a token is active right now.

use chrono::{DateTime, Utc};
use okta_introspect::{Clock, Introspection, SystemClock};

use crate::args::IntrospectArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::token as token_input;
use crate::output;
use crate::text::human;

use super::other_server::{self, Needed};
use super::runtime::wait_for;
use super::verdict::Asked;
use super::{batch, setup};

pub(super) fn run(args: IntrospectArgs) -> Result<Exit, Failure> {
    if let Some(input) = args.batch.clone() {
        return batch::run(args, &input);
    }
    // Settings first: a missing one is reported before a token is pasted.
    let settings = setup::settings(args.client)?;
    let client = other_server::client(&settings, &args.server, &[Needed::Introspection])?;
    let token = token_input::read(args.token.source())?;
    let asked = Asked::about(&token, client, &settings)?;
    let answer = wait_for(async {
        let answer = asked.introspect(&token, args.hint).await;
        answer.map_err(|error| asked.explain(&settings, error))
    })?;
    asked.note_what_inactive_proves(&answer);
    if args.json {
        output::json(&answer)?;
    } else {
        output::report(text(&answer, SystemClock.now()))?;
    }
    Ok(verdict(&answer))
}

/// The exit code that tells scripts the answer.
fn verdict(answer: &Introspection) -> Exit {
    if answer.active { Exit::Done } else { Exit::Denied }
}

fn text(answer: &Introspection, now: DateTime<Utc>) -> String {
    let (style, verdict) = match answer.active {
        true => (output::GOOD, "active"),
        false => (output::BAD, "inactive"),
    };
    format!("{style}{verdict}{style:#}{}", human::aligned(members(answer, now)))
}

/// The other members, the most wanted first.
fn members(answer: &Introspection, now: DateTime<Utc>) -> Vec<(&str, String)> {
    let shown = |time: Option<DateTime<Utc>>| time.map(|time| human::time(time, now));
    let aud = (!answer.aud.is_empty()).then(|| answer.aud.join(" "));
    let jkt = answer.cnf.as_ref().and_then(|cnf| cnf.jkt.clone());
    let known = [
        ("scope", answer.scope.as_ref().map(ToString::to_string)),
        ("client_id", answer.client_id.clone()),
        ("username", answer.username.clone()),
        ("sub", answer.sub.clone()),
        ("uid", answer.uid.clone()),
        ("aud", aud),
        ("iss", answer.iss.clone()),
        ("exp", shown(answer.exp)),
        ("iat", shown(answer.iat)),
        ("nbf", shown(answer.nbf)),
        ("token_type", answer.token_type.clone()),
        ("jti", answer.jti.clone()),
        ("device_id", answer.device_id.clone()),
        ("sid", answer.sid.clone()),
        ("cnf.jkt", jkt),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let extra = answer.extra.iter();
    known
        .chain(extra.map(|(name, value)| (name.as_str(), human::member(name, value, now))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> String {
        let now = DateTime::from_timestamp(1_795_211_259, 0).unwrap();
        text(&serde_json::from_str(json).unwrap(), now)
    }

    #[test]
    fn the_verdict_comes_first_and_members_follow_aligned() {
        let told = told(
            r#"{"active":true,"scope":"b a","aud":["x","y"],"exp":1795214858,"groups":["g"]}"#,
        );
        let plain = anstream::adapter::strip_str(&told).to_string();
        assert_eq!(
            plain,
            "active\n  scope   a b\n  aud     x y\n  exp     2026-11-20T22:47:38Z (in 59 min)\n  groups  g"
        );
    }

    #[test]
    fn an_inactive_token_is_told_in_one_word() {
        assert_eq!(
            anstream::adapter::strip_str(&told(r#"{"active":false}"#)).to_string(),
            "inactive"
        );
    }
}
