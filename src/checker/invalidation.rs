//! What can be declared invalid, and which servers a name of one means.

use std::fmt;

use crate::checker::watermark::Named;
use crate::checker::{Checker, Inner};
use crate::issuer::Issuer;
use crate::secret::Token;

/// What a caller may declare invalid; see [`Checker::invalidate`].
///
/// # Example: a user has logged out everywhere
///
/// ```
/// use okta_introspect::checker::{Checker, Invalidation};
///
/// fn logged_out(checker: &Checker, user_id: &str) {
///     checker.invalidate(Invalidation::User(user_id));
/// }
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Invalidation<'a> {
    /// All that is known.
    Everything,
    /// One token.
    Token(&'a Token),
    /// The token with this `jti`.
    Jti(&'a str),
    /// The token with this SHA-256, in the standard padded Base64 of Okta's System Log. A text that
    /// is no SHA-256 names everything.
    TokenHash(&'a str),
    /// All tokens of the user with this `uid`.
    User(&'a str),
    /// All tokens of the user with this login: as `username`, as `sub` or as the claim `email`,
    /// whatever the case of its ASCII letters. A token of which the server says none of these may be
    /// that user's, and counts as such; an empty text names everything.
    Login(&'a str),
    /// All tokens of the client with this id.
    Client(&'a str),
    /// All tokens of an authorization server: by its issuer's URL, or by its id, such as `default`,
    /// which is the last segment of that. One that this checker has no server for may be a custom
    /// server under another name, and concerns all of them.
    Server(&'a str),
}

impl Checker {
    /// Declares that answers that were asked for before now do not count for what this names.
    /// Costs the same however many tokens that concerns.
    ///
    /// Checks that begin afterwards are answered from requests that were sent afterwards.
    pub fn invalidate(&self, named: Invalidation<'_>) {
        let inner = &self.inner;
        let now = inner.clock.monotonic();
        let raise = |named| inner.watermarks.raise(named, now);
        match named {
            Invalidation::Everything => raise(Named::Everything),
            Invalidation::Jti(id) => raise(Named::Jti(id)),
            Invalidation::TokenHash(hash) => raise(Named::TokenHash(hash)),
            Invalidation::User(id) => raise(Named::User(id)),
            Invalidation::Login(login) => raise(Named::Login(login)),
            Invalidation::Client(id) => raise(Named::Client(id)),
            Invalidation::Server(name) => {
                inner.servers_called(name).map(Named::Server).for_each(raise);
            }
            Invalidation::Token(token) => {
                for server in &inner.servers {
                    let key = server.keyer.key(token.expose());
                    raise(Named::Token(key));
                    inner.cache.remove(key);
                }
            }
        }
    }
}

impl Inner {
    /// The servers that an issuer's URL or a server's id means, or may mean.
    fn servers_called<'a>(&'a self, name: &str) -> impl Iterator<Item = usize> + use<'a> {
        let issuer = Issuer::parse(name).or_else(|_| Issuer::parse_other(name)).ok();
        let url = issuer.as_ref().map(Issuer::as_str);
        let known = self.routes.server(name).or_else(|| self.routes.server(url?));
        // An org may have other addresses than those that are known here, each with all its servers.
        let id = url.map_or(Some(name), last_segment).map(str::to_owned);
        let has_id = |server: usize| {
            let mut names = self.routes.names(server);
            id.as_deref().is_none_or(|id| names.any(|name| last_segment(name) == Some(id)))
        };
        let all = 0..self.servers.len();
        let mut called: Vec<bool> = match known {
            Some(known) => all.map(|server| server == known).collect(),
            None => all.map(has_id).collect(),
        };
        if !called.contains(&true) {
            called = self.servers.iter().map(|server| !server.issuer.is_org()).collect();
        }
        called.into_iter().enumerate().filter(|(_, is)| *is).map(|(server, _)| server)
    }
}

/// The id of the server whose issuer has this URL.
fn last_segment(url: &str) -> Option<&str> {
    let (_, path) = url.split_once("://")?.1.trim_end_matches('/').split_once('/')?;
    path.rsplit('/').next()
}

impl fmt::Debug for Invalidation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("Everything"),
            Self::Token(_) => f.write_str("Token([redacted])"),
            Self::Jti(id) => f.debug_tuple("Jti").field(id).finish(),
            Self::TokenHash(hash) => f.debug_tuple("TokenHash").field(hash).finish(),
            Self::User(id) => f.debug_tuple("User").field(id).finish(),
            Self::Login(login) => f.debug_tuple("Login").field(login).finish(),
            Self::Client(id) => f.debug_tuple("Client").field(id).finish(),
            Self::Server(name) => f.debug_tuple("Server").field(name).finish(),
        }
    }
}
