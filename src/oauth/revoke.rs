//! Revocation: ending a token before its time
//! ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).

use crate::error::Error;
use crate::oauth::introspect::{TokenTypeHint, about_the_token};
use crate::secret::Token;
use crate::wire::form_post::{Form, FormClient, TOKEN, Target};

/// Revokes one token. The server says 200 whether or not there was anything to revoke.
pub(crate) async fn revoke(
    forms: &FormClient,
    target: &Target,
    token: &Token,
    hint: Option<TokenTypeHint>,
) -> Result<(), Error> {
    let hint = hint.map(TokenTypeHint::field);
    let form = Form {
        token: Some((TOKEN, token)),
        fields: hint.as_slice(),
        proves: false,
        send_time: None,
        repeatable_for: None,
    };
    let reply = forms.post(target, form).await.map_err(about_the_token)?;
    // RFC 7009 §2.2 lets the body be anything; a page of a proxy, though, revoked nothing.
    if reply.answer.body.is_empty() || reply.answer.is_json() {
        Ok(())
    } else {
        Err(reply.malformed("is not one of a revocation endpoint"))
    }
}
