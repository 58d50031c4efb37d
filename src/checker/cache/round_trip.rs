//! Nothing of an answer is lost in the small form: random answers, odd ones above all, come out of
//! it as they went in.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::checker::cache::facts::{Facts, Nature, sample};
use crate::checker::cache::intern::Interner;
use crate::oauth::introspect::{Confirmation, Introspection};
use crate::scope::Scopes;
use crate::support::random::{Random, SeededRandom};

const ROUNDS: usize = 1000;

/// Random answers from few pieces, so that some have the same and some repeat one of their own.
struct Answers(SeededRandom);

impl Answers {
    fn pick<T: Clone>(&self, pieces: &[T]) -> T {
        pieces[(self.0.fraction() * pieces.len() as f64) as usize].clone()
    }

    fn text(&self) -> Option<String> {
        let long = ["x".repeat(62), "ä".repeat(2100), "\u{0}".repeat(70_000)];
        let texts = ["", "a", "ada", "AT.1", "ID.1", "00u1", "\u{7f}@\u{1f600}"];
        let some = match self.0.fraction() < 0.05 {
            true => self.pick(&long),
            false => self.pick(&texts).to_owned(),
        };
        self.pick(&[None, Some(some)])
    }

    fn time(&self) -> Option<DateTime<Utc>> {
        let last = i64::from(u32::MAX);
        let seconds = self.pick(&[
            0,
            1,
            -1,
            1_795_211_259,
            last - 2,
            last - 1,
            last,
            last + 1,
            99_999_999_999,
            DateTime::<Utc>::MIN_UTC.timestamp(),
            DateTime::<Utc>::MAX_UTC.timestamp(),
        ]);
        // Servers' fractions are cut where answers are read; an upstream by hand may have some,
        // and a leap second.
        let nanos = self.pick(&[0, 0, 0, 1, 500_000_000, 999_999_999, 1_500_000_000]);
        let seconds =
            if nanos >= 1_000_000_000 { seconds.div_euclid(60) * 60 + 59 } else { seconds };
        self.pick(&[None, DateTime::from_timestamp(seconds, nanos)])
    }

    fn aud(&self) -> Vec<String> {
        let many: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        let pair = |one: &str, other: &str| vec![one.to_owned(), other.to_owned()];
        self.pick(&[
            vec![],
            vec![String::new()],
            vec!["x".to_owned()],
            pair("x", "y"),
            pair("y", "x"),
            pair("x", "x"),
            many,
        ])
    }

    fn members(&self) -> Map<String, Value> {
        let names = ["", "email", "groups", "at_hash", "x5t#S256", "ä", "n"];
        let values = [
            json!(null),
            json!(""),
            json!("ada@acme.example"),
            json!(["Everyone", ["a"], {}]),
            json!({"a": {"b": [null]}, "": 1}),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(-0.0),
            json!(1e300),
            json!(false),
        ];
        let count = self.pick(&[0, 0, 1, 2, 5]);
        (0..count).map(|_| (self.pick(&names).to_owned(), self.pick(&values))).collect()
    }

    fn cnf(&self) -> Option<Confirmation> {
        let extra = self.pick(&[Map::new(), self.members()]);
        self.pick(&[None, Some(Confirmation { jkt: self.text(), extra })])
    }

    fn answer(&self) -> Introspection {
        let mut answer = sample::introspection(json!({}));
        let scopes = [None, Some(""), Some("a"), Some("b a"), Some("a b a")];
        let types = ["", "Bearer", "bearer", "DPoP", "dpop", "N_A", "access_token"];
        answer.active = self.pick(&[true, true, false]);
        answer.scope = self.pick(&scopes).map(Scopes::from_answer);
        answer.token_type = self.pick(&[None, Some(self.pick(&types).to_owned())]);
        answer.aud = self.aud().into();
        for text in [
            &mut answer.client_id,
            &mut answer.username,
            &mut answer.sub,
            &mut answer.uid,
            &mut answer.iss,
            &mut answer.jti,
            &mut answer.device_id,
            &mut answer.sid,
        ] {
            *text = self.text();
        }
        (answer.exp, answer.iat, answer.nbf) = (self.time(), self.time(), self.time());
        (answer.cnf, answer.extra) = (self.cnf(), self.members());
        answer
    }
}

#[test]
fn every_answer_comes_out_as_it_went_in() {
    let (answers, interner) = (Answers(SeededRandom::new(7)), Interner::default());
    for round in 0..ROUNDS {
        let answer = answers.answer();
        let facts = Facts::new(answer.clone(), sample::sent(1), None, 0, &interner);
        let again = facts.introspection();
        assert_eq!(again, answer, "round {round}");
        // The order of members that have none is kept too.
        let written = |answer: &Introspection| serde_json::to_string(answer).unwrap();
        assert_eq!(written(&again), written(&answer), "round {round}");
    }
}

#[test]
fn every_look_at_the_small_form_sees_what_the_answer_says() {
    let (answers, interner) = (Answers(SeededRandom::new(8)), Interner::default());
    for round in 0..ROUNDS {
        let answer = answers.answer();
        let facts = Facts::new(answer.clone(), sample::sent(1), None, 0, &interner);
        let texts = [
            (facts.jti(), &answer.jti),
            (facts.uid(), &answer.uid),
            (facts.sub(), &answer.sub),
            (facts.username(), &answer.username),
            (facts.client_id(), &answer.client_id),
            (facts.iss(), &answer.iss),
        ];
        for (at, (own, expected)) in texts.into_iter().enumerate() {
            assert_eq!(own, expected.as_deref(), "round {round}, text {at}");
        }
        assert_eq!((facts.scope(), facts.aud()), (answer.scope.as_ref(), &*answer.aud));
        for name in ["", "email", "groups", "at_hash", "none"] {
            let text = answer.extra.get(name).and_then(Value::as_str);
            assert_eq!(facts.extra(name), text, "round {round}, {name}");
        }
        let key = answer.cnf.as_ref().filter(|cnf| !cnf.extra.contains_key("x5t#S256"));
        let key = key.and_then(|cnf| cnf.jkt.as_deref());
        assert_eq!(facts.sole_jkt(), key, "round {round}");
        assert_eq!(facts.has_user, answer.uid.is_some() || answer.username.is_some());
        assert_eq!(facts.nature != Nature::Inactive, answer.active, "round {round}");
        let is_access_token = answer.active && answer.is_access_token();
        assert_eq!(facts.nature == Nature::AccessToken, is_access_token, "round {round}");
        for now in answer.nbf.map_or(0, |nbf| nbf.timestamp()) - 1.. {
            let begun = answer.nbf.is_none_or(|nbf| now >= nbf.timestamp());
            assert_eq!(facts.has_begun(now), begun, "round {round}, {now}");
            if begun {
                break;
            }
        }
    }
}
