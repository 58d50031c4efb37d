//! Why a server refused, and what to do: the table of Okta's error texts.
//!
//! Wording varies between Okta's documents and its servers (quotes, full stops), so a row matches
//! on the OAuth error code and on a fragment of the description, whatever its case.

use std::fmt;

use crate::error::refusal::Refusal;

/// The likely cause of a refusal, and its cure.
///
/// # Example: what to print beside an error
///
/// ```
/// use okta_introspect::Error;
///
/// fn explain(error: &Error) -> String {
///     match error.diagnosis() {
///         Some(found) => format!("{error}: {}; {}", found.cause, found.cure),
///         None => format!("{error}; {}", error.advice()),
///     }
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What is wrong: an assertion's claim or header (`aud`, `kid`, …), or a setting of the
    /// request, the app or the server (`scope`, `policy`, …).
    pub about: String,
    /// What we sent there, if it was part of an assertion.
    pub sent: Option<String>,
    /// The likely cause.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)?;
        if let Some(sent) = &self.sent {
            write!(f, " (we sent {}: {sent})", self.about)?;
        }
        write!(f, "; {}", self.cure)
    }
}

impl Diagnosis {
    /// Adds to what was sent how far our clock is off, where that is what it is about.
    pub(crate) fn with_clock(mut self, offset: Option<impl fmt::Display>) -> Self {
        let fields = (&mut self.sent, offset, self.about.as_str());
        if let (Some(sent), Some(offset), "exp" | "iat") = fields {
            sent.push_str(&format!("; {offset}"));
        }
        self
    }

    /// Finds the first row that fits the refusal. `sent` tells what our assertion said about a
    /// claim or header.
    pub(crate) fn of(refusal: &Refusal, sent: impl FnOnce(&str) -> Option<String>) -> Option<Self> {
        let code = refusal.code.as_deref().unwrap_or_default();
        let description = refusal.description.as_deref().unwrap_or_default().to_ascii_lowercase();
        let (_, _, about, cause, cure) = CAUSES
            .iter()
            .find(|(row, fragment, ..)| *row == code && description.contains(fragment))?;
        Some(Self {
            about: (*about).to_owned(),
            sent: sent(about),
            cause: (*cause).to_owned(),
            cure: (*cure).to_owned(),
        })
    }
}

