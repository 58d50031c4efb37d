//! What a client gets when a user has signed in.

use std::fmt;

/// The tokens of a user who has signed in; see [`Sandbox::sign_in`](crate::Sandbox::sign_in). `Debug`
/// shows none of them.
///
/// ```
/// use okta_sandbox::{App, Sandbox, SignIn, User};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let (app, user) = (App::web("0oa2web"), User::new("00u1ada", "ada@example.test"));
/// let sandbox = Sandbox::builder().app(app).user(user).start().await?;
/// let sign_in = SignIn::new("0oa2web", "00u1ada").scope("offline_access");
/// let tokens = sandbox.sign_in(&sign_in)?;
/// assert!(tokens.refresh_token.is_some() && tokens.id_token.is_some());
/// assert!(sandbox.revoke(&tokens.access_token));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SignedIn {
    /// For resources.
    pub access_token: String,
    /// For further access tokens.
    pub refresh_token: Option<String>,
    /// For the client, about the user.
    pub id_token: Option<String>,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn")
            .field("has_refresh_token", &self.refresh_token.is_some())
            .field("has_id_token", &self.id_token.is_some())
            .finish_non_exhaustive()
    }
}
