//! Which scope a management API wants, as Okta's OpenAPI description states it.

/// The beginning of the path, where `*` is any one segment, and the resource in the scope:
/// `okta.{resource}.read` or `.manage`. Earlier rows win.
const RESOURCES: &[(&str, &str)] = &[
    ("/api/v1/users/*/roles", "roles"),
    ("/api/v1/users/*/risk", "userRisk"),
    ("/api/v1/users", "users"),
    ("/api/v1/groups/*/roles", "roles"),
    ("/api/v1/groups", "groups"),
    ("/api/v1/apps/*/grants", "appGrants"),
    ("/api/v1/apps/*/group-push", "groups"),
    ("/api/v1/apps", "apps"),
    ("/api/v1/logs", "logs"),
    ("/api/v1/iam", "roles"),
    ("/api/v1/roles", "roles"),
    ("/oauth2/v1/clients/*/roles", "roles"),
    ("/oauth2/v1/clients", "clients"),
    ("/api/v1/authorizationServers", "authorizationServers"),
    ("/api/v1/policies", "policies"),
    ("/api/v1/idps", "idps"),
    ("/api/v1/authenticators", "authenticators"),
    ("/api/v1/sessions", "sessions"),
    ("/api/v1/devices", "devices"),
    ("/api/v1/device-assurances", "deviceAssurance"),
    ("/api/v1/zones", "networkZones"),
    ("/api/v1/behaviors", "behaviors"),
    ("/api/v1/threats", "threatInsights"),
    ("/api/v1/trustedOrigins", "trustedOrigins"),
    ("/api/v1/eventHooks", "eventHooks"),
    ("/api/v1/inlineHooks", "inlineHooks"),
    ("/api/v1/hook-keys", "inlineHooks"),
    ("/api/v1/logStreams", "logStreams"),
    ("/api/v1/domains", "domains"),
    ("/api/v1/email-domains", "emailDomains"),
    ("/api/v1/brands/*/templates", "templates"),
    ("/api/v1/brands", "brands"),
    ("/api/v1/templates", "templates"),
    ("/api/v1/features", "features"),
    ("/api/v1/mappings", "profileMappings"),
    ("/api/v1/meta/types", "userTypes"),
    ("/api/v1/meta/uischemas", "uischemas"),
    ("/api/v1/meta/schemas/logStream", "logStreams"),
    ("/api/v1/meta/schemas/user/linkedObjects", "linkedObjects"),
    ("/api/v1/meta/schemas", "schemas"),
    ("/api/v1/realms", "realms"),
    ("/api/v1/realm-assignments", "realmAssignments"),
    ("/api/v1/identity-sources", "identitySources"),
    ("/api/v1/agentPools", "agentPools"),
    ("/api/v1/api-tokens", "apiTokens"),
    ("/api/v1/captchas", "captchas"),
    ("/api/v1/push-providers", "pushProviders"),
    ("/api/v1/principal-rate-limits", "principalRateLimits"),
    ("/api/v1/rate-limit-settings", "rateLimits"),
    ("/api/v1/org/captcha", "captchas"),
    ("/api/v1/org", "orgs"),
];

/// The scope for a call, if the path is one that is known.
pub(crate) fn scope(method: &str, path: &str) -> Option<String> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (_, resource) = RESOURCES.iter().find(|(prefix, _)| begins(path, prefix))?;
    let reads = ["GET", "HEAD"].contains(&method);
    Some(format!("okta.{resource}.{}", if reads { "read" } else { "manage" }))
}

/// Every scope that is known.
pub(crate) fn all() -> impl Iterator<Item = String> {
    let scopes = |(_, resource): &(&str, &str)| {
        ["read", "manage"].map(|verb| format!("okta.{resource}.{verb}"))
    };
    RESOURCES.iter().flat_map(scopes)
}

/// What `--help` says about it.
pub(crate) fn help() -> String {
    let mut text = String::from(
        "Scopes, unless --scope names them, follow from the path: okta.RESOURCE.read for GET and \
         HEAD,\nokta.RESOURCE.manage otherwise, where RESOURCE is",
    );
    let mut column = usize::MAX;
    for (prefix, resource) in RESOURCES {
        let row = format!("  {prefix}: {resource}");
        if column.saturating_add(row.len()) > 96 {
            text.push('\n');
            column = 0;
        }
        column += row.len();
        text.push_str(&row);
    }
    text
}

/// Whether the path begins with the segments of the prefix.
fn begins(path: &str, prefix: &str) -> bool {
    let mut segments = path.split('/');
    prefix.split('/').all(|wanted| match segments.next() {
        Some(segment) => wanted == segment || (wanted == "*" && !segment.is_empty()),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_follows_from_method_and_path() {
        for (method, path, expected) in [
            ("GET", "/api/v1/users", Some("okta.users.read")),
            ("GET", "/api/v1/users?limit=2", Some("okta.users.read")),
            ("HEAD", "/api/v1/users/00u1", Some("okta.users.read")),
            ("POST", "/api/v1/users", Some("okta.users.manage")),
            ("DELETE", "/api/v1/users/00u1/sessions", Some("okta.users.manage")),
            ("GET", "/api/v1/users/00u1/roles", Some("okta.roles.read")),
            ("GET", "/api/v1/users//roles", Some("okta.users.read")),
            ("GET", "/api/v1/apps/0oa1/grants", Some("okta.appGrants.read")),
            ("PUT", "/api/v1/apps/0oa1", Some("okta.apps.manage")),
            ("GET", "/api/v1/zones", Some("okta.networkZones.read")),
            ("GET", "/api/v1/usersX", None),
            ("GET", "/api/v1/meta", None),
            ("GET", "/", None),
        ] {
            assert_eq!(scope(method, path).as_deref(), expected, "{method} {path}");
        }
    }

    #[test]
    fn no_row_hides_behind_an_earlier_one() {
        for (index, (prefix, _)) in RESOURCES.iter().enumerate() {
            let earlier = RESOURCES[..index].iter().find(|(earlier, _)| begins(prefix, earlier));
            assert_eq!(earlier, None, "{prefix}");
        }
    }
}
