//! What few answers say, and what has no place in the small form of the others.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::checker::cache::seconds::Seconds;
use crate::oauth::introspect::{Confirmation, Introspection};

/// What is kept of an answer beyond what answers commonly say.
#[derive(Debug)]
pub(crate) struct Rest {
    /// The members without a field that are no texts, in the order of their names.
    pub(crate) values: Box<[Value]>,
    odd: Option<Box<Odd>>,
}

/// What hardly any answer says.
#[derive(Debug, Default)]
struct Odd {
    /// A binding that is more than the thumbprint of a key, or less.
    cnf: Option<Confirmation>,
    /// Those of the times that are [elsewhere](Seconds::is_elsewhere).
    times: Times,
}

/// `exp`, `iat` and `nbf`, those that are in question.
pub(crate) type Times = [Option<DateTime<Utc>>; 3];

impl Rest {
    /// Takes it out of an answer, of which the thumbprint has been taken already where that is all
    /// of its binding. Mostly nothing is left.
    pub(crate) fn take(answer: &mut Introspection) -> Option<Box<Self>> {
        let values = std::mem::take(&mut answer.extra).into_iter().map(|(_, value)| value);
        let mut values: Box<[Value]> = values.filter(|value| !value.is_string()).collect();
        values.iter_mut().for_each(shrink);
        let elsewhere =
            |time| Some(time).filter(|time| Seconds::of(*time).is_elsewhere()).flatten();
        let times = [answer.exp, answer.iat, answer.nbf].map(elsewhere);
        let cnf = answer.cnf.take();
        let is_odd = cnf.is_some() || times.iter().any(Option::is_some);
        let odd = is_odd.then(|| Box::new(Odd { cnf, times }));
        (odd.is_some() || !values.is_empty()).then(|| Box::new(Self { values, odd }))
    }

    pub(crate) fn cnf(&self) -> Option<&Confirmation> {
        self.odd.as_ref()?.cnf.as_ref()
    }

    pub(crate) fn times(&self) -> Times {
        self.odd.as_ref().map(|odd| odd.times).unwrap_or_default()
    }
}

/// What was read has room for more elements than it has.
fn shrink(value: &mut Value) {
    match value {
        Value::Array(elements) => {
            elements.shrink_to_fit();
            elements.iter_mut().for_each(shrink);
        }
        Value::Object(members) => members.values_mut().for_each(shrink),
        _ => {}
    }
}
