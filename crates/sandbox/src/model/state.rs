//! What the server knows. Pure: time and identifiers come in as arguments.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::app::{App, AppStatus};
use super::app_key::AppKey;
use super::authority::{Authority, FIRST_CUSTOM_KEY};
use super::channel_faults::ChannelFaults;
use super::client_secret::ClientSecret;
use super::custom_server::CustomServer;
use super::group::Group;
use super::key_ring::KeyRing;
use super::limits::Limits;
use super::log::SystemLog;
use super::log_lag::LogLag;
use super::nonces::Nonces;
use super::records::Records;
use super::replay::{UsedAssertions, UsedProofs};
use super::seed::Seed;
use super::tokens::{Digest, Issued, Tokens};
use super::user::{User, UserStatus};
use crate::error::Error;

/// Everything that changes while the server runs.
pub(crate) struct State {
    apps: BTreeMap<String, Arc<App>>,
    users: BTreeMap<String, User>,
    authorities: BTreeMap<String, Authority>,
    /// In the order in which they were made.
    pub(crate) groups: Vec<Group>,
    /// The number of the next signing key.
    next_key: usize,
    pub(crate) tokens: Tokens,
    pub(crate) used_assertions: UsedAssertions,
    pub(crate) used_proofs: UsedProofs,
    pub(crate) nonces: Nonces,
    pub(crate) limits: Limits,
    pub(crate) log: SystemLog,
    pub(crate) log_lag: LogLag,
    pub(crate) log_faults: ChannelFaults,
    pub(crate) records: Records,
    /// How far the server's clock is ahead of the sandbox's.
    pub(crate) clock_offset: TimeDelta,
}

impl State {
    /// Takes the seed, unless it contradicts itself.
    pub(crate) fn new(seed: Seed, now: DateTime<Utc>) -> Result<Self, Error> {
        let mut state = Self {
            apps: BTreeMap::new(),
            users: BTreeMap::new(),
            authorities: BTreeMap::new(),
            groups: Vec::new(),
            next_key: FIRST_CUSTOM_KEY,
            tokens: Tokens::default(),
            used_assertions: UsedAssertions::default(),
            used_proofs: UsedProofs::default(),
            nonces: Nonces::default(),
            limits: Limits::new(seed.rate_limits, seed.app_share),
            log: SystemLog::default(),
            log_lag: seed.log_lag,
            log_faults: ChannelFaults::default(),
            records: Records::default(),
            clock_offset: TimeDelta::zero(),
        };
        for app in seed.apps {
            check_id("app", &app.client_id, state.apps.contains_key(&app.client_id))?;
            check_secrets(&app)?;
            state.register(app, now);
        }
        for user in seed.users {
            check_id("user", &user.id, state.users.contains_key(&user.id))?;
            let created = user.created.or(Some(now));
            state.users.insert(user.id.clone(), User { created, ..user });
        }
        for server in seed.servers {
            check_id("server", &server.id, state.authorities.contains_key(&server.id))?;
            state.add_server(server)?;
        }
        Ok(state)
    }

    fn add_server(&mut self, server: CustomServer) -> Result<(), Error> {
        server.check()?;
        let keys = KeyRing::new(self.new_key(), self.new_key());
        let id = server.id.clone();
        self.authorities.insert(id, Authority::Custom { server: Arc::new(server), keys });
        Ok(())
    }

    fn new_key(&mut self) -> usize {
        self.next_key += 1;
        self.next_key - 1
    }

    /// Adds an app, or replaces the one with the same client id.
    pub(crate) fn register(&mut self, mut app: App, now: DateTime<Utc>) {
        app.jwks = app.jwks.into_iter().map(|key| key.created_at(now)).collect();
        app.secrets = app.secrets.into_iter().map(|secret| secret.created_at(now)).collect();
        self.apps.insert(app.client_id.clone(), Arc::new(app));
    }

