//! What an invalidation can name, and which names an answer goes by.

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use openssl::sha::sha256;

use crate::checker::cache::facts::{Facts, Known};
use crate::checker::cache::key::{Key, Keyer};
use crate::support::random::Random;

/// What an invalidation names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    Everything,
    Token(Key),
    Jti(&'a str),
    TokenHash(&'a str),
    User(&'a str),
    Login(&'a str),
    Client(&'a str),
    /// By its number among the checker's servers.
    Server(usize),
}

/// The kinds of names that are not everything's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Token,
    Jti,
    TokenHash,
    User,
    Login,
    Client,
    Server,
}

impl Kind {
    pub(super) const COUNT: usize = Self::Server as usize + 1;
}

/// The token that something is known about, and the server that was asked. Without `Debug`: it has
/// the token's text.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) key: Key,
    pub(crate) server: usize,
    pub(crate) token: &'a str,
}

/// Makes keys of names, each kind under its own secret.
pub(super) struct Names {
    jti: Keyer,
    hash: Keyer,
    user: Keyer,
    login: Keyer,
    client: Keyer,
    server: Keyer,
}

/// The keys of the names that something goes by.
pub(super) struct Keys {
    pub(super) keys: [Option<Key>; 9],
    /// Whether it is an active answer that gives no login, so that it may be anybody's.
    pub(super) may_be_any_login: bool,
}

impl Names {
    pub(super) fn new(random: &dyn Random) -> Self {
        let keyer = || Keyer::new(random);
        Self {
            jti: keyer(),
            hash: keyer(),
            user: keyer(),
            login: keyer(),
            client: keyer(),
            server: keyer(),
        }
    }

    /// The kind and the key of what is named; `None` if that is everything. So is what cannot be
    /// told from anything else, such as a hash that is none: too much is asked again then, and
    /// nothing that was meant is believed.
    pub(super) fn key(&self, named: Named<'_>) -> Option<(Kind, Key)> {
        match named {
            Named::Everything => None,
            Named::Token(key) => Some((Kind::Token, key)),
            Named::Jti(id) => Some((Kind::Jti, self.jti.key(id))),
            Named::TokenHash(text) => Some((Kind::TokenHash, self.hash.key_of(&digest(text)?))),
            Named::User(id) => Some((Kind::User, self.user.key(id))),
            Named::Login("") => None,
            Named::Login(login) => Some((Kind::Login, self.login.key_in_any_case(login))),
            Named::Client(id) => Some((Kind::Client, self.client.key(id))),
            Named::Server(number) => Some((Kind::Server, self.server_key(number))),
        }
    }

    /// The keys of what an answer goes by, as far as the kind of the name is `wanted`. Allocates
    /// nothing: the check of a good token comes by here.
    pub(super) fn keys(
        &self,
        about: &About<'_>,
        known: Option<&Known>,
        wanted: impl Fn(Kind) -> bool,
    ) -> Keys {
        let if_wanted = |kind, key: &dyn Fn() -> Key| wanted(kind).then(key);
        let hash = || self.hash.key_of(&sha256(about.token.as_bytes()));
        let mut keys = [None; 9];
        keys[0] = Some(about.key);
        keys[1] = if_wanted(Kind::TokenHash, &hash);
        keys[2] = if_wanted(Kind::Server, &|| self.server_key(about.server));
        let Some(Known::Active(facts)) = known else {
            return Keys { keys, may_be_any_login: false };
        };
        let text = |kind, keyer: &Keyer, text: Option<&str>| {
            text.filter(|_| wanted(kind)).map(|text| keyer.key(text))
        };
        keys[3] = text(Kind::Jti, &self.jti, facts.jti());
        keys[4] = text(Kind::User, &self.user, facts.uid());
        keys[5] = text(Kind::Client, &self.client, facts.client_id());
        let mut may_be_any_login = false;
        if wanted(Kind::Login) {
            let logins = logins(facts);
            may_be_any_login = logins.iter().all(Option::is_none);
            for (key, login) in keys[6..].iter_mut().zip(logins) {
                *key = login.map(|login| self.login.key_in_any_case(login));
            }
        }
        Keys { keys, may_be_any_login }
    }

    fn server_key(&self, number: usize) -> Key {
        self.server.key_of(&number.to_ne_bytes())
    }
}

/// What a user may be called by beside Okta's id.
fn logins(facts: &Facts) -> [Option<&str>; 3] {
    [facts.username(), facts.sub(), facts.extra("email")]
}

/// The digest that a text says in Base64: the standard alphabet with padding is Okta's, and no
/// other spelling means anything else.
fn digest(text: &str) -> Option<[u8; 32]> {
    let engine = |alphabet: &Alphabet| {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent);
        GeneralPurpose::new(alphabet, config)
    };
    let bytes = engine(&STANDARD).decode(text).or_else(|_| engine(&URL_SAFE).decode(text));
    bytes.ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::random::SeededRandom;

    #[test]
    fn a_hash_is_read_in_either_alphabet_and_what_is_none_is_everything() {
        let names = Names::new(&SeededRandom::new(1));
        let about = |token| About { key: names.server_key(0), server: 0, token };
        // Okta's own pair.
        let token = "zDfsxCWXNo0QE4MtMZ2TM1je2Ofkgis47rizYbbW2Bk";
        let of_token = names.keys(&about(token), None, |_| true).keys[1];
        let hash = "hFq1PH4oWPp8F6maiAzaXiCC6i6GbT5PHnKA77192tc=";
        for (text, is_hash) in [
            (hash, true),
            (hash.trim_end_matches('='), true),
            ("", false),
            ("hFq1PH4oWPp8F6maiAzaXiCC6i6GbT5PHnKA77192t", false),
            ("845ab53c7e2858fa7c17a99a880cda5e2082ea2e866d3e4f1e7280efbd75dad7", false),
        ] {
            let key = names.key(Named::TokenHash(text)).map(|(_, key)| key);
            assert_eq!(key, of_token.filter(|_| is_hash), "{text:?}");
        }
        let other = "-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8=";
        let standard = other.replace('-', "+").replace('_', "/");
        let key = |text| names.key(Named::TokenHash(text)).map(|(_, key)| key);
        assert!(key(other).is_some());
        assert_eq!(key(other), key(&standard));
    }
}
