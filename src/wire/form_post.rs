//! One authenticated form POST: what token, introspection and revocation requests have in common.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use reqwest::{Method, Request, StatusCode, Url};
use url::form_urlencoded;

use crate::clock::send_time::SendTime;
use crate::clock::server_time::{ClockOffset, ServerTime};
use crate::credential::assertion::ClientAssertion;
use crate::credential::audience::Audience;
use crate::credential::dpop::Prover;
use crate::error::Error;
use crate::error::diagnosis::Diagnosis;
use crate::error::redact;
use crate::error::refusal::Demand;
use crate::issuer::{EndpointUrl, Endpoints, Issuer};
use crate::secret::{Secret, Token};
use crate::wire::admission::{Admission, EndpointLimits};
use crate::wire::authentication::Credential;
use crate::wire::call::{CallContext, Outcome, Reply, RequestFactory};
use crate::wire::content_encoding::IDENTITY;
use crate::wire::current_authenticator::CurrentAuthenticator;
use crate::wire::error_response;
use crate::wire::place::Place;
use crate::wire::rate_limit::{RateLimit, Remaining};
use crate::wire::secret_header::secret_header;
use crate::wire::transport::{Answer, Http, SentSecrets};

/// The member that a token is asked about in, or revoked.
pub(crate) const TOKEN: &str = "token";

pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// An endpoint, ready to be called: everything that is the same for every call.
#[derive(Debug)]
pub(crate) struct Target {
    endpoint: EndpointUrl,
    url: Url,
    place: Place,
    audience: String,
    limits: EndpointLimits,
}

impl Target {
    pub(crate) fn new(
        endpoint: &EndpointUrl,
        endpoints: &Endpoints,
        issuer: &Issuer,
        audience: &Audience,
        admission: &Admission,
    ) -> Result<Self, Error> {
        let url = Url::parse(endpoint.as_str()).map_err(|cause| {
            Error::configuration(format!("the endpoint is not a URL: {endpoint}")).because(cause)
        })?;
        let audience = audience.of(endpoint, endpoints, issuer).to_owned();
        let place = Place::of(&url);
        let limits = admission.endpoint(&Method::POST, &url);
        Ok(Self { endpoint: endpoint.clone(), url, place, audience, limits })
    }

    /// What the server said last about its rate limit here.
    pub(crate) fn rate_limit(&self) -> Option<RateLimit> {
        self.limits.rate_limit()
    }

    /// What of the rate limit here is left.
    pub(crate) fn remaining(&self, now: Instant) -> Option<Remaining> {
        self.limits.remaining(now)
    }
}

/// Posts authenticated forms for one client.
#[derive(Debug)]
pub(crate) struct FormClient {
    context: CallContext,
    authenticator: CurrentAuthenticator,
    prover: Arc<Prover>,
    headers: HeaderMap,
}

/// What is posted to an endpoint.
pub(crate) struct Form<'a> {
    /// The token that it is about, if it is about one, behind the name of its member.
    pub(crate) token: Option<(&'static str, &'a Token)>,
    /// What else it says.
    pub(crate) fields: &'a [(&'a str, &'a str)],
    /// Whether a DPoP proof goes with the form when DPoP is on: with token requests only.
    pub(crate) proves: bool,
    /// What is told when the form is sent.
    pub(crate) send_time: Option<&'a SendTime>,
    /// How long after it was first sent the form may be sent again, should the server have carried it
    /// out already. `None` is for ever: once more does no harm.
    pub(crate) repeatable_for: Option<Duration>,
}

impl FormClient {
    pub(crate) fn new(
        context: CallContext,
        authenticator: CurrentAuthenticator,
        prover: Prover,
    ) -> Self {
        // With the sender and the encoding, which would be added anyhow, and with room in the index
        // for what the HTTP client adds: so it is not built anew in each request's copy.
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        headers.insert(ACCEPT_ENCODING, IDENTITY);
        headers.insert(USER_AGENT, context.http().user_agent().clone());
        Self { context, authenticator, prover: Arc::new(prover), headers }
    }

    pub(crate) fn http(&self) -> &Http {
        self.context.http()
    }

    pub(crate) fn context(&self) -> &CallContext {
        &self.context
    }

    pub(crate) fn prover(&self) -> &Arc<Prover> {
        &self.prover
    }

    pub(crate) fn client_id(&self) -> &str {
        self.authenticator.client_id()
    }

