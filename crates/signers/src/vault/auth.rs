//! As whom Vault is asked.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use okta_introspect::{Error, Secret};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::fault;

/// The longest file of a token or a secret, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// How this client proves to Vault who it is.
///
/// # Example: an AppRole whose secret is in a file
///
/// ```
/// use okta_introspect_signers::vault::{VaultAuth, VaultSecret};
///
/// let auth = VaultAuth::AppRole {
///     mount: VaultAuth::APPROLE_MOUNT.to_owned(),
///     role_id: "f2b9e5c8-service".to_owned(),
///     secret_id: Some(VaultSecret::File("/run/secrets/vault-secret-id".into())),
/// };
/// assert!(format!("{auth:?}").contains("AppRole"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum VaultAuth {
    /// A token. From a file it is read again when Vault refuses the one before, as Vault Agent
    /// exchanges it.
    Token(VaultSecret),
    /// AppRole: a role's id and, if the role has one, a secret id.
    AppRole {
        /// Where the method is mounted, below `auth/`.
        mount: String,
        /// The role's id.
        role_id: String,
        /// Its secret id, if it needs one.
        secret_id: Option<VaultSecret>,
    },
    /// The service account of a Kubernetes pod.
    Kubernetes {
        /// Where the method is mounted, below `auth/`.
        mount: String,
        /// The role in Vault.
        role: String,
        /// The file of the service account's token, read at each login.
        token_file: PathBuf,
    },
}

/// A secret, or the file that holds it and is read each time. `Debug` shows the file's name alone.
///
/// # Example
///
/// ```
/// use okta_introspect::Secret;
/// use okta_introspect_signers::vault::VaultSecret;
///
/// assert_eq!(format!("{:?}", VaultSecret::Text(Secret::new("hvs.x"))), "Text([redacted])");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum VaultSecret {
    /// The secret itself.
    Text(Secret),
    /// Its file, of at most 64 KiB.
    File(PathBuf),
}

impl fmt::Debug for VaultSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(secret) => f.debug_tuple("Text").field(secret).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// What is to be done to have a token.
pub(super) enum Login {
    Have(Secret),
    /// A path below `/v1/`, and what is posted there.
    Post(String, Zeroizing<String>),
}

impl VaultAuth {
    /// `approle`, where the method of that name is mounted as a rule.
    pub const APPROLE_MOUNT: &str = "approle";

    /// `kubernetes`, as a rule.
    pub const KUBERNETES_MOUNT: &str = "kubernetes";

    /// Where a pod finds the token of its service account.
    pub const KUBERNETES_TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

    pub(super) fn login(&self) -> Result<Login, Error> {
        let post = |mount: &str, body: Value| {
            Login::Post(format!("auth/{mount}/login"), Zeroizing::new(body.to_string()))
        };
        Ok(match self {
            Self::Token(secret) => Login::Have(secret.read("the token of Vault")?),
            Self::AppRole { mount, role_id, secret_id } => {
                let mut body = json!({ "role_id": role_id });
                if let Some(secret_id) = secret_id {
                    let secret_id = secret_id.read("the secret id of Vault's AppRole")?;
                    body["secret_id"] = secret_id.expose().into();
                }
                post(mount, body)
            }
            Self::Kubernetes { mount, role, token_file } => {
                let jwt = read(token_file, "the token of the service account")?;
                post(mount, json!({ "role": role, "jwt": jwt.expose() }))
            }
        })
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Token(_) => Ok(()),
            Self::AppRole { mount, .. } | Self::Kubernetes { mount, .. } => {
                check_path(mount, "the mount of Vault's login")
            }
        }
    }
}

impl VaultSecret {
    fn read(&self, what: &str) -> Result<Secret, Error> {
        match self {
            Self::Text(secret) => Ok(secret.clone()),
            Self::File(path) => read(path, what),
        }
    }
}

/// The text of a regular file without the line break at its end.
fn read(path: &Path, what: &str) -> Result<Secret, Error> {
    let bytes = read_file(path, what)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| unread(path, what, "is not text"))?;
    match text.trim_start_matches('\u{feff}').trim() {
        "" => Err(unread(path, what, "is empty")),
        text => Ok(Secret::new(text)),
    }
}

fn unread(path: &Path, what: &str, why: &str) -> Error {
    let text = format!("{what} {why}: {}", path.display());
    fault::configuration(text, "see the file and who may read it")
}

/// The bytes of a regular file.
pub(super) fn read_file(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |why: &str| unread(path, what, why);
    let unreadable = |cause: std::io::Error| failed(&format!("cannot be read ({cause})"));
    // A pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(failed("is not in a regular file"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(failed("is longer than 64 KiB"));
    }
    Ok(bytes)
}

/// What stands in a path of Vault's as it is.
pub(super) fn check_path(path: &str, what: &str) -> Result<(), Error> {
    let is_name = |name: &str| {
        let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !name.is_empty() && name.bytes().all(is_usual) && !name.bytes().all(|byte| byte == b'.')
    };
    match path.len() <= 512 && path.split('/').all(is_name) {
        true => Ok(()),
        // Not repeated: it may be anything that stands in the wrong place.
        false => Err(fault::configuration(
            format!("{what} is none"),
            "use letters, digits, `-`, `_` and `.`, with `/` between the parts of a mount",
        )),
    }
}
