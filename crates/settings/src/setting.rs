//! Every setting: its name, the variables and the members of files that name it.

use std::fmt;

/// A setting. The names are stable.
///
/// # Example: which variables name the key
///
/// ```
/// use okta_introspect_settings::Setting;
///
/// assert_eq!(Setting::Key.variables(), ["OKTA_CLIENT_PRIVATEKEY", "OKTA_CLIENT_JWK"]);
/// assert_eq!(Setting::Key.members(), ["privateKey", "jwk"]);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Setting {
    /// The org, or a custom authorization server, by its URL.
    Issuer,
    /// A custom authorization server of the org, by its id.
    AuthServer,
    /// The client id of the service app.
    ClientId,
    /// The app's private key: the key itself in any notation, or the path of its file.
    Key,
    /// The id under which the key is registered.
    KeyId,
    /// The passphrase of the key.
    Passphrase,
    /// The algorithm to sign with, such as `ES256`. Default: what fits the key.
    Algorithm,
    /// The scopes to request, separated by blanks or commas.
    Scopes,
    /// How long one call may take in all, in whole seconds; 0 is the default.
    Timeout,
    /// How long connecting may take, in whole seconds; 0 is the default.
    ConnectTimeout,
    /// How often a call is repeated.
    Retries,
    /// The longest pause before a call is repeated, in whole seconds; 0 is the default.
    MaxBackoff,
    /// Whether tokens are bound to a key: `auto`, `always` or `true`, `never` or `false`.
    Dpop,
    /// The proxy's host name, or its URL without credentials.
    ProxyHost,
    /// The proxy's port.
    ProxyPort,
    /// The user name for the proxy.
    ProxyUsername,
    /// The password for the proxy.
    ProxyPassword,
    /// The file with certificate authorities to trust besides the system's, as PEM.
    CaFile,
    /// The store that the instances of a service share, by its URL, such as `rediss://redis.internal`.
    SharedUrl,
    /// The user name for that store.
    SharedUsername,
    /// The password for it.
    SharedPassword,
    /// The file with that password.
    SharedPasswordFile,
    /// The file with the certificate authorities of the store, as PEM, in place of the system's.
    SharedCaFile,
    /// The file with the secret that seals what is put there. Default: derived from the app's key.
    SharedSecretFile,
    /// The file with the secret before that one, which still opens what it has sealed.
    SharedPreviousSecretFile,
    /// How the app authenticates, by a word of [`AuthMode`](crate::AuthMode). Default: by the private
    /// key, or by `client_secret_basic` where there is a client secret and no key.
    AuthorizationMode,
    /// The app's client secret.
    ClientSecret,
    /// The file with the app's client secret.
    ClientSecretFile,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::Issuer,
        Self::AuthServer,
        Self::ClientId,
        Self::Key,
        Self::KeyId,
        Self::Passphrase,
        Self::Algorithm,
        Self::Scopes,
        Self::Timeout,
        Self::ConnectTimeout,
        Self::Retries,
        Self::MaxBackoff,
        Self::Dpop,
        Self::ProxyHost,
        Self::ProxyPort,
        Self::ProxyUsername,
        Self::ProxyPassword,
        Self::CaFile,
        Self::SharedUrl,
        Self::SharedUsername,
        Self::SharedPassword,
        Self::SharedPasswordFile,
        Self::SharedCaFile,
        Self::SharedSecretFile,
        Self::SharedPreviousSecretFile,
        Self::AuthorizationMode,
        Self::ClientSecret,
        Self::ClientSecretFile,
    ];

    /// Its name, such as `client_id`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::AuthServer => "auth_server",
            Self::ClientId => "client_id",
            Self::Key => "key",
            Self::KeyId => "key_id",
            Self::Passphrase => "passphrase",
            Self::Algorithm => "algorithm",
            Self::Scopes => "scopes",
            Self::Timeout => "timeout",
            Self::ConnectTimeout => "connect_timeout",
            Self::Retries => "retries",
            Self::MaxBackoff => "max_backoff",
            Self::Dpop => "dpop",
            Self::ProxyHost => "proxy_host",
            Self::ProxyPort => "proxy_port",
            Self::ProxyUsername => "proxy_username",
            Self::ProxyPassword => "proxy_password",
            Self::CaFile => "ca_file",
            Self::SharedUrl => "shared_url",
            Self::SharedUsername => "shared_username",
            Self::SharedPassword => "shared_password",
            Self::SharedPasswordFile => "shared_password_file",
            Self::SharedCaFile => "shared_ca_file",
            Self::SharedSecretFile => "shared_secret_file",
            Self::SharedPreviousSecretFile => "shared_previous_secret_file",
            Self::AuthorizationMode => "authorization_mode",
            Self::ClientSecret => "client_secret",
            Self::ClientSecretFile => "client_secret_file",
        }
    }

    /// The variables that name it, in every spelling that the official SDKs use; earlier ones win, but
    /// two key ids must not differ.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            // The first is ours; `OKTA_IDX_ISSUER` is how the SDKs for sign-in name a custom server.
            Self::Issuer => &[
                "OKTA_CLIENT_ISSUER",
                "OKTA_IDX_ISSUER",
                "OKTA_CLIENT_ORGURL",
                "OKTA_CLIENT_OKTADOMAIN",
            ],
            Self::ClientId => &["OKTA_CLIENT_CLIENTID"],
            Self::Key => &["OKTA_CLIENT_PRIVATEKEY", "OKTA_CLIENT_JWK"],
            // The spellings of Go, of Node, and of Python and Java.
            Self::KeyId => &["OKTA_CLIENT_PRIVATEKEYID", "OKTA_CLIENT_KEYID", "OKTA_CLIENT_KID"],
            Self::Passphrase => &["OKTA_CLIENT_PRIVATEKEYPASSPHRASE"],
            Self::Scopes => &["OKTA_CLIENT_SCOPES"],
            // Here and below: Go's documents say the first, its code the second.
            Self::Timeout => &["OKTA_CLIENT_REQUESTTIMEOUT", "OKTA_CLIENT_REQUEST_TIMEOUT"],
            Self::ConnectTimeout => {
                &["OKTA_CLIENT_CONNECTIONTIMEOUT", "OKTA_CLIENT_CONNECTION_TIMEOUT"]
            }
            Self::Retries => {
                &["OKTA_CLIENT_RATELIMIT_MAXRETRIES", "OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES"]
            }
            Self::MaxBackoff => {
                &["OKTA_CLIENT_RATELIMIT_MAXBACKOFF", "OKTA_CLIENT_RATE_LIMIT_MAX_BACKOFF"]
            }
            Self::Dpop => &["OKTA_CLIENT_DPOPENABLED"],
            Self::ProxyHost => &["OKTA_CLIENT_PROXY_HOST"],
            Self::ProxyPort => &["OKTA_CLIENT_PROXY_PORT"],
            Self::ProxyUsername => &["OKTA_CLIENT_PROXY_USERNAME"],
            Self::ProxyPassword => &["OKTA_CLIENT_PROXY_PASSWORD"],
            Self::CaFile => &["OKTA_CLIENT_CAFILE"],
            // Ours alone: the SDKs keep their caches to themselves.
            Self::SharedUrl => &["OKTA_CLIENT_SHARED_URL"],
            Self::SharedUsername => &["OKTA_CLIENT_SHARED_USERNAME"],
            Self::SharedPassword => &["OKTA_CLIENT_SHARED_PASSWORD"],
            Self::SharedPasswordFile => &["OKTA_CLIENT_SHARED_PASSWORDFILE"],
            Self::SharedCaFile => &["OKTA_CLIENT_SHARED_CAFILE"],
            Self::SharedSecretFile => &["OKTA_CLIENT_SHARED_SECRETFILE"],
            Self::SharedPreviousSecretFile => &["OKTA_CLIENT_SHARED_PREVIOUSSECRETFILE"],
            Self::AuthorizationMode => &["OKTA_CLIENT_AUTHORIZATIONMODE"],
            Self::ClientSecret => &["OKTA_CLIENT_CLIENTSECRET"],
            Self::ClientSecretFile => &["OKTA_CLIENT_CLIENTSECRETFILE"],
            Self::AuthServer | Self::Algorithm => &[],
        }
    }

    /// The members of `okta: client:`, or of a profile, that name it; earlier ones win, but two key ids
    /// must not differ.
    pub fn members(self) -> &'static [&'static str] {
        match self {
            Self::Issuer => &["issuer", "orgUrl", "oktaDomain"],
            Self::ClientId => &["clientId"],
            Self::Key => &["privateKey", "jwk"],
            Self::KeyId => &["privateKeyId", "keyId", "kid"],
            Self::Scopes => &["scopes"],
            Self::Timeout => &["requestTimeout"],
            Self::ConnectTimeout => &["connectionTimeout"],
            Self::Retries => &["rateLimit.maxRetries"],
            Self::MaxBackoff => &["rateLimit.maxBackoff"],
            Self::Dpop => &["dpopEnabled"],
            Self::ProxyHost => &["proxy.host"],
            Self::ProxyPort => &["proxy.port"],
            Self::ProxyUsername => &["proxy.username"],
            Self::ProxyPassword => &["proxy.password"],
            Self::SharedUrl => &["shared", "shared.url"],
            Self::SharedUsername => &["shared.username"],
            Self::SharedPassword => &["shared.password"],
            Self::SharedPasswordFile => &["shared.passwordFile"],
            Self::SharedCaFile => &["shared.caFile"],
            Self::SharedSecretFile => &["shared.secretFile"],
            Self::SharedPreviousSecretFile => &["shared.previousSecretFile"],
            Self::AuthorizationMode => &["authorizationMode"],
            Self::ClientSecret => &["clientSecret"],
            Self::ClientSecretFile => &["clientSecretFile"],
            Self::AuthServer | Self::Passphrase | Self::Algorithm | Self::CaFile => &[],
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
