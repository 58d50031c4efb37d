//! Users who sign in.

use super::sandbox::Sandbox;
use crate::error::Error;
use crate::model::app::{App, AppKind, AuthMethod};
use crate::model::sign_in::SignIn;
use crate::model::signed_in::SignedIn;
use crate::model::tokens::Authentication;
use crate::oauth::issue::{self, Order};

impl Sandbox {
    /// Signs a user in through an app, as if its browser had come back from Okta and the app had
    /// exchanged the code: with an access token, with a refresh token if
    /// [`offline_access`](SignIn::scope) is among the scopes, and with an ID token if `openid` is.
    /// Nothing is asked of policies, and nothing is logged.
    ///
    /// # Errors
    ///
    /// If there is no such client, user or server, and if the client is a service app, which has no users.
    pub fn sign_in(&self, sign_in: &SignIn) -> Result<SignedIn, Error> {
        let world = self.world();
        world.keep_up();
        let (now, base) = (world.now(), self.base());
        let (app, authority) =
            world.state().party(&sign_in.client_id, sign_in.server.as_deref())?;
        refuse_service(&app)?;
        let user = world.state().known_user(&sign_in.user_id)?.clone();
        let authentication = Authentication { id: world.identifier().into(), at: now.timestamp() };
        let order = Order {
            app: &app,
            user: Some(&user),
            scopes: sign_in.scopes.iter().collect(),
            lifetime_secs: authority.token_lifetime_secs().into(),
            jkt: sign_in.jkt.clone(),
            authentication: Some(authentication.clone()),
        };
        let (access_token, issued) = issue::access_token(world, &authority, &base, order, now);
        let refresh_token = issued.scopes.contains("offline_access").then(|| {
            // RFC 9449 §5: those of other clients are bound by the client's own credentials.
            let jkt = sign_in.jkt.clone().filter(|_| app.auth_method == AuthMethod::None);
            issue::refresh_token(world, &issued, issued.scopes.clone(), jkt, now).0
        });
        let id_token = issued.scopes.contains("openid").then(|| {
            let sign_in = sign_in.clone().access_token(&access_token);
            let authentication = Some(authentication);
            issue::id_token(world, &authority, &base, &sign_in, &user, authentication, now).0
        });
        Ok(SignedIn { access_token, refresh_token, id_token })
    }
}

fn refuse_service(app: &App) -> Result<(), Error> {
    match app.kind {
        AppKind::Service => {
            let what = format!("users cannot sign in through the service app {}", app.client_id);
            Err(Error::new(what, "register it with `App::web`"))
        }
        AppKind::Web => Ok(()),
    }
}
