//! Which tokens die together.

use super::event::LogEntity;
use super::event_type::{self, EventType};
use super::state::State;
use super::tokens::Issued;
use crate::error::Error;

/// The tokens that something concerns which names none of them; see
/// [`Sandbox::revoke_all`](crate::Sandbox::revoke_all).
///
/// ```
/// use okta_sandbox::{App, Grant, Sandbox, TokensOf, User};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let (app, user) = (App::service("0oa1service"), User::new("00u1ada", "ada@example.test"));
/// let sandbox = Sandbox::builder().app(app).user(user).start().await?;
/// sandbox.issue(&Grant::to_client("0oa1service").user("00u1ada"))?;
/// assert_eq!(sandbox.revoke_all(TokensOf::User("00u1ada"))?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokensOf<'a> {
    /// All tokens of the user with this id.
    User(&'a str),
    /// All tokens of this client.
    Client(&'a str),
    /// All tokens of the custom server with this id.
    Server(&'a str),
    /// The tokens that this client has of this user: the user's assignment to the app.
    Assignment {
        /// The user's id.
        user: &'a str,
        /// The client id.
        client: &'a str,
    },
}

impl TokensOf<'_> {
    /// Whether this token is among them.
    pub(crate) fn contains(self, issued: &Issued) -> bool {
        let of_user = |id| issued.user_id.as_deref() == Some(id);
        match self {
            Self::User(id) => of_user(id),
            Self::Client(id) => issued.client_id == id,
            Self::Server(id) => issued.authority.as_deref() == Some(id),
            Self::Assignment { user, client } => of_user(user) && issued.client_id == client,
        }
    }

    /// What the System Log says when they are revoked, and whom it names.
    pub(crate) fn event(self, state: &State) -> Result<(EventType, Vec<LogEntity>), Error> {
        let user = |id| state.known_user(id).map(LogEntity::user);
        let client = |id| {
            let app = state.app(id).ok_or_else(|| Error::unknown("app", id))?;
            Ok::<_, Error>(LogEntity::app(&app))
        };
        Ok(match self {
            Self::User(id) => (event_type::USER_TOKENS_REVOKED, vec![user(id)?]),
            Self::Client(id) => (event_type::CLIENT_TOKENS_REVOKED, vec![client(id)?]),
            Self::Server(id) => {
                state.authority(id).ok_or_else(|| Error::unknown("server", id))?;
                (event_type::SERVER_TOKENS_REVOKED, vec![LogEntity::server(id)])
            }
            Self::Assignment { user: id, client: app } => {
                (event_type::ASSIGNMENT_REMOVED, vec![user(id)?, client(app)?])
            }
        })
    }
}