    pub(crate) fn app(&self, client_id: &str) -> Option<Arc<App>> {
        self.apps.get(client_id).cloned()
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id)
    }

    /// A custom server.
    pub(crate) fn authority(&self, id: &str) -> Option<Authority> {
        self.authorities.get(id).cloned()
    }

    /// The app with this client id and the custom server with this id, or else the org server.
    pub(crate) fn party(
        &self,
        client_id: &str,
        server: Option<&str>,
    ) -> Result<(Arc<App>, Authority), Error> {
        let app = self.app(client_id).ok_or_else(|| Error::unknown("app", client_id))?;
        let authority = match server {
            Some(id) => self.authority(id).ok_or_else(|| Error::unknown("server", id))?,
            None => Authority::Org,
        };
        Ok((app, authority))
    }

    pub(crate) fn known_user(&self, id: &str) -> Result<&User, Error> {
        self.user(id).ok_or_else(|| Error::unknown("user", id))
    }

    /// Rotates the keys of a custom server.
    pub(crate) fn rotate_keys(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), Error> {
        let fresh = self.new_key();
        self.key_ring(id)?.rotate(now, fresh);
        Ok(())
    }

    pub(crate) fn schedule_rotation(&mut self, id: &str, at: DateTime<Utc>) -> Result<(), Error> {
        self.key_ring(id)?.schedule(at);
        Ok(())
    }

    /// Does the rotations that have fallen due, and gives the servers' ids.
    pub(crate) fn rotate_due(&mut self, now: DateTime<Utc>) -> Vec<String> {
        let mut rotated = Vec::new();
        for (id, authority) in &mut self.authorities {
            let Authority::Custom { keys, .. } = authority else { continue };
            if keys.rotate_if_due(now, self.next_key) {
                self.next_key += 1;
                rotated.push(id.clone());
            }
        }
        rotated
    }

    fn key_ring(&mut self, id: &str) -> Result<&mut KeyRing, Error> {
        match self.authorities.get_mut(id) {
            Some(Authority::Custom { keys, .. }) => Ok(keys),
            _ => Err(Error::unknown("server", id)),
        }
    }

    /// Changes the keys of an app.
    pub(crate) fn change_keys(
        &mut self,
        client_id: &str,
        change: impl FnOnce(&mut Vec<AppKey>),
    ) -> Result<(), Error> {
        self.change_app(client_id, |app| change(&mut app.jwks))
    }

    /// Changes the client secrets of an app.
    pub(crate) fn change_secrets(
        &mut self,
        client_id: &str,
        change: impl FnOnce(&mut Vec<ClientSecret>),
    ) -> Result<(), Error> {
        self.change_app(client_id, |app| change(&mut app.secrets))
    }

    pub(crate) fn deactivate_key(&mut self, client_id: &str, key_id: &str) -> Result<(), Error> {
        let mut found = false;
        self.change_app(client_id, |app| {
            for key in app.jwks.iter_mut().filter(|key| key.key_id() == Some(key_id)) {
                key.set_active(false);
                found = true;
            }
        })?;
        match found {
            true => Ok(()),
            false => Err(Error::unknown("key", key_id)),
        }
    }

    pub(crate) fn grant(&mut self, client_id: &str, scope: String) -> Result<(), Error> {
        self.change_app(client_id, |app| {
            app.scopes.insert(scope);
        })
    }

    /// Activates or deactivates an app. Okta: deactivation kills the app's tokens for good.
    pub(crate) fn set_app_status(
        &mut self,
        client_id: &str,
        status: AppStatus,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        self.change_app(client_id, |app| app.status = status)?;
        if status == AppStatus::Inactive {
            self.tokens.revoke_all(now, |issued| issued.client_id == client_id);
        }
        Ok(())
    }

    /// Removes an app.
    pub(crate) fn remove_app(&mut self, client_id: &str) -> Result<Arc<App>, Error> {
        self.apps.remove(client_id).ok_or_else(|| Error::unknown("app", client_id))
    }

    /// Sets a user's status. Okta: deactivation kills the user's tokens for good; any other
    /// status but `ACTIVE` makes them inactive for as long as it lasts.
    pub(crate) fn set_user_status(
        &mut self,
        id: &str,
        status: UserStatus,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        self.users.get_mut(id).ok_or_else(|| Error::unknown("user", id))?.status = status;
        if status == UserStatus::Deprovisioned {
            self.tokens.revoke_all(now, |issued| issued.user_id.as_deref() == Some(id));
        }
        Ok(())
    }

    /// A token of any kind that this authorization server issued and that is good now: not expired, not
    /// revoked, its client and its user active.
    pub(crate) fn active_token(
        &self,
        authority: &Authority,
        token: &str,
        now: DateTime<Utc>,
    ) -> Option<&Issued> {
        let issued = self.tokens.find(&Digest::of(token))?;
        let client_is_active =
            self.apps.get(&issued.client_id).is_some_and(|app| app.status == AppStatus::Active);
        let user_is_active = issued.user_id.as_ref().is_none_or(|id| {
            self.users.get(id).is_some_and(|user| user.status == UserStatus::Active)
        });
        let good = issued.authority.as_deref() == authority.id()
            && !issued.revoked
            && !issued.is_expired(now)
            && client_is_active
            && user_is_active;
        good.then_some(issued)
    }

    fn change_app(&mut self, client_id: &str, change: impl FnOnce(&mut App)) -> Result<(), Error> {
        let app = self.apps.get_mut(client_id).ok_or_else(|| Error::unknown("app", client_id))?;
        // A request that is being answered keeps the app as it was when it came in.
        change(Arc::make_mut(app));
        Ok(())
    }
}

