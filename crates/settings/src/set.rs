//! Settings that belong together: a secret goes only where the same source sends it.

use crate::error::SettingsError;
use crate::found::Origin;
use crate::layer::Layer;

impl Layer {
    /// Refuses a server from one source with a client id, a key or a secret from another: a file in a cloned
    /// repository must not send what belongs to the user's own org to a host of its choice. A flag
    /// is a choice for this one call, and goes with everything.
    pub(crate) fn check_app(&self) -> Result<(), SettingsError> {
        one_source(&[
            ("server", self.server.as_ref().map(|found| &found.origin)),
            ("client id", self.client_id.as_ref().map(|found| &found.origin)),
            ("private key", self.key.as_ref().map(|found| &found.origin)),
            ("client secret", self.secret.as_ref().map(|found| &found.origin)),
        ])
        .map_err(|(one, other)| {
            let what = match self.secret {
                Some(_) => "name server, client id and client secret in one place",
                None => "name server, client id and private key in one place",
            };
            mixed(&one, &other).advise(what)
        })
    }

    /// As [`check_app`](Self::check_app) for the proxy. A proxy that a file in the working folder
    /// names is used for the server of that file only.
    pub(crate) fn check_proxy(&self) -> Result<(), SettingsError> {
        let proxy = &self.proxy;
        let host = proxy.host.as_ref().map(|found| &found.origin);
        one_source(&[
            ("proxy's host", host),
            ("proxy's port", proxy.port.as_ref().map(|found| &found.origin)),
            ("proxy's user name", proxy.username.as_ref().map(|found| &found.origin)),
            ("proxy's password", proxy.password.as_ref().map(|found| &found.origin)),
        ])
        .map_err(|(one, other)| {
            mixed(&one, &other).advise("name the proxy with its credentials in one place")
        })?;
        let server = self.server.as_ref().map(|found| &found.origin);
        match (host, server) {
            (Some(host), Some(server))
                if host.is_working_folder() && !host.is_in_file_of(server) =>
            {
                Err(mixed(&("server", server), &("proxy", host)).advise(
                    "a file in the working folder names a proxy for its own server only: set \
                     OKTA_CLIENT_PROXY_HOST, or remove the proxy from that file",
                ))
            }
            _ => Ok(()),
        }
    }

    /// As [`check_app`](Self::check_app) for the shared store: its password is not sent elsewhere,
    /// and what is put there is sealed with no secret that another source knows. A store that a file
    /// in the working folder names is used for the server of that file only.
    pub(crate) fn check_shared(&self) -> Result<(), SettingsError> {
        one_source(&self.shared.origins()).map_err(|(one, other)| {
            mixed(&one, &other).advise("name the store with its secrets in one place")
        })?;
        let store = self.shared.url.as_ref().map(|found| &found.origin);
        let server = self.server.as_ref().map(|found| &found.origin);
        match (store, server) {
            (Some(store), Some(server))
                if store.is_working_folder() && !store.is_in_file_of(server) =>
            {
                Err(mixed(&("server", server), &("shared store", store)).advise(
                    "a file in the working folder names a store for its own server only: set \
                     OKTA_CLIENT_SHARED_URL, or remove the store from that file",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// A setting, and where it was found.
type Member<'a> = (&'static str, &'a Origin);

/// Two members that were found in different sources, if there are such.
fn one_source<'a>(
    members: &[(&'static str, Option<&'a Origin>)],
) -> Result<(), (Member<'a>, Member<'a>)> {
    let chosen = members.iter().filter_map(|(name, origin)| Some((*name, (*origin)?)));
    let mut found = chosen.filter(|(_, origin)| !matches!(origin, Origin::Flag(_)));
    let Some(first) = found.next() else { return Ok(()) };
    match found.find(|(_, origin)| !origin.is_beside(first.1)) {
        Some(other) => Err((first, other)),
        None => Ok(()),
    }
}

fn mixed(one: &Member<'_>, other: &Member<'_>) -> SettingsError {
    SettingsError::new(format!(
        "the {} is named by {}, and the {} by {}: they are not sent together",
        one.0, one.1, other.0, other.1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_one_source_go_together_and_flags_with_all() {
        let (flag, variable) = (Origin::Flag("--issuer"), Origin::Variable("OKTA_CLIENT_ORGURL"));
        let other = Origin::Variable("OKTA_CLIENT_CLIENTID");
        let together = |server, id, key| {
            one_source(&[("server", server), ("client id", id), ("key", key)]).is_ok()
        };
        for (server, id, key, expected) in [
            (None, None, None, true),
            (Some(&flag), Some(&variable), Some(&other), true),
            (Some(&variable), Some(&other), None, true),
            (Some(&variable), Some(&Origin::Sandbox), None, false),
            (Some(&variable), Some(&flag), Some(&Origin::Sandbox), false),
        ] {
            assert_eq!(together(server, id, key), expected, "{server:?} {id:?} {key:?}");
        }
    }
}
