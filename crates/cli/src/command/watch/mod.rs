//! `watch`: whether a token is still active, and when it stops being so.

mod engine;
mod history;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use okta_introspect::{Introspection, SystemClock, SystemRandom};
use serde::Serialize;
use serde_json::Value;

use crate::args::WatchArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::token as token_input;
use crate::output::{self, Reader};
use crate::settings::Settings;
use crate::text;
use crate::text::human;

use super::runtime::{interrupt, wait_for};
use super::setup;
use super::verdict::Asked;

use engine::{Change, End, Engine, Sink};
use history::State;

pub(super) fn run(args: WatchArgs) -> Result<Exit, Failure> {
    let settings = setup::settings(args.client)?;
    let client = settings.client()?;
    let token = token_input::read(args.token.source())?;
    let asked = Asked::about(&token, client, &settings)?;
    let fingerprint = token.fingerprint();
    let (settings, json) = (&settings, args.json);
    let mut output = Output { settings, asked: &asked, fingerprint, json };
    let engine = Engine {
        asked: asked.clone(),
        clock: Arc::new(SystemClock),
        random: Box::new(SystemRandom),
        token,
        hint: args.hint,
        max_age: args.max_age,
        until_inactive: args.until_inactive,
        limit: args.limit,
    };
    let end = wait_for(engine.run(interrupt(), &mut output))?;
    match end.map_err(|error| asked.explain(settings, error))? {
        End::Inactive | End::TimeUp(Some(State::Inactive)) | End::Unread(State::Inactive) => {
            Ok(Exit::Denied)
        }
        End::TimeUp(Some(State::Active)) | End::Unread(State::Active) => Ok(Exit::Done),
        End::Unread(State::Unknown) => Err(Failure::new(
            Exit::Unknown,
            "the output is no longer read, and the token's state is not known",
        )
        .advise("see the note above")),
        End::TimeUp(Some(State::Unknown) | None) => {
            Err(Failure::new(Exit::Unknown, "time is up, and the token's state is not known")
                .advise("see the note above, if there is one, or allow more time with --for"))
        }
        End::Interrupted => Err(Failure::new(Exit::Interrupted, "interrupted")),
    }
}

/// Prints changes.
struct Output<'a> {
    settings: &'a Settings,
    asked: &'a Asked,
    fingerprint: String,
    json: bool,
}

impl Sink for Output<'_> {
    fn change(&mut self, change: &Change) -> Result<Reader, Failure> {
        let failure = change.answer.as_ref().err();
        let failure = failure.map(|error| self.asked.explain(self.settings, error.clone()));
        if let Ok(answer) = &change.answer
            && change.changed.is_empty()
        {
            self.asked.note_what_inactive_proves(answer);
        }
        if let Some(failure) = &failure {
            output::note(format_args!("the token's state is unknown: {failure}; asking again"));
        }
        if !self.json {
            return output::report(text(change));
        }
        output::json_line(&ChangeJson {
            time: change.time.to_rfc3339_opts(SecondsFormat::Millis, true),
            token: &self.fingerprint,
            active: change.state.active(),
            changed: &change.changed,
            introspection: change.answer.as_ref().ok(),
            error: failure.map(|failure| text::one_line(failure.what())),
        })
    }
}

/// The names are stable.
#[derive(Serialize)]
struct ChangeJson<'a> {
    /// When the server was asked.
    time: String,
    /// The token's fingerprint.
    token: &'a str,
    /// Null is "unknown".
    active: Option<bool>,
    /// The names of what is new; empty in the first line.
    changed: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection: Option<&'a Introspection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// One line: the time, the state, and the changed members of an active token.
fn text(change: &Change) -> String {
    let style = match change.state {
        State::Active => output::GOOD,
        State::Inactive => output::BAD,
        State::Unknown => output::CAUTION,
    };
    let time = change.time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let members = change.answer.as_ref().ok().filter(|answer| answer.active);
    let members = members
        .map_or_else(String::new, |answer| members_text(answer, &change.changed, change.time));
    format!("{time}  {style}{}{style:#}{members}", change.state.word())
}

/// The changed members with their values; in the first line, scope and exp.
fn members_text(answer: &Introspection, changed: &[String], now: DateTime<Utc>) -> String {
    let all = serde_json::to_value(answer).unwrap_or_default();
    let told = |name: &str| match all.get(name) {
        Some(value) => format!("  {name}: {}", human::member(name, value, now)),
        None => format!("  {name}: none any more"),
    };
    let text: String = match changed.is_empty() {
        true => {
            ["scope", "exp"].into_iter().filter(|name| is_there(&all, name)).map(told).collect()
        }
        false => changed.iter().filter(|name| *name != "active").map(|name| told(name)).collect(),
    };
    // Names and values come from the server: no line breaks or terminal controls.
    text.replace(char::is_control, " ")
}

fn is_there(all: &Value, name: &str) -> bool {
    all.get(name).is_some()
}
