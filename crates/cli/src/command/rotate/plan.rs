//! What is still to be done, from what the org and the files say. Nothing else remembers it, so that a
//! rotation which was interrupted anywhere goes on where it stopped.

use okta_introspect::SigningKey;
use serde::Serialize;

use crate::failure::Failure;
use crate::text;

use super::registered::Registered;

/// One step. Each can be done twice, and after each of them a registered key works: the one in the key
/// file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// The key file gets to say under which id its key is registered.
    Name,
    /// A new key is put beside it.
    Make,
    Register,
    Activate,
    /// The server takes the new key.
    Verify,
    /// The new key gets the name of the key file; the old one stays beside it.
    Switch,
    /// Programs take up the new key.
    Overlap,
    Deactivate,
    Delete,
    /// The old key's file says that nothing is left to be done.
    Finish,
}

/// The keys in the files, and those of the app.
#[derive(Debug)]
pub(super) struct Situation {
    pub(super) current: SigningKey,
    pub(super) next: Option<SigningKey>,
    pub(super) retiring: Option<SigningKey>,
    pub(super) registered: Vec<Registered>,
}

impl Situation {
    /// The app's entry of a key.
    pub(super) fn entry(&self, key: &SigningKey) -> Option<&Registered> {
        self.registered.iter().find(|entry| entry.is(key))
    }

    /// The key whose place another one takes.
    pub(super) fn old(&self) -> &SigningKey {
        self.retired().unwrap_or(&self.current)
    }

    /// The key that takes the place.
    pub(super) fn new_key(&self) -> Option<&SigningKey> {
        match self.retired() {
            Some(_) => Some(&self.current),
            None => self.next.as_ref(),
        }
    }

    /// The key that was in use before, once the switch is done.
    fn retired(&self) -> Option<&SigningKey> {
        self.retiring.as_ref().filter(|retiring| !is_same(retiring, &self.current))
    }

    /// The steps that are left.
    pub(super) fn steps(&self, deletes: bool) -> Result<Vec<Step>, Failure> {
        match self.retired() {
            Some(old) => Ok(self.steps_after_switch(old, deletes)),
            None => self.steps_from_start(deletes),
        }
    }

    fn steps_from_start(&self, deletes: bool) -> Result<Vec<Step>, Failure> {
        let id = self.check_current()?;
        let mut steps = Vec::new();
        if self.current.public_jwk().key_id() != Some(id) {
            steps.push(Step::Name);
        }
        match &self.next {
            None => {
                self.check_room()?;
                steps.extend([Step::Make, Step::Register]);
            }
            Some(next) => match self.entry(next) {
                None => {
                    self.check_room()?;
                    self.check_free(next)?;
                    steps.push(Step::Register);
                }
                Some(entry) if !entry.is_active => steps.push(Step::Activate),
                Some(_) => {}
            },
        }
        // The old key goes only after the new one has worked in its place.
        steps.extend([Step::Verify, Step::Switch, Step::Overlap, Step::Verify, Step::Deactivate]);
        steps.extend(deletes.then_some(Step::Delete));
        steps.push(Step::Finish);
        Ok(steps)
    }

    fn steps_after_switch(&self, old: &SigningKey, deletes: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        let entry = self.entry(old);
        if entry.is_some_and(|entry| entry.is_active) {
            steps.extend([Step::Overlap, Step::Verify, Step::Deactivate]);
        }
        steps.extend((deletes && entry.is_some()).then_some(Step::Delete));
        steps.push(Step::Finish);
        steps
    }

    /// The id under which the key in use is registered.
    fn check_current(&self) -> Result<&str, Failure> {
        let Some(entry) = self.entry(&self.current) else {
            return Err(Failure::usage("the key in the key file is not among the app's keys")
                .advise("check that --client-id and --key-file belong together, or register it"));
        };
        if !entry.is_active {
            return Err(Failure::usage("the key in the key file is inactive at the app")
                .advise("activate it, or put a key that works in its place"));
        }
        entry.key_id.as_deref().ok_or_else(|| {
            Failure::usage("the app's key has no key id, and Okta adds no second one beside it")
                .advise("give it a `kid` in the app's Public Keys list")
        })
    }

    fn check_room(&self) -> Result<(), Failure> {
        let count = self.registered.iter().filter(|entry| entry.is_for_signing).count();
        if count < MAX_KEYS {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "the app has {count} signing keys, which is all that Okta permits"
        ))
        .advise("delete inactive ones; --delete does it with the one that is replaced"))
    }

    fn check_free(&self, next: &SigningKey) -> Result<(), Failure> {
        let id = next.public_jwk().key_id();
        match self.registered.iter().any(|entry| entry.key_id.as_deref() == id) {
            false => Ok(()),
            true => {
                let id = text::setting(id.unwrap_or_default());
                Err(Failure::usage(format!("another key of the app has the new key's id: {id}"))
                    .advise("give the new key an id of its own, or leave it out"))
            }
        }
    }
}

