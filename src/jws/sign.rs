//! Makes compact JWTs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::error::BoxError;
use crate::key::Signer;

/// A header or payload as it stands in a compact JWS.
pub(crate) fn segment(value: &impl Serialize) -> String {
    // Strings and integers only: nothing that JSON could refuse.
    let json = serde_json::to_vec(value).expect("plain headers and claims serialise");
    URL_SAFE_NO_PAD.encode(json)
}

/// Signs `claims` under a header that is a [`segment`] already.
pub(crate) async fn sign(
    header: &str,
    claims: &impl Serialize,
    signer: &dyn Signer,
) -> Result<String, BoxError> {
    let mut jws = String::with_capacity(1024);
    jws.push_str(header);
    jws.push('.');
    jws.push_str(&segment(claims));
    let signature = signer.sign(jws.as_bytes()).await?;
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
    Ok(jws)
}
