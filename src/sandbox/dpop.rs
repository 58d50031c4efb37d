//! DPoP at the server: which proofs are good for a request
//! ([RFC 9449 §4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)), with Okta's bounds and
//! Okta's words.

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use hyper::header::HeaderName;
use reqwest::Url;

use super::Sandbox;
use super::answer::Refusal;
use super::call::Call;
use super::nonces::Verdict;
use super::seed::App;
use crate::credential::dpop::{Proof, ProofFault, htu};

/// The header of proofs.
pub(super) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The header in which a server names the nonce that it wants.
pub(super) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The error code for everything that is wrong with a proof apart from its nonce.
pub(super) const INVALID_PROOF: &str = "invalid_dpop_proof";

/// The error code by which a nonce is demanded. Okta's log takes it for a question, not a failure.
pub(super) const USE_NONCE: &str = "use_dpop_nonce";

impl Sandbox {
    /// Makes all DPoP nonces invalid at once. Without this a nonce is replaced every 24 hours and
    /// stays good for three days. The next proof is answered with `use_dpop_nonce`, whatever
    /// nonce it has.
    pub fn rotate_dpop_nonce(&self) {
        self.shared().state().nonces.forget();
    }

    /// Sets whether token endpoints refuse every nonce and demand another one each time, which no
    /// client can satisfy. Default: `false`.
    pub fn demand_nonces_forever(&self, forever: bool) {
        self.shared().state().nonces.never_content = forever;
    }
}

/// To what a new token is bound.
pub(super) struct Binding {
    /// The thumbprint of the proof's key.
    pub(super) jkt: String,
    /// The nonce to use from now on, if it is not the one that was sent.
    pub(super) nonce: Option<String>,
}

/// Judges the proof of a token request; `None` if the app does not use DPoP.
///
/// Okta: such an app gets a bearer token even if it sends a proof, as Okta's Node SDK always does.
pub(super) fn bind(call: &Call<'_>, app: &App) -> Result<Option<Binding>, Refusal> {
    if !app.dpop_required {
        return Ok(None);
    }
    let refuse = |error, description| Refusal::oauth(StatusCode::BAD_REQUEST, error, description);
    let proof = check(call).map_err(|description| refuse(INVALID_PROOF, description))?;
    let fresh = call.sandbox.identifier();
    let mut state = call.sandbox.state();
    let (server, sent) = (call.authority.id(), proof.nonce.as_deref());
    match state.nonces.judge(server, sent, call.now, fresh) {
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
pub(super) fn check(call: &Call<'_>) -> Result<Proof, &'static str> {
    let mut headers = call.request.headers.get_all(DPOP).iter();
    let header = headers.next().ok_or("The DPoP proof JWT header is missing.")?;
    if headers.next().is_some() {
        return Err("Multiple DPoP proof JWT headers are not allowed.");
    }
    let text = header.to_str().map_err(|_| UNREADABLE)?;
    let proof = Proof::verify(text).map_err(describe)?;
    let url = Url::parse(&call.request.endpoint()).map_err(|_| INVALID_HTU)?;
    check_claims(&proof, call.request.method.as_str(), &htu(&url), call.now)?;
    let mut state = call.sandbox.state();
    match state.used_proofs.burn(&proof.jkt, &proof.jti, call.now) {
        true => Ok(proof),
        false => Err("The DPoP proof JWT has already been used."),
    }
}

fn describe(fault: ProofFault) -> &'static str {
    match fault {
        ProofFault::Unreadable => UNREADABLE,
        ProofFault::Type => "'typ' must be 'dpop+jwt' in the DPoP proof JWT.",
        ProofFault::Algorithm => "The DPoP proof JWT signature algorithm is invalid.",
        ProofFault::Signature => "The DPoP proof JWT signature is invalid.",
        ProofFault::Claim("htm") => INVALID_HTM,
        ProofFault::Claim("htu") => INVALID_HTU,
        ProofFault::Claim("iat") => "'iat' claim in the DPoP proof JWT is invalid.",
        ProofFault::Claim("jti") => "'jti' claim in the DPoP proof JWT is invalid.",
        ProofFault::Claim(_) => "The DPoP proof JWT is invalid.",
    }
}

/// Okta compares with the decoded path, and gives a proof five minutes and no leeway.
fn check_claims(
    proof: &Proof,
    method: &str,
    htu: &str,
    now: DateTime<Utc>,
) -> Result<(), &'static str> {
    let age_secs = now.timestamp().saturating_sub(proof.iat);
    if proof.htm != method {
        Err(INVALID_HTM)
    } else if proof.htu != htu {
        Err(INVALID_HTU)
    } else if age_secs < 0 {
        Err("The DPoP proof JWT is issued in the future.")
    } else if age_secs > MAX_AGE_SECS {
        Err("The DPoP proof JWT is issued more than five minutes in the past.")
    } else if proof.exp.is_some_and(|exp| exp <= now.timestamp()) {
        Err("The DPoP proof JWT is expired.")
    } else {
        Ok(())
    }
}

/// How old a proof may be, and so how long it must be remembered.
pub(super) const MAX_AGE_SECS: i64 = 300;

const UNREADABLE: &str = "The DPoP proof JWT cannot be parsed.";
const INVALID_HTM: &str = "'htm' claim in the DPoP proof JWT is invalid.";
const INVALID_HTU: &str = "'htu' claim in the DPoP proof JWT is invalid.";
