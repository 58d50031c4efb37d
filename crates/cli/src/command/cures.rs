//! Cures that depend on where the reader is: inside the sandbox there is no Admin Console, and a
//! scope that nobody grants may only be misspelt.

use okta_introspect::{Error, Issuer};

use crate::api_scopes;
use crate::settings::{Origin, Settings};

use super::running_sandbox;

/// How many letters of a scope may be wrong, missing, too many or swapped.
const MAX_DISTANCE: usize = 3;

/// Scopes that are known besides those of management APIs: what the sandbox's own servers have.
const OTHERS: [&str; 1] = ["orders.read"];

/// What to do about an error of the authorization server, if more is known than the library does.
pub(super) fn of(settings: &Settings, error: &Error) -> Option<String> {
    let diagnosis = error.diagnosis()?;
    let sandbox = is_sandbox(settings).then(|| in_sandbox(&diagnosis.about)).flatten();
    let scopes = settings.scopes().ok();
    let meant = scopes.filter(|_| diagnosis.about == "scope").and_then(|scopes| {
        let names: Vec<String> = scopes.iter().filter_map(nearest).collect();
        (!names.is_empty()).then(|| names.join(" "))
    });
    let cure = sandbox.unwrap_or(&diagnosis.cure);
    let cure = match (meant, sandbox) {
        (Some(meant), _) => format!("did you mean {meant}? Else {cure}"),
        (None, Some(cure)) => cure.to_owned(),
        (None, None) => return None,
    };
    Some(diagnosis.to_string().replace(&diagnosis.cure, &cure))
}

/// Whether the server is the sandbox that this user runs, however the settings name it.
pub(super) fn is_sandbox(settings: &Settings) -> bool {
    if settings.origins().server == Some(&Origin::Sandbox) {
        return true;
    }
    // Okta itself is never on loopback.
    let Some(issuer) = settings.issuer().ok().filter(Issuer::is_loopback) else { return false };
    let sandbox = running_sandbox::find().and_then(|record| Issuer::parse(&record.issuer).ok());
    sandbox.is_some_and(|sandbox| issuer.org() == sandbox.org())
}

/// How to mend in the sandbox what a refusal is about.
pub(super) fn in_sandbox(about: &str) -> Option<&'static str> {
    Some(match about {
        "scope" => {
            "in the sandbox, an app has the `scopes` that its seed grants, and a custom server those \
             of its own: start it with `okta-introspect sandbox --seed FILE`; its own app has \
             those that `okta-introspect config show` lists, and orders.read at --auth-server default"
        }
        "kid" | "key" | "alg" | "jwks_uri" => {
            "in the sandbox, an app has the public keys that its seed lists in `jwks`, as \
             `okta-introspect jwk --set` prints them (compare with `jwk --thumbprint`): start it with `okta-introspect sandbox --seed FILE`"
        }
        "iss" | "sub" => {
            "in the sandbox, the apps are 0oasandbox and those of `okta-introspect sandbox --seed FILE`"
        }
        "authentication method" => {
            "in the sandbox, an app has the `auth_method` of its seed, private_key_jwt if it names none: \
             write the one there that is used, or use that one with --auth-method"
        }
        "secret" => {
            "in the sandbox, an app has the `client_secrets` of its seed: write the secret there"
        }
        "app type" => "in the sandbox, write `type: service` for the app in the seed",
        "policy" => "in the sandbox, add the app to the `clients` of the server in the seed",
        "admin role" => "in the sandbox, write `admin: true` for the app in the seed",
        "issuer" => {
            "in the sandbox, the custom servers are `default` and the `servers` of the seed"
        }
        _ => return None,
    })
}

/// The known scope that was probably meant; `None` if it is known, or like none.
pub(super) fn nearest(scope: &str) -> Option<String> {
    nearest_of(scope, api_scopes::all().chain(OTHERS.map(str::to_owned)))
}

/// The one of these scopes that was probably meant; `None` if it is one of them, or like none.
pub(super) fn nearest_of(scope: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let typed = scope.to_ascii_lowercase();
    let distance =
        |known: &String| strsim::damerau_levenshtein(&known.to_ascii_lowercase(), &typed);
    let mut nearest: Option<(usize, String)> = None;
    for known in known {
        if known == scope {
            return None;
        }
        let distance = distance(&known);
        if nearest.as_ref().is_none_or(|(least, _)| distance < *least) {
            nearest = Some((distance, known));
        }
    }
    let (distance, nearest) = nearest?;
    (distance <= MAX_DISTANCE.min(scope.len() / 3)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_scope_is_near_to_a_known_one() {
        for (scope, meant) in [
            ("okta.user.read", Some("okta.users.read")),
            ("okta.users.reed", Some("okta.users.read")),
            ("okta.Users.Read", Some("okta.users.read")),
            ("okta.appgrants.read", Some("okta.appGrants.read")),
            ("order.read", Some("orders.read")),
            ("okta.users.read", None),
            ("something.else", None),
            ("a", None),
        ] {
            assert_eq!(nearest(scope).as_deref(), meant, "{scope}");
        }
    }
}
