//! Service tokens in the user's cache folder, for commands that are called in loops.
//!
//! Each file holds one token, encrypted under a key that is derived from the app's private key: the
//! file alone is worth nothing. It is bound to the issuer, the client, the key and the scopes for
//! which the token was requested. The cache never fails a command: a file that cannot be used is
//! noted, and the token is requested again.

mod folder;
mod seal;

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use chrono::DateTime;
use okta_introspect::{
    BoxFuture, Clock, Issuer, Scopes, StoredToken, SystemClock, Token, TokenStore,
};
use okta_introspect_settings::Key;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Readers, private};
use crate::output;

/// What the key is derived for.
const LABEL: &str = "service tokens in the user's cache, AES-256-GCM";

/// Far above any sealed token.
const MAX_FILE: u64 = 64 * 1024;

/// The kept tokens of one client.
pub(crate) struct TokenCache {
    folder: PathBuf,
    /// Issuer, client id, and thumbprint of the key.
    client: [String; 3],
    key: Zeroizing<[u8; 32]>,
}

impl TokenCache {
    /// The tokens that `issuer` gives to a client with this key.
    pub(crate) fn of(issuer: &Issuer, client_id: &str, key: &Key) -> Result<Self, Failure> {
        let Some(key) = key.local() else { return Err(nothing_to_seal_with()) };
        let folder = folder::locate().ok_or_else(|| {
            Failure::new(Exit::Usage, "there is no folder in which to keep tokens")
                .advise("set XDG_CACHE_HOME or HOME, or leave out --token-cache")
        })?;
        let client = [issuer.to_string(), client_id.to_owned(), key.public_jwk().thumbprint()];
        Ok(Self { folder, client, key: key.derive_secret(LABEL)? })
    }

    /// What a token is bound to: the client and the scopes.
    fn owner(&self, scopes: &Scopes) -> String {
        // JSON, so that no two lists of names have the same text.
        serde_json::json!([self.client, scopes]).to_string()
    }

    fn path(&self, owner: &str) -> PathBuf {
        let hash = openssl::sha::sha256(owner.as_bytes());
        let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name).with_extension(folder::ENDING)
    }

    /// The kept token; `None` if there is none.
    fn find(&self, scopes: &Scopes) -> Result<Option<StoredToken>, &'static str> {
        let owner = self.owner(scopes);
        let path = self.path(&owner);
        let file = match fs::symlink_metadata(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(_) => return Err("its file cannot be read"),
        };
        if !private::is_file(&file) || !private::is_folder(&self.folder) {
            return Err("its file is open to other users, or is none");
        }
        if file.len() > MAX_FILE {
            return Err("its file is damaged");
        }
        let sealed = fs::read(&path).map_err(|_| "its file cannot be read")?;
        let opened =
            seal::open(&self.key, owner.as_bytes(), &sealed).ok_or("its file is damaged")?;
        let kept: Kept<Token> =
            serde_json::from_slice(&opened).map_err(|_| "its file is damaged")?;
        let end = DateTime::from_timestamp(kept.expires_at, 0).ok_or("its file is damaged")?;
        Ok(Some(StoredToken::new(kept.access_token, kept.scope, end)))
    }

    fn keep(&self, scopes: &Scopes, token: &StoredToken) -> io::Result<()> {
        let kept = Kept {
            access_token: token.token.expose(),
            scope: token.scopes.clone(),
            expires_at: token.expires_at.timestamp(),
        };
        // Reserved at once: a growing buffer would leave copies of the token behind in memory.
        let mut text = Zeroizing::new(Vec::with_capacity(2 * Token::MAX_LEN));
        serde_json::to_writer(&mut *text, &kept)?;
        let owner = self.owner(scopes);
        let sealed = seal::seal(&self.key, owner.as_bytes(), &text)?;
        folder::create(&self.folder)?;
        files::replace(&self.path(&owner), &sealed, Readers::Owner)?;
        folder::remove_old(&self.folder, SystemClock.now());
        Ok(())
    }
}

/// A key elsewhere signs, and does nothing else.
fn nothing_to_seal_with() -> Failure {
    Failure::new(Exit::Usage, "no tokens are kept for a key that never leaves its place: they are sealed with what is derived from the key")
        .advise("leave out --token-cache; `okta-introspect serve` keeps tokens in memory")
}

/// The decrypted content of a file.
#[derive(Deserialize, Serialize)]
struct Kept<T> {
    access_token: T,
    scope: Option<Scopes>,
    /// Seconds since the epoch.
    expires_at: i64,
}

impl TokenStore for TokenCache {
    fn load<'a>(&'a self, scopes: &'a Scopes) -> BoxFuture<'a, Option<StoredToken>> {
        Box::pin(async {
            self.find(scopes).unwrap_or_else(|why| {
                output::note(format_args!("the kept token is not used: {why}"));
                None
            })
        })
    }

    fn save<'a>(&'a self, scopes: &'a Scopes, token: StoredToken) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Err(cause) = self.keep(scopes, &token) {
                let folder = self.folder.display();
                output::note(format_args!("the token is not kept in {folder}: {cause}"));
            }
        })
    }
}

impl fmt::Debug for TokenCache {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("folder", &self.folder).finish_non_exhaustive()
    }
}
