//! Makes compact JWTs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::error::BoxError;
use crate::key::Signer;

/// A header or payload as it stands in a compact JWS.
pub(crate) fn segment(value: &impl Serialize) -> String {
    let mut segment = String::new();
    push_segment(value, &mut segment);
    segment
}

fn push_segment(value: &impl Serialize, jws: &mut String) {
    let mut json = Vec::with_capacity(512);
    // Strings and integers only: nothing that JSON could refuse.
    serde_json::to_writer(&mut json, value).expect("plain headers and claims serialise");
    URL_SAFE_NO_PAD.encode_string(json, jws);
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
    push_segment(claims, &mut jws);
    let signature = signer.sign(jws.as_bytes()).await?;
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
    Ok(jws)
}