/// (OAuth error or API error code, fragment of the description in lower case, what it is about,
/// cause, cure). Earlier rows win. Source: Okta's catalogue of OAuth errors and its support
/// articles.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip] // one cause, three lines
const CAUSES: &[Row] = &[
    ("invalid_client", "audience claim", "aud",
        "the assertion's audience is not exactly the URL that was called",
        "use the host under which the org is called (custom domain or Okta's own), the right server id, and Audience::Endpoint"),
    ("invalid_client", "kid is invalid", "kid",
        "the key id is missing, or names no active key of the app",
        "send the `kid` that the app's Public Keys list shows, and see that the key is ACTIVE"),
    ("invalid_client", "signature algorithm", "alg",
        "the algorithm is not allowed for this app",
        "use RS256 or ES256, and see that the app authenticates by public key"),
    ("invalid_client", "signature is invalid", "key",
        "the private key does not belong to the public key that the app has registered under this key id",
        "compare the RFC 7638 thumbprints, and register the public half of this key"),
    ("invalid_client", "signed using a signing key", "key",
        "the registered key is for encryption",
        "register the key with `use` set to `sig`"),
    ("invalid_client", "invalid 'use' parameter", "key",
        "the registered key is for encryption",
        "register the key with `use` set to `sig`"),
    ("invalid_client", "too far into the future", "exp",
        "the assertion seems to live an hour or longer, so this computer's clock is fast",
        "set the clock by NTP, and keep the assertion's lifetime short"),
    ("invalid_client", "issued before the current time", "iat",
        "the assertion seems to come from the future, so this computer's clock is fast",
        "set the clock by NTP"),
    ("invalid_client", "token is expired", "exp",
        "the assertion seems to be old, so this computer's clock is slow",
        "set the clock by NTP"),
    ("invalid_client", "seconds since epoch", "exp",
        "the assertion has no `exp`, or not as a number of seconds",
        "send `exp` as an integer of seconds"),
    ("invalid_client", "already been used", "jti",
        "the assertion was sent twice: a proxy or a retry repeated the request",
        "see that nothing between here and the server repeats requests; every attempt needs a new assertion"),
    ("invalid_client", "issuer claim", "iss",
        "the client id is not known to this org",
        "check the client id, and that the issuer names the org to which the app belongs"),
    ("invalid_client", "subject claim", "sub",
        "the client id is not known to this org",
        "check the client id, and that the issuer names the org to which the app belongs"),
    ("invalid_client", "parsing of the client_assertion", "assertion",
        "the assertion did not arrive as a JWT",
        "see that no proxy changes the request's body"),
    ("invalid_client", "does not have a jwkset configured", "key",
        "the app has no public key",
        "save the public key in the app's settings, and choose public key as its authentication"),
    ("invalid_client", "client jwkset is invalid", "key",
        "the app's registered key set is damaged",
        "register the public key again"),
    ("invalid_client", "must contain at least one key", "jwks_uri",
        "the app's jwks_uri gives no key",
        "publish the public key there"),
    ("invalid_client", "unique kid", "jwks_uri",
        "the app's jwks_uri gives several keys with one key id, or without any",
        "give each published key a `kid` of its own"),
    ("invalid_client", "retrieving the client jwkset", "jwks_uri",
        "the server could not fetch the app's jwks_uri",
        "see that it can be reached from outside, over https"),
    ("invalid_client", "'jku'", "jwks_uri",
        "the assertion's `jku` is not the app's jwks_uri",
        "leave `jku` out"),
    ("invalid_client", "no client credentials", "assertion",
        "no assertion reached the server",
        "see that no proxy drops or changes the request's body"),
    ("invalid_client", "client authentication failed", "authentication method",
        "the app does not authenticate by public key",
        "choose public key / private key as the app's client authentication"),
    ("invalid_client", "invalid value for 'client_id'", "iss",
        "the client id is not known to this org",
        "check the client id, and that the issuer names the org to which the app belongs"),
    ("invalid_client", "must use the private_key_jwt", "authentication method",
        "the app authenticates by client secret",
        "choose public key / private key as the app's client authentication (this deletes its secrets)"),
    ("invalid_client", "'application_type' of 'service'", "app type",
        "the app is not an API Services app",
        "create an API Services app; the org server gives tokens to no other kind"),
    ("invalid_request", "client_assertion_type", "assertion",
        "the assertion type did not arrive as the constant it is",
        "see that no proxy changes the request's body"),
    ("invalid_request", "via query parameters", "assertion",
        "credentials arrived in the URL",
        "see that no proxy turns the request's body into a query; rotate the key if URLs are logged"),
    ("invalid_request", "multiple client credentials", "authentication method",
        "a second credential arrived with the assertion",
        "see that no proxy adds an Authorization header"),
    ("invalid_request", "authorization server id", "issuer",
        "the org has no authorization server with this id",
        "check the id after /oauth2/ in the issuer"),
    ("invalid_request", "are not allowed to access", "app type",
        "a service app may not call this endpoint",
        "use an endpoint for machines: token, introspect, revoke"),
    ("consent_required", "any of the requested scopes", "scope",
        "none of the requested scopes is granted to the app",
        "have a super admin grant them on the app's Okta API Scopes tab"),
    ("consent_required", "require user consent", "scope",
        "a requested scope needs a user's consent, and there is no user",
        "request other scopes, or set the scope's consent to implicit"),
    ("invalid_scope", "no scopes were requested", "scope",
        "the request named no scope", "name at least one scope"),
    ("invalid_scope", "default scopes", "scope",
        "the request named no scope and the server has no default ones", "name at least one scope"),
    ("invalid_scope", "not configured", "scope",
        "the custom server does not have this scope",
        "okta.* scopes come from the org server; a custom server has only the scopes defined on it"),
    ("invalid_scope", "custom scopes are not allowed", "scope",
        "a custom scope was requested from the org server",
        "request it from the custom server on which it is defined, or an okta.* scope here"),
    ("invalid_scope", "'openid'", "scope",
        "OpenID scopes are for users, and this grant has none",
        "leave out openid, profile, email and offline_access"),
    ("client_credentials_self_scope_requested", "", "scope",
        "`.self` scopes are for users, and this grant has none",
        "request the scope without `.self`"),
    ("access_denied", "policy evaluation failed", "policy",
        "no access policy and rule of the custom server matches this client (rules tied to user groups never do)",
        "add a policy for the client with a rule for any user and the client_credentials grant"),
    ("access_denied", "policy evaluation succeeded", "policy",
        "the matching rule allows none of the requested scopes", "add the scopes to the rule"),
    ("access_denied", "denied by the policy", "policy",
        "the matching rule does not allow all of the requested scopes", "add the scopes to the rule, or request fewer"),
    ("access_denied", "network zones", "network zone",
        "the app may be used from certain network zones only, and we are outside",
        "add the address from which we call to the app's network zones"),
    ("unauthorized_client", "grant type", "grant",
        "the app may not use the client_credentials grant", "turn the grant on in the app's settings"),
    ("unauthorized_client", "custom authorization server", "issuer",
        "the app may use the org server only", "use the org's own address as the issuer"),
    ("unsupported_grant_type", "", "grant",
        "this server does not offer the client_credentials grant to this app",
        "check the app's type and grants, and whether the issuer should be a custom server"),
    ("invalid_dpop_proof", "header is missing", "DPoP",
        "the app demands DPoP and no proof was sent",
        "turn DPoP on in the client, or untick \"Require DPoP header in token requests\" in the app"),
    ("invalid_dpop_proof", "'htu'", "DPoP",
        "the DPoP proof names another URL than the one that reached the server",
        "see that no proxy changes the host or the path, and that the issuer has no double slash"),
    ("invalid_dpop_proof", "cannot be parsed", "DPoP",
        "the DPoP proof did not arrive as the JWT that it is",
        "see that no proxy changes the DPoP header"),
    ("invalid_dpop_proof", "in the future", "DPoP",
        "the DPoP proof seems to come from the future, so this computer's clock is fast",
        "set the clock by NTP"),
    ("invalid_dpop_proof", "in the past", "DPoP",
        "the DPoP proof seems to be old, so this computer's clock is slow",
        "set the clock by NTP"),
    ("invalid_dpop_proof", "already been used", "DPoP",
        "the DPoP proof was sent twice: a proxy or a retry repeated the request",
        "see that nothing between here and the server repeats requests"),
    ("invalid_dpop_proof", "'ath'", "DPoP",
        "the DPoP proof is for another token", "make a proof for each call with the token that goes with it"),
    ("invalid_dpop_proof", "not bound", "DPoP",
        "the token is bound to another key than the proof's",
        "use the token in the process that requested it, or keep the DPoP key with it"),
    ("invalid_request", "must use the dpop authentication scheme", "DPoP",
        "the token is bound to a key and was sent as a plain bearer token",
        "send it as `Authorization: DPoP` with a proof"),
    ("invalid_request", "requires a dpop proof", "DPoP",
        "the token is bound to a key and came without a proof",
        "send a proof with `ath` in the DPoP header of each call"),
    ("E0000004", "", "credentials",
        "the API did not accept the token as a credential",
        "send an access token of the org server, not an API token or one of a custom server"),
    ("E0000005", "", "token",
        "the API got no token it takes", "send an access token of the org server with each call"),
    ("invalid_token", "", "token",
        "the API does not take the token: it has expired, was revoked, or is another server's",
        "request a new token from the org server"),
    ("E0000011", "", "token",
        "the API does not take the token: it has expired, was revoked, or is another server's",
        "request a new token from the org server"),
    ("E0000007", "", "issuer",
        "the org has nothing at this address", "check the id after /oauth2/ in the issuer"),
    ("E0000015", "", "issuer",
        "the org does not have API Access Management, which custom servers need",
        "use the org's own address as the issuer"),
    ("insufficient_scope", "", "scope",
        "the service token does not have the scope that this API wants",
        "request the scope, and have a super admin grant it on the app's Okta API Scopes tab"),
    ("E0000006", "", "admin role",
        "the service app lacks an admin role that permits this", "assign a role to the app"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnose(code: &str, description: &str) -> Option<Diagnosis> {
        let refusal = Refusal {
            code: Some(code.into()),
            description: Some(description.into()),
            ..Refusal::default()
        };
        Diagnosis::of(&refusal, |about| (about == "aud").then(|| "https://a.example".to_owned()))
    }

    #[test]
    fn wording_quotes_and_case_may_vary() {
        for text in [
            "The audience claim for client_assertion must be the endpoint invoked for the request.",
            "the Audience Claim for `client_assertion` must be the endpoint invoked",
        ] {
            let diagnosis = diagnose("invalid_client", text).unwrap();
            assert_eq!(diagnosis.about, "aud");
            assert!(diagnosis.to_string().contains("we sent aud: https://a.example"));
        }
    }

    #[test]
    fn similar_texts_have_their_own_causes() {
        let about = |text| diagnose("invalid_client", text).unwrap().about;
        assert_eq!(about("The client_assertion JWT signature algorithm is invalid."), "alg");
        assert_eq!(about("The client_assertion signature is invalid."), "key");
        assert_eq!(about("The client_assertion token is expired."), "exp");
        assert_eq!(
            about("The client_assertion must contain the 'exp' claim as seconds since epoch."),
            "exp"
        );
    }

    #[test]
    fn rows_are_written_as_they_are_compared_and_none_hides_behind_another() {
        for (index, (code, fragment, ..)) in CAUSES.iter().enumerate() {
            assert_eq!(*fragment, fragment.to_ascii_lowercase());
            let hidden = CAUSES[..index]
                .iter()
                .find(|(earlier, part, ..)| earlier == code && fragment.contains(part));
            assert_eq!(hidden, None, "{code} {fragment}");
        }
    }

    #[test]
    fn an_unknown_text_gets_no_made_up_cause() {
        assert_eq!(diagnose("invalid_client", "Something new."), None);
        assert_eq!(diagnose("teapot", "audience claim"), None);
    }
}
