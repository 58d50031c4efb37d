//! Which requests Okta counts together.

use reqwest::{Method, Url};

use crate::issuer::Issuer;

/// The name of the bucket in which a request counts, within one org.
///
/// Okta counts all custom servers together, and at each kind of server the token endpoint apart
/// from all others ([rate limits](https://developer.okta.com/docs/reference/rate-limits/)). Its
/// management APIs have buckets by method and path, told apart here by [`api`]. Of servers that
/// are not Okta's nothing is known: each of their addresses is taken to count for itself.
pub(crate) fn bucket(issuer: &Issuer, method: &Method, url: &Url) -> String {
    if !issuer.is_org() && issuer.custom_id().is_none() {
        return url.path().to_owned();
    }
    let segments: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    let name = match segments.as_slice() {
        ["oauth2", "v1", "token"] => "/oauth2/v1/token",
        ["oauth2", "v1", "clients", ..] => "/oauth2/v1/clients",
        ["oauth2", "v1", ..] => "/oauth2/v1",
        ["oauth2", _, "v1", "token"] => "/oauth2/{id}/v1/token",
        ["oauth2", _, "v1", ..] => "/oauth2/{id}/v1",
        ["oauth2", ..] => "/oauth2",
        _ => return api(method, url),
    };
    name.to_owned()
}

/// The bucket in which introspections count, or `introspect` where that is not known.
pub(crate) fn introspection_bucket(issuer: &Issuer) -> &'static str {
    match (issuer.is_org(), issuer.custom_id()) {
        (true, _) => "/oauth2/v1",
        (_, Some(_)) => "/oauth2/{id}/v1",
        (false, None) => "introspect",
    }
}

/// The name of a management API: its method and the beginning of its path.
pub(crate) fn api(method: &Method, url: &Url) -> String {
    let path: Vec<&str> = url.path_segments().into_iter().flatten().take(API_SEGMENTS).collect();
    format!("{method} /{}", path.join("/"))
}

/// So many segments of the path tell APIs apart: `/api/v1/users`.
const API_SEGMENTS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn introspections_count_where_their_url_does() {
        for (issuer, path) in [
            ("https://acme.okta.com", "/oauth2/v1/introspect"),
            ("https://acme.okta.com/oauth2/default", "/oauth2/default/v1/introspect"),
        ] {
            let issuer = Issuer::parse(issuer).unwrap();
            let url = Url::parse(issuer.as_str()).unwrap().join(path).unwrap();
            assert_eq!(introspection_bucket(&issuer), bucket(&issuer, &Method::POST, &url));
        }
    }

    #[test]
    fn buckets_are_those_of_okta() {
        let of = |issuer: &Issuer, path: &str| {
            let url = Url::parse("https://acme.okta.com").unwrap().join(path).unwrap();
            bucket(issuer, &Method::POST, &url)
        };
        let org = Issuer::parse("https://acme.okta.com").unwrap();
        for (path, name) in [
            ("/oauth2/v1/token", "/oauth2/v1/token"),
            ("/oauth2/v1/introspect", "/oauth2/v1"),
            ("/oauth2/v1/revoke", "/oauth2/v1"),
            ("/oauth2/v1/clients/0oa1", "/oauth2/v1/clients"),
            ("/oauth2/default/v1/token", "/oauth2/{id}/v1/token"),
            ("/oauth2/aus1/v1/introspect", "/oauth2/{id}/v1"),
            ("/oauth2/aus2/v1/revoke", "/oauth2/{id}/v1"),
            ("/api/v1/users/00u1/groups?limit=1", "POST /api/v1/users"),
            ("/", "POST /"),
        ] {
            assert_eq!(of(&org, path), name, "{path}");
            let custom = Issuer::parse("https://acme.okta.com/oauth2/default").unwrap();
            assert_eq!(of(&custom, path), name, "{path}");
        }
        let other = Issuer::parse_other("https://acme.okta.com").unwrap();
        assert_eq!(of(&other, "/oauth2/v1/introspect"), "/oauth2/v1/introspect");
    }
}
