//! The token's known state, and what changed.

use okta_introspect::Introspection;
use serde_json::{Map, Value};

/// The state of a token, as far as the server answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Active,
    Inactive,
    /// The server could not be asked, or its answer means nothing.
    Unknown,
}

impl State {
    /// The value of the JSON member `active`; null is "unknown".
    pub(super) fn active(self) -> Option<bool> {
        match self {
            Self::Active => Some(true),
            Self::Inactive => Some(false),
            Self::Unknown => None,
        }
    }

    /// The state for people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Unknown => "unknown",
        }
    }
}

/// The latest state, and the members of the latest active answer.
#[derive(Debug, Default)]
pub(super) struct History {
    state: Option<State>,
    members: Option<Map<String, Value>>,
}

impl History {
    /// The latest state; `None` before the first.
    pub(super) fn state(&self) -> Option<State> {
        self.state
    }

    /// Notes an answer, or that there is none. Returns the state, and the names of what changed:
    /// `None` if nothing did, an empty list for the first state.
    pub(super) fn note<E>(
        &mut self,
        answer: &Result<Introspection, E>,
    ) -> (State, Option<Vec<String>>) {
        match answer {
            Ok(answer) if answer.active => (State::Active, self.note_active(answer)),
            Ok(_) => (State::Inactive, self.enter(State::Inactive)),
            Err(_) => (State::Unknown, self.enter(State::Unknown)),
        }
    }

    /// An active answer is compared with the latest active one. An inactive one has no members, and
    /// their absence is not reported.
    fn note_active(&mut self, answer: &Introspection) -> Option<Vec<String>> {
        let members = members(answer);
        let before = self.members.replace(members.clone());
        let differing = before.map(|before| differing(&before, &members)).unwrap_or_default();
        match self.enter(State::Active) {
            Some(mut changed) => {
                changed.extend(differing);
                Some(changed)
            }
            None => (!differing.is_empty()).then_some(differing),
        }
    }

    fn enter(&mut self, state: State) -> Option<Vec<String>> {
        match self.state.replace(state) {
            None => Some(Vec::new()),
            Some(before) => (before != state).then(|| vec!["active".to_owned()]),
        }
    }
}

/// The members besides `active`.
fn members(answer: &Introspection) -> Map<String, Value> {
    match serde_json::to_value(answer) {
        Ok(Value::Object(mut members)) => {
            members.remove("active");
            members
        }
        // An answer is an object.
        _ => Map::new(),
    }
}

/// The names of members that are not the same in both.
fn differing(before: &Map<String, Value>, now: &Map<String, Value>) -> Vec<String> {
    let added = now.keys().filter(|name| !before.contains_key(*name));
    let changed = before.iter().filter(|(name, value)| now.get(*name) != Some(value));
    changed.map(|(name, _)| name).chain(added).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of these answers, one after another; an empty text is none.
    fn told(answers: &[&str]) -> Vec<Option<String>> {
        let mut history = History::default();
        let mut told = |text: &&str| match text.is_empty() {
            true => history.note(&Err(())).1,
            false => history.note::<()>(&Ok(serde_json::from_str(text).unwrap())).1,
        };
        answers.iter().map(|text| told(text).map(|names| names.join(" "))).collect()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn the_first_state_is_told_whatever_it_is_and_then_only_changes() {
        let (active, inactive) = (r#"{"active":true}"#, r#"{"active":false}"#);
        for first in [active, inactive, ""] {
            assert_eq!(told(&[first, first, first]), [some(""), None, None], "{first}");
        }
        assert_eq!(told(&[active, inactive, active]), [some(""), some("active"), some("active")]);
        assert_eq!(told(&[inactive, "", inactive]), [some(""), some("active"), some("active")]);
    }

    #[test]
    fn members_that_come_go_or_change_are_named() {
        let told = told(&[
            r#"{"active":true,"scope":"b a","exp":60,"sub":"x"}"#,
            // A scope is a set.
            r#"{"active":true,"scope":"a b","exp":60,"sub":"x"}"#,
            r#"{"active":true,"scope":"a","exp":60,"groups":["g"]}"#,
        ]);
        assert_eq!(told, [some(""), None, some("scope sub groups")]);
    }

    #[test]
    fn what_changed_behind_an_outage_or_a_suspension_is_told_afterwards() {
        for between in ["", r#"{"active":false}"#] {
            let told = told(&[
                r#"{"active":true,"scope":"a b"}"#,
                between,
                r#"{"active":true,"scope":"a"}"#,
            ]);
            assert_eq!(told, [some(""), some("active"), some("active scope")]);
        }
    }
}
