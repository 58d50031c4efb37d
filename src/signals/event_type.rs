//! Which events of Okta's System Log mean that tokens have to be asked about again, and what of an
//! event names them.

/// What of an event names the tokens; the first that the event has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Naming {
    /// Its tokens, and more where those alone are not certain to be found.
    Tokens,
    /// Its tokens and the user, or else the client.
    Family,
    /// The user, or else the client, or else the authorization server.
    Consent,
    /// The user that it was done to.
    User,
    /// The user that it was done to, and the user that did it.
    Session,
    /// The client.
    Client,
    /// The authorization server.
    Server,
}

/// What an event of this type names; `None` if it says nothing of tokens.
pub(super) fn naming(event_type: &str) -> Option<Naming> {
    let row = TABLE.binary_search_by(|(known, _)| (*known).cmp(event_type)).ok()?;
    Some(TABLE[row].1)
}

/// The filter that lets through what [`naming`] knows: prefixes, because the number of the types
/// would make a URL of many kilobytes.
pub(super) fn filter() -> String {
    let clauses = PREFIXES.map(|prefix| format!("eventType sw \"{prefix}\""));
    clauses.join(" or ")
}

/// By the types' names, in order. What is left out: `group.user_membership.remove` and
/// `policy.*`, which change nothing about tokens that were issued before; `user.session.expire`,
/// after which tokens go on; the rotation of keys, which `Jwks` finds out by itself.
const TABLE: [(&str, Naming); 45] = [
    ("app.oauth2.admin.consent.revoke", Naming::Client),
    ("app.oauth2.as.consent.revoke", Naming::Consent),
    ("app.oauth2.as.consent.revoke.implicit.as", Naming::Server),
    ("app.oauth2.as.consent.revoke.implicit.client", Naming::Client),
    ("app.oauth2.as.consent.revoke.implicit.scope", Naming::Server),
    ("app.oauth2.as.consent.revoke.implicit.user", Naming::User),
    ("app.oauth2.as.consent.revoke.user", Naming::Consent),
    ("app.oauth2.as.consent.revoke.user.client", Naming::Consent),
    ("app.oauth2.as.token.detect_reuse", Naming::Family),
    ("app.oauth2.as.token.revoke", Naming::Tokens),
    ("app.oauth2.as.token.revoke.implicit.as", Naming::Server),
    ("app.oauth2.as.token.revoke.implicit.client", Naming::Client),
    ("app.oauth2.as.token.revoke.implicit.user", Naming::User),
    ("app.oauth2.client.lifecycle.deactivate", Naming::Client),
    ("app.oauth2.client.lifecycle.delete", Naming::Client),
    ("app.oauth2.client.lifecycle.update", Naming::Client),
    ("app.oauth2.client.privilege.revoke", Naming::Client),
    ("app.oauth2.credentials.lifecycle.deactivate", Naming::Client),
    ("app.oauth2.credentials.lifecycle.delete", Naming::Client),
    ("app.oauth2.token.detect_reuse", Naming::Family),
    ("app.oauth2.token.revoke", Naming::Tokens),
    ("app.oauth2.token.revoke.implicit.as", Naming::Server),
    ("app.oauth2.token.revoke.implicit.client", Naming::Client),
    ("app.oauth2.token.revoke.implicit.user", Naming::User),
    ("application.lifecycle.deactivate", Naming::Client),
    ("application.lifecycle.delete", Naming::Client),
    ("application.lifecycle.update", Naming::Client),
    ("application.user_membership.remove", Naming::User),
    ("oauth2.as.deactivated", Naming::Server),
    ("oauth2.as.deleted", Naming::Server),
    ("oauth2.as.updated", Naming::Server),
    ("user.account.lock", Naming::User),
    ("user.account.reset_password", Naming::User),
    ("user.account.update_password", Naming::User),
    ("user.authentication.universal_logout", Naming::User),
    ("user.authentication.universal_logout.scheduled", Naming::User),
    ("user.lifecycle.deactivate", Naming::User),
    ("user.lifecycle.delete.completed", Naming::User),
    ("user.lifecycle.delete.initiated", Naming::User),
    ("user.lifecycle.suspend", Naming::User),
    ("user.mfa.factor.reset_all", Naming::User),
    ("user.risk.change", Naming::User),
    ("user.session.clear", Naming::Session),
    ("user.session.context.change", Naming::Session),
    ("user.session.end", Naming::Session),
];

/// What the types begin with that are asked for. Each is so long that what happens with every
/// sign-in, every token or every update of a profile does not come along.
const PREFIXES: [&str; 20] = [
    "app.oauth2.token.revoke",
    "app.oauth2.token.detect_reuse",
    "app.oauth2.as.token.revoke",
    "app.oauth2.as.token.detect_reuse",
    "app.oauth2.as.consent.revoke",
    "app.oauth2.admin.consent.revoke",
    "app.oauth2.client.",
    "app.oauth2.credentials.lifecycle.de",
    "application.lifecycle.",
    "application.user_membership.remove",
    "oauth2.as.",
    "user.lifecycle.",
    "user.session.end",
    "user.session.c",
    "user.account.lock",
    "user.account.reset_password",
    "user.account.update_password",
    "user.authentication.universal_logout",
    "user.mfa.factor.reset_all",
    "user.risk.change",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(TABLE.is_sorted_by(|(one, _), (next, _)| one < next));
        for (event_type, expected) in TABLE {
            assert_eq!(naming(event_type), Some(expected));
            assert_eq!(naming(&format!("{event_type}.x")), None);
        }
    }

    #[test]
    fn the_filter_lets_through_what_the_table_knows_and_not_what_happens_all_the_time() {
        let is_asked_for =
            |event_type: &str| PREFIXES.iter().any(|prefix| event_type.starts_with(prefix));
        for (event_type, _) in TABLE {
            assert!(is_asked_for(event_type), "{event_type}");
        }
        for frequent in [
            "user.session.start",
            "user.session.access_admin_app",
            "user.authentication.sso",
            "user.authentication.auth_via_mfa",
            "user.account.update_profile",
            "app.oauth2.token.grant.access_token",
            "app.oauth2.as.token.grant.access_token",
            "app.oauth2.as.token.grant.id_token",
            "app.oauth2.as.authorize.code",
            "app.oauth2.as.evaluate.claim",
            "policy.evaluate_sign_on",
            "system.org.rate_limit.warning",
        ] {
            assert!(!is_asked_for(frequent), "{frequent}");
        }
        let url = url::Url::parse_with_params("https://a/", [("filter", filter())]).unwrap();
        assert!(url.as_str().len() < 1500, "{}", url.as_str().len());
    }
}