    pub(crate) fn auth_method(&self) -> &'static str {
        self.authenticator.method()
    }

    /// How many forms a second can be authenticated, if that is known.
    pub(crate) fn max_per_second(&self) -> Option<NonZeroU32> {
        self.authenticator.max_per_second()
    }

    pub(crate) fn clock_offset(&self) -> Option<ClockOffset> {
        self.server_time().offset()
    }

    pub(crate) async fn assertion(&self, audience: &str) -> Result<ClientAssertion, Error> {
        self.authenticator.assertion(audience, self.server_time().now()).await
    }

    /// Posts a form, each time authenticated anew, and gives the answer with status 200.
    ///
    /// Tokens, assertions and what else is secret go into the body, a secret by `client_secret_basic`
    /// into its header, and nothing anywhere else.
    pub(crate) async fn post(&self, target: &Target, form: Form<'_>) -> Result<Reply, Error> {
        let mut post = FormPost {
            forms: self,
            target,
            form,
            sent: None,
            first_sent: None,
            correction: TimeDelta::zero(),
            proof: None,
            second_tries: SecondTries::default(),
            refused: None,
        };
        self.context.call(&target.place, &target.limits, &mut post).await
    }

    pub(crate) fn server_time(&self) -> &Arc<ServerTime> {
        self.context.server_time()
    }
}

/// One call's attempts to post a form.
struct FormPost<'a> {
    forms: &'a FormClient,
    target: &'a Target,
    form: Form<'a>,
    sent: Option<Credential>,
    first_sent: Option<Instant>,
    /// How our clock was corrected when the latest request was made.
    correction: TimeDelta,
    proof: Option<Secret>,
    second_tries: SecondTries,
    /// The refusal after which the signer is to be asked for another key.
    refused: Option<Error>,
}

/// Each refusal that tells what to do differently is followed once per call, so that a server
/// which says the same for ever does not keep us for ever.
#[derive(Default)]
struct SecondTries {
    proof: bool,
    clock: bool,
    nonce: bool,
    key: bool,
}

impl RequestFactory for FormPost<'_> {
    type Prerequisite = ();

    async fn prerequisite(&mut self) -> Result<(), Error> {
        let (Some(error), Some(sent)) = (self.refused.take(), &self.sent) else { return Ok(()) };
        match self.forms.authenticator.refused(sent).await {
            true => Ok(()),
            false => Err(error),
        }
    }

    async fn request(&mut self, (): ()) -> Result<Request, Error> {
        let (forms, target) = (self.forms, self.target);
        self.correction = forms.server_time().correction();
        let now = forms.server_time().now();
        let credential = forms.authenticator.credential(&target.audience, now).await?;
        let body = body(credential.fields(), self.form.token, self.form.fields);
        let mut request = Request::new(Method::POST, target.url.clone());
        *request.headers_mut() = forms.headers.clone();
        credential.add_header(request.headers_mut());
        *request.body_mut() = Some(body.into());
        if self.form.proves && (forms.prover.is_on() || self.second_tries.proof) {
            let now = forms.server_time().now();
            let proof = forms
                .prover
                .proof(&Method::POST, &target.url, target.endpoint.as_str(), None, now)
                .await?;
            request.headers_mut().insert(DPOP, secret_header(proof.expose())?);
            self.proof = Some(proof);
        }
        self.sent = Some(credential);
        Ok(request)
    }

    fn secrets(&self) -> SentSecrets {
        let credential = self.sent.as_ref().map(Credential::secrets).unwrap_or_default();
        let [first, second, third] = credential;
        let token = self.form.token.map(|(_, token)| token.secret().clone());
        [token, self.proof.clone(), first, second, third]
    }

    fn is_repeatable(&self, had_effect: bool, at: Instant) -> bool {
        let (Some(within), true) = (self.form.repeatable_for, had_effect) else { return true };
        self.first_sent.is_none_or(|first| at.saturating_duration_since(first) < within)
    }

    fn sends(&mut self, now: Instant) {
        self.first_sent.get_or_insert(now);
        if let Some(send_time) = self.form.send_time {
            send_time.record(now);
        }
    }

    fn evaluate(&mut self, answer: &Answer) -> Outcome {
        let nonce = answer.header(DPOP_NONCE);
        if let Some(nonce) = nonce.filter(|_| self.form.proves) {
            self.forms.prover.remember_nonce(self.target.endpoint.as_str(), nonce);
        }
        if answer.status == StatusCode::OK {
            if self.proof.is_some() {
                self.forms.prover.demand();
            }
            return Outcome::Done;
        }
        let error = error_response::read(answer);
        if self.may_do_differently(&error, nonce.is_some()) {
            return Outcome::Again;
        }
        let is_of_the_key = error.refusal().is_some_and(Diagnosis::may_be_of_the_key);
        let error = self.diagnose(error);
        if is_of_the_key && !std::mem::replace(&mut self.second_tries.key, true) {
            self.refused = Some(error);
            return Outcome::Again;
        }
        Outcome::Refused(error)
    }
}