/// Okta permits an app so many signing keys.
const MAX_KEYS: usize = 50;

/// Whether both are one key, whatever their ids.
pub(super) fn is_same(one: &SigningKey, other: &SigningKey) -> bool {
    one.public_jwk().thumbprint() == other.public_jwk().thumbprint()
}

#[cfg(test)]
mod tests {
    use okta_introspect::Algorithm;

    use super::Step::{
        Activate, Deactivate, Delete, Finish, Make, Name, Overlap, Register, Switch, Verify,
    };
    use super::*;

    fn key(id: &str) -> SigningKey {
        SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some(id.to_owned()))
    }

    fn entry(key: &SigningKey, is_active: bool) -> Registered {
        let mut entry = Registered::of_jwk(&key.public_jwk().to_json());
        entry.is_active = is_active;
        entry
    }

    fn situation(files: [Option<&SigningKey>; 3], registered: Vec<Registered>) -> Situation {
        let [current, next, retiring] = files.map(Option::<&SigningKey>::cloned);
        Situation { current: current.unwrap(), next, retiring, registered }
    }

    #[test]
    fn what_is_left_follows_from_what_is_there() {
        let (old, new, other) = (key("k1"), key("k2"), key("k3"));
        let both = |is_active| vec![entry(&other, true), entry(&old, is_active), entry(&new, true)];
        let end = [Verify, Switch, Overlap, Verify, Deactivate, Finish];
        for (name, files, registered, expected) in [
            (
                "new",
                [Some(&old), None, None],
                vec![entry(&old, true)],
                [&[Make, Register][..], &end].concat(),
            ),
            (
                "made",
                [Some(&old), Some(&new), None],
                vec![entry(&old, true)],
                [&[Register][..], &end].concat(),
            ),
            ("registered", [Some(&old), Some(&new), None], both(true), end.to_vec()),
            (
                "inactive",
                [Some(&old), Some(&new), None],
                vec![entry(&old, true), entry(&new, false)],
                [&[Activate][..], &end].concat(),
            ),
            ("half switched", [Some(&old), Some(&new), Some(&old)], both(true), end.to_vec()),
            (
                "switched",
                [Some(&new), None, Some(&old)],
                both(true),
                vec![Overlap, Verify, Deactivate, Finish],
            ),
            ("deactivated", [Some(&new), None, Some(&old)], both(false), vec![Finish]),
            ("deleted", [Some(&new), None, Some(&old)], vec![entry(&new, true)], vec![Finish]),
        ] {
            assert_eq!(situation(files, registered).steps(false).unwrap(), expected, "{name}");
        }
        let switched = |registered| situation([Some(&new), None, Some(&old)], registered);
        assert_eq!(switched(both(false)).steps(true).unwrap(), [Delete, Finish]);
        assert_eq!(switched(vec![entry(&new, true)]).steps(true).unwrap(), [Finish]);
    }

    #[test]
    fn a_file_that_does_not_say_its_keys_id_gets_to_say_it() {
        let key = key("k1");
        let registered = vec![entry(&key, true)];
        let unnamed = key.with_key_id(None);
        let steps = situation([Some(&unnamed), None, None], registered).steps(true).unwrap();
        assert_eq!(steps[..3], [Name, Make, Register]);
    }

    #[test]
    fn what_cannot_be_rotated_is_refused_before_anything_is_done() {
        let (old, new) = (key("k1"), key("k2"));
        let full = |count| {
            let others = (1..count).map(|_| entry(&key("other"), false));
            others.chain([entry(&old, true)]).collect::<Vec<_>>()
        };
        let mut unnamed = entry(&old, true);
        unnamed.key_id = None;
        let mut taken = entry(&key("k2"), true);
        taken.is_active = false;
        for (name, next, registered, says) in [
            ("unknown", None, vec![entry(&new, true)], "not among"),
            ("inactive", None, vec![entry(&old, false)], "inactive"),
            ("unnamed", None, vec![unnamed], "no key id"),
            ("full", None, full(50), "50 signing keys"),
            ("full for the one made", Some(&new), full(50), "50 signing keys"),
            ("taken", Some(&new), vec![entry(&old, true), taken], "k2"),
        ] {
            let failure = situation([Some(&old), next, None], registered).steps(false).unwrap_err();
            assert!(failure.to_string().contains(says), "{name}: {failure}");
        }
        assert!(situation([Some(&old), None, None], full(49)).steps(false).is_ok());
        let mut of_encryption = full(50);
        of_encryption[0].is_for_signing = false;
        assert!(situation([Some(&old), None, None], of_encryption).steps(false).is_ok());
    }
}
