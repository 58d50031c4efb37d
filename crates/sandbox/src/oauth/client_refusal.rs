//! What clients are told that do not authenticate, however they try.

use hyper::StatusCode;

use crate::message::call::Call;
use crate::message::form::Form;
use crate::message::refusal::Refusal;
use crate::model::app::{App, AuthMethod};

pub(super) const FAILED: &str =
    "Client authentication failed. Either the client or the client credentials are invalid.";

pub(super) const INVALID_CLIENT_ID: &str = "Invalid value for 'client_id' parameter.";

/// As Okta answers it in practice: in the shape of the management API.
pub(super) fn unknown_client() -> Refusal {
    Refusal::api(StatusCode::UNAUTHORIZED, "invalid_client", INVALID_CLIENT_ID)
}

/// The client sent something else than its app is set to.
pub(super) fn wrong_method(call: &Call<'_>, form: &Form, app: &App) -> Refusal {
    needs_key(call, form, app).unwrap_or_else(|| Refusal::client(FAILED))
}

/// The org server gives tokens to services only by their keys, whatever else they can prove.
pub(super) fn needs_key(call: &Call<'_>, form: &Form, app: &App) -> Option<Refusal> {
    let is_grant = form.member("grant_type") == Some("client_credentials");
    let wants_org_token = is_grant && call.authority.id().is_none() && call.is_token_request();
    (wants_org_token && app.auth_method != AuthMethod::PrivateKeyJwt).then(|| {
        Refusal::client(
            "Client Credentials requests to the Org Authorization Server must use the private_key_jwt token_endpoint_auth_method.",
        )
    })
}
