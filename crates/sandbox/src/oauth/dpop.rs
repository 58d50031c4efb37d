//! DPoP at the server: which proofs are good for a request
//! ([RFC 9449 §4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)), with Okta's bounds and
//! Okta's words.

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use hyper::header::HeaderName;

use super::proof::{self, Proof};
use crate::message::call::Call;
use crate::message::percent;
use crate::message::refusal::Refusal;
use crate::message::request::Request;
use crate::model::app::App;
use crate::model::nonces::Verdict;
use crate::model::replay::UsedProofs;

/// The header of proofs.
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The header in which a server names the nonce that it wants.
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The error code for everything that is wrong with a proof apart from its nonce.
pub(crate) const INVALID_PROOF: &str = "invalid_dpop_proof";

/// The error code by which a nonce is demanded. Okta's log takes it for a question, not a failure.
pub(crate) const USE_NONCE: &str = "use_dpop_nonce";

/// To what a new token is bound.
pub(crate) struct Binding {
    /// The thumbprint of the proof's key.
    pub(crate) jkt: String,
    /// The nonce to use from now on, if it is not the one that was sent.
    pub(crate) nonce: Option<String>,
}

/// Checks the proof of a token request; `None` if the app does not use DPoP.
///
/// Okta: such an app gets a bearer token even if it sends a proof, as Okta's Node SDK always does.
pub(crate) fn bind(call: &Call<'_>, app: &App) -> Result<Option<Binding>, Refusal> {
    if !app.dpop_required {
        return Ok(None);
    }
    let refuse = |error, description| Refusal::oauth(StatusCode::BAD_REQUEST, error, description);
    let proof = check(call).map_err(|description| refuse(INVALID_PROOF, description))?;
    let fresh = call.world.identifier();
    let mut state = call.world.state();
    let (server, sent) = (call.authority.id(), proof.nonce.as_deref());
    match state.nonces.check(server, sent, call.now, fresh) {
        Verdict::Current => Ok(Some(Binding { jkt: proof.jkt, nonce: None })),
        Verdict::Outdated(current) => Ok(Some(Binding { jkt: proof.jkt, nonce: Some(current) })),
        Verdict::Demand(nonce) => {
            Err(refuse(USE_NONCE, "Authorization server requires nonce in DPoP proof.")
                .header(DPOP_NONCE, nonce))
        }
    }
}

/// The proof of a request, if it is one for this request and has not been used before; otherwise
/// what is wrong with it. Its nonce and its `ath` are not looked at.
pub(crate) fn check(call: &Call<'_>) -> Result<Proof, &'static str> {
    let mut headers = call.request.headers.get_all(DPOP).iter();
    let header = headers.next().ok_or("The DPoP proof JWT header is missing.")?;
    if headers.next().is_some() {
        return Err("Multiple DPoP proof JWT headers are not allowed.");
    }
    let text = header.to_str().map_err(|_| proof::UNREADABLE)?;
    let proof = Proof::verify(text)?;
    check_claims(&proof, call.request.method.as_str(), &htu(call.request), call.now)?;
    let mut state = call.world.state();
    match state.used_proofs.record_use(&proof.jkt, &proof.jti, call.now) {
        true => Ok(proof),
        false => Err("The DPoP proof JWT has already been used."),
    }
}

/// The URL that a proof for this request must name
/// ([RFC 9449 §4.2](https://www.rfc-editor.org/rfc/rfc9449#section-4.2)).
fn htu(request: &Request) -> String {
    let default_port = if request.base.starts_with("https:") { ":443" } else { ":80" };
    let origin = request.base.strip_suffix(default_port).unwrap_or(&request.base);
    format!("{origin}{}", percent::plainly(&request.clean_path()))
}

/// Okta gives a proof five minutes and no leeway.
fn check_claims(
    proof: &Proof,
    method: &str,
    htu: &str,
    now: DateTime<Utc>,
) -> Result<(), &'static str> {
    let age_secs = now.timestamp().saturating_sub(proof.iat);
    if proof.htm != method {
        Err(proof::INVALID_HTM)
    } else if proof.htu != htu {
        Err(proof::INVALID_HTU)
    } else if age_secs < 0 {
        Err("The DPoP proof JWT is issued in the future.")
    } else if age_secs > UsedProofs::MAX_AGE_SECS {
        Err("The DPoP proof JWT is issued more than five minutes in the past.")
    } else if proof.exp.is_some_and(|exp| exp <= now.timestamp()) {
        Err("The DPoP proof JWT is expired.")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hyper::{HeaderMap, Method};

    use super::*;

    #[test]
    fn htu_has_the_decoded_path_and_no_query() {
        for (base, uri, expected) in [
            ("http://127.0.0.1:1", "/oauth2/v1/token?a=b", "http://127.0.0.1:1/oauth2/v1/token"),
            ("http://localhost:80", "/a", "http://localhost/a"),
            ("https://localhost:443", "/a", "https://localhost/a"),
            ("https://localhost:80", "/a", "https://localhost:80/a"),
            ("http://127.0.0.1:1", "/u/ada%40a.example", "http://127.0.0.1:1/u/ada@a.example"),
            (
                "http://127.0.0.1:1",
                "/a%20b%25c%22d%23e%3Ff",
                "http://127.0.0.1:1/a%20b%25c%22d%23e%3Ff",
            ),
            ("http://127.0.0.1:1", "/%C3%A9", "http://127.0.0.1:1/é"),
            ("http://127.0.0.1:1", "/%FF%40", "http://127.0.0.1:1/%FF%40"),
            ("http://127.0.0.1:1", "/a%2fb%5c%2e%2e", "http://127.0.0.1:1/a%2Fb%5C%2E%2E"),
            ("http://127.0.0.1:1", "/a%0d%0Ab%7f", "http://127.0.0.1:1/a%0D%0Ab%7F"),
            ("http://127.0.0.1:1", "/a.b%252F", "http://127.0.0.1:1/a.b%252F"),
        ] {
            let (headers, uri) = (HeaderMap::new(), uri.parse().unwrap());
            let (id, base) = ("id".to_owned(), base.to_owned());
            let request = Request::new(
                id,
                base,
                Method::GET,
                &uri,
                headers,
                "".into(),
                IpAddr::from([127, 0, 0, 1]),
            );
            assert_eq!(htu(&request), expected);
        }
    }
}