fn check_id(what: &str, id: &str, taken: bool) -> Result<(), Error> {
    if id.is_empty() {
        return Err(Error::new(format!("a seeded {what} has an empty id"), "give it one"));
    }
    if taken {
        return Err(Error::new(format!("the seed has two {what}s {id:?}"), "give each its own"));
    }
    Ok(())
}

fn check_secrets(app: &App) -> Result<(), Error> {
    match app.secrets.len() <= App::MAX_SECRETS {
        true => Ok(()),
        false => Err(Error::new(
            format!("the seeded app {:?} has more than two client secrets", app.client_id),
            "leave two of them: Okta has no more",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scopes::Scopes;
    use super::super::tokens::TokenKind;
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn state() -> State {
        let seed = Seed {
            apps: vec![App::service("0oa1"), App::service("0oa2")],
            users: vec![User::new("00u1", "ada@example.test")],
            servers: vec![CustomServer::new("default"), CustomServer::new("other")],
            ..Seed::default()
        };
        let mut state = State::new(seed, now()).unwrap();
        let issued = Issued {
            authority: Some("default".to_owned()),
            kind: TokenKind::Access,
            jti: "AT.1".to_owned(),
            client_id: "0oa1".to_owned(),
            user_id: Some("00u1".to_owned()),
            subject: "ada@example.test".to_owned(),
            scopes: Scopes::default(),
            issuer: String::new(),
            audience: String::new(),
            jkt: None,
            issued_at: 0,
            expires_at: 60,
            revoked: false,
        };
        state.tokens.insert(Digest::of("token"), issued, now());
        state
    }

    fn is_active(state: &State) -> bool {
        let authority = state.authority("default").unwrap();
        state.active_token(&authority, "token", now()).is_some()
    }

    #[test]
    fn a_token_is_active_at_its_own_server_only() {
        let state = state();
        assert!(is_active(&state));
        let other = state.authority("other").unwrap();
        assert!(state.active_token(&other, "token", now()).is_none());
        assert!(state.active_token(&Authority::Org, "token", now()).is_none());
    }

    #[test]
    fn tokens_of_a_deactivated_app_stay_dead() {
        let mut state = state();
        state.set_app_status("0oa2", AppStatus::Inactive, now()).unwrap();
        assert!(is_active(&state));
        state.set_app_status("0oa1", AppStatus::Inactive, now()).unwrap();
        assert!(!is_active(&state));
        state.set_app_status("0oa1", AppStatus::Active, now()).unwrap();
        assert!(!is_active(&state));
    }

    #[test]
    fn suspension_ends_and_deactivation_does_not() {
        let mut state = state();
        state.set_user_status("00u1", UserStatus::Suspended, now()).unwrap();
        assert!(!is_active(&state));
        state.set_user_status("00u1", UserStatus::Active, now()).unwrap();
        assert!(is_active(&state));
        state.set_user_status("00u1", UserStatus::Deprovisioned, now()).unwrap();
        state.set_user_status("00u1", UserStatus::Active, now()).unwrap();
        assert!(!is_active(&state));
    }

    #[test]
    fn a_seed_that_names_something_twice_is_refused() {
        let twice = Seed { apps: vec![App::service("0oa1"); 2], ..Seed::default() };
        assert!(State::new(twice, now()).is_err());
        let empty = Seed { users: vec![User::new("", "ada")], ..Seed::default() };
        assert!(State::new(empty, now()).is_err());
    }

    #[test]
    fn what_is_unknown_cannot_be_changed() {
        let mut state = state();
        assert!(state.grant("0oa9", "okta.users.read".to_owned()).is_err());
        assert!(state.deactivate_key("0oa1", "k9").is_err());
        assert!(state.set_user_status("00u9", UserStatus::Active, now()).is_err());
    }
}