impl FormPost<'_> {
    fn diagnose(&self, error: Error) -> Error {
        let (Some(refused), Some(sent)) = (error.refusal(), &self.sent) else { return error };
        let said = |about: &str| match about {
            "scope" => self.scopes(),
            _ => sent.describe(about),
        };
        let diagnosis = match self.forms.authenticator.has_key() {
            true => Diagnosis::of(refused, said),
            false => Diagnosis::without_key(refused, said),
        };
        match diagnosis {
            Some(diagnosis) => error.diagnosed(diagnosis.with_clock(self.forms.clock_offset())),
            None => error,
        }
    }

    /// The scopes that the form requests, as far as they can be shown: a setting may hold anything.
    fn scopes(&self) -> Option<String> {
        let is_scope = |(name, scopes): &&(&str, &str)| *name == "scope" && !scopes.is_empty();
        let (_, scopes) = self.form.fields.iter().find(is_scope)?;
        Some(redact::excerpt(scopes.as_bytes(), &[]))
    }

    /// Whether the refusal says how the next request can succeed, and it has not been tried.
    fn may_do_differently(&mut self, error: &Error, has_nonce: bool) -> bool {
        let Some(refused) = error.refusal() else { return false };
        // Another request may have met the same demand before; this one had no proof.
        if self.form.proves && self.proof.is_none() && refused.may_want_proof() {
            return self.forms.prover.may_prove()
                && !std::mem::replace(&mut self.second_tries.proof, true);
        }
        match refused.demand() {
            Some(Demand::Nonce) => {
                self.form.proves
                    && has_nonce
                    && !std::mem::replace(&mut self.second_tries.nonce, true)
            }
            Some(Demand::ServerTime) => {
                !std::mem::replace(&mut self.second_tries.clock, true)
                    && self.forms.server_time().apply(self.correction)
            }
            None => false,
        }
    }
}

/// The form: what authenticates first, which is encoded already, then the rest.
fn body(
    credential: [&str; 2],
    token: Option<(&'static str, &Token)>,
    fields: &[(&str, &str)],
) -> String {
    let (name, token) = token.map(|(name, token)| (name, token.expose())).unwrap_or_default();
    // Nearly always all of it: tokens are base64url and dots, which stand for themselves.
    let lengths = fields.iter().map(|(name, value)| name.len() + value.len() + "&=".len());
    let [first, second] = credential;
    let length = first.len() + second.len() + "&=".len() + name.len() + token.len();
    let mut body = String::with_capacity(length + lengths.sum::<usize>());
    body.push_str(first);
    body.push_str(second);
    if !token.is_empty() {
        if !body.is_empty() {
            body.push('&');
        }
        body.push_str(name);
        body.push('=');
        // To look is eight times as fast as to encode, which is a thirtieth of a call that reuses
        // its assertion (`benches/exchange`).
        match stands_for_itself(token) {
            true => body.push_str(token),
            false => body.extend(form_urlencoded::byte_serialize(token.as_bytes())),
        }
    }
    form_urlencoded::Serializer::new(body).extend_pairs(fields).finish()
}

/// Whether a form has the text as it is.
fn stands_for_itself(text: &str) -> bool {
    // All of it, without stopping early: so the compiler can look at many bytes at once.
    text.bytes().fold(true, |plain, byte| {
        let is_letter = (byte | 0x20).is_ascii_lowercase();
        plain & (is_letter | byte.is_ascii_digit() | matches!(byte, b'-' | b'.' | b'_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_what_it_is_given() {
        // All that a token may have (RFC 6750 §2.1).
        let every = "eyJ.AZaz09-._~+/==";
        let token = Token::parse(every).unwrap();
        let fields = [("scope", "a b"), ("empty", ""), ("\u{e9}", "\u{1f511}&=+%")];
        for (credential, first) in [
            (["client_id=", "0oa1"], Some(("client_id", "0oa1"))),
            (["client_id=0oa1", ""], Some(("client_id", "0oa1"))),
            (["", ""], None),
        ] {
            for token in [Some((TOKEN, &token)), None] {
                let body = body(credential, token, &fields);
                let read: Vec<(String, String)> = serde_urlencoded::from_str(&body).unwrap();
                let token = token.map(|_| ("token", every));
                let expected = first.into_iter().chain(token).chain(fields);
                assert!(
                    read.iter().map(|(name, value)| (&**name, &**value)).eq(expected),
                    "{read:?}"
                );
            }
        }
    }
}
