//! How tokens die and users lose their sessions, with an event in the System Log or without one.

use super::sandbox::Sandbox;
use crate::error::Error;
use crate::model::as_token::AsToken;
use crate::model::event::LogEntity;
use crate::model::event_type::{self, EventType};
use crate::model::tokens::Digest;
use crate::model::tokens_of::TokensOf;

impl Sandbox {
    /// Revokes these access tokens as Okta does when it names none of them, and says in the System
    /// Log whose they were: `app.oauth2.token.revoke.implicit.user`, `….client` or `….as`, and
    /// `application.user_membership.remove` of an assignment. Gives how many were good until now.
    ///
    /// # Errors
    ///
    /// If there is no such user, client or server; then nothing is revoked.
    pub fn revoke_all(&self, tokens: TokensOf<'_>) -> Result<usize, Error> {
        let (event_type, target) = tokens.event(&self.world().state())?;
        let revoked = self.kill(tokens);
        self.world().log_change(event_type, target);
        Ok(revoked)
    }

    /// As [`revoke_all`](Self::revoke_all), but no event tells of it: as when a policy, a grant or an
    /// assignment was changed that Okta has no event for. Only those who ask learn it.
    ///
    /// # Errors
    ///
    /// As [`revoke_all`](Self::revoke_all).
    pub fn revoke_all_silently(&self, tokens: TokensOf<'_>) -> Result<usize, Error> {
        tokens.event(&self.world().state())?;
        Ok(self.kill(tokens))
    }

    /// As [`revoke`](Self::revoke), but no event tells of it.
    pub fn revoke_silently(&self, token: &(impl AsToken + ?Sized)) -> bool {
        let digest = Digest::of(token.as_token());
        self.world().state().tokens.revoke(&digest)
    }

    /// Signs the user out of all apps by Universal Logout: Okta's own sessions and tokens of the
    /// user end, and every channel for it is told. In the System
    /// Log it is `user.authentication.universal_logout`. Gives how many tokens were good until now.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn universal_logout(&self, user_id: &str) -> Result<usize, Error> {
        self.about_user(user_id, event_type::UNIVERSAL_LOGOUT, true)
    }

    /// Ends the user's session as signing out does (`user.session.end`). Tokens stay good.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn end_session(&self, user_id: &str) -> Result<(), Error> {
        self.about_user(user_id, event_type::SESSION_ENDED, false).map(drop)
    }

    /// Ends all sessions of the user as an administrator does (`user.session.clear`), and revokes
    /// the tokens as well if `tokens_too`, as Okta's `oauthTokens=true`. Gives how many of these
    /// were good until now.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn clear_sessions(&self, user_id: &str, tokens_too: bool) -> Result<usize, Error> {
        self.about_user(user_id, event_type::SESSIONS_CLEARED, tokens_too)
    }

    /// Changes the user's password (`user.account.update_password`). Tokens stay good.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn change_password(&self, user_id: &str) -> Result<(), Error> {
        self.about_user(user_id, event_type::PASSWORD_CHANGED, false).map(drop)
    }

    /// Takes all second factors from the user (`user.mfa.factor.reset_all`). Tokens stay good.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn reset_factors(&self, user_id: &str) -> Result<(), Error> {
        self.about_user(user_id, event_type::FACTORS_RESET, false).map(drop)
    }

    /// Deletes an app (`application.lifecycle.delete`). Its tokens are dead for good.
    ///
    /// # Errors
    ///
    /// If there is no such app.
    pub fn delete_app(&self, client_id: &str) -> Result<(), Error> {
        let app = self.world().state().remove_app(client_id)?;
        self.kill(TokensOf::Client(client_id));
        self.world().log_change(event_type::APP_DELETED, vec![LogEntity::app(&app)]);
        Ok(())
    }

    /// Something about a user that its tokens may not survive. They die before it is told: what
    /// asks about them as soon as it reads of it must not find them good.
    fn about_user(
        &self,
        user_id: &str,
        event_type: EventType,
        tokens_die: bool,
    ) -> Result<usize, Error> {
        let target = self.world().state().known_user(user_id).map(LogEntity::user)?;
        let killed = if tokens_die { self.kill(TokensOf::User(user_id)) } else { 0 };
        self.world().log_change(event_type, vec![target]);
        Ok(killed)
    }

    fn kill(&self, tokens: TokensOf<'_>) -> usize {
        let now = self.world().now();
        self.world().state().tokens.revoke_all(now, |issued| tokens.contains(issued))
    }
}
