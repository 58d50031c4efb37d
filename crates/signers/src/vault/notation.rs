//! How a setting names a key in Vault: `vault:KEY?NAME=VALUE&…`. What it leaves out stands in the
//! variables that Vault's and OpenBao's own programs read.

use std::num::NonZeroU32;
use std::path::Path;

use okta_introspect::{Error, KeyOptions, Secret, SignerLimits};
use url::form_urlencoded;

use super::auth::{VaultAuth, VaultSecret, read_file};
use super::fault::configuration;
use super::{VaultSigner, VaultSignerBuilder};

const NAMES: [&str; 13] = [
    "address",
    "namespace",
    "mount",
    "version",
    "ca-file",
    "auth",
    "auth-mount",
    "token-file",
    "role-id",
    "secret-id-file",
    "role",
    "jwt-file",
    "max-per-second",
];

/// Which server is asked, and with what: not to be taken from a file that came with something else.
const OF_OPERATOR: [&str; 6] =
    ["address", "ca-file", "auth", "token-file", "secret-id-file", "jwt-file"];

/// Whether the setting says which server is asked, or with what.
pub(crate) fn names_server(text: &str) -> bool {
    let query = text.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| OF_OPERATOR.contains(&&*name))
}

/// Opens what stands behind `vault:`.
pub(crate) fn open(text: &str, options: &KeyOptions) -> Result<VaultSigner, Error> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    builder(text, options, variable)?.connect_blocking()
}

fn builder(
    text: &str,
    options: &KeyOptions,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<VaultSignerBuilder, Error> {
    let (key, query) = text.split_once('?').unwrap_or((text, ""));
    let settings = Settings::parse(query)?;
    // OpenBao's programs read both, their own first.
    let variable = |name: &str| {
        variable(&format!("BAO_{name}")).or_else(|| variable(&format!("VAULT_{name}")))
    };
    let is_own_server = settings.get("address").is_none();
    let address = settings.owned("address").or_else(|| variable("ADDR"));
    let address = address.ok_or_else(|| {
        configuration(
            "the address of Vault is not set",
            "set VAULT_ADDR, or `address` in the setting",
        )
    })?;
    let token = || {
        // A token in a variable belongs to the server in the variable beside it.
        let token = variable("TOKEN").filter(|_| is_own_server);
        token.map(|token| VaultSecret::Text(Secret::new(token)))
    };
    let mut builder = VaultSigner::builder(address, key, settings.auth(token)?);
    if let Some(namespace) = settings.owned("namespace").or_else(|| variable("NAMESPACE")) {
        builder = builder.namespace(namespace);
    }
    if let Some(mount) = settings.owned("mount") {
        builder = builder.mount(mount);
    }
    if let Some(version) = settings.number("version")? {
        builder = builder.version(version);
    }
    if let Some(path) = settings.owned("ca-file").or_else(|| variable("CACERT")) {
        let what = "the file of the authorities of Vault";
        builder = builder.authorities(read_file(Path::new(&path), what)?.to_vec());
    }
    if let Some(rate) = settings.number("max-per-second")? {
        let rate = u32::try_from(rate).ok().and_then(NonZeroU32::new);
        let rate = rate.ok_or_else(|| wrong("`max-per-second` is no rate"))?;
        builder = builder.limits(SignerLimits::default().max_per_second(Some(rate)));
    }
    if let Some(algorithm) = options.algorithm {
        builder = builder.algorithm(algorithm);
    }
    Ok(match &options.key_id {
        Some(key_id) => builder.key_id(key_id),
        None => builder,
    })
}

struct Settings(Vec<(String, String)>);

impl Settings {
    fn parse(query: &str) -> Result<Self, Error> {
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        for (at, (name, value)) in pairs.iter().enumerate() {
            if !NAMES.contains(&name.as_str()) {
                return Err(wrong("the key in Vault has a member that is not known"));
            }
            if value.is_empty() || pairs[..at].iter().any(|(other, _)| other == name) {
                return Err(wrong(format!(
                    "`{name}` of the key in Vault is empty, or there twice"
                )));
            }
        }
        Ok(Self(pairs))
    }

    fn auth(&self, token: impl Fn() -> Option<VaultSecret>) -> Result<VaultAuth, Error> {
        let mount = |usual: &str| self.owned("auth-mount").unwrap_or_else(|| usual.to_owned());
        let needed = |name: &str| {
            self.owned(name).ok_or_else(|| wrong(format!("the login to Vault needs `{name}`")))
        };
        let file = |name: &str| self.get(name).map(|path| VaultSecret::File(path.into()));
        Ok(match self.get("auth").unwrap_or("token") {
            "token" => VaultAuth::Token(file("token-file").or_else(token).ok_or_else(|| {
                configuration(
                    "no token for Vault is set",
                    "name `token-file` or another `auth` in the setting, or set VAULT_ADDR and VAULT_TOKEN",
                )
            })?),
            "approle" => VaultAuth::AppRole {
                mount: mount(VaultAuth::APPROLE_MOUNT),
                role_id: needed("role-id")?,
                secret_id: file("secret-id-file"),
            },
            "kubernetes" => VaultAuth::Kubernetes {
                mount: mount(VaultAuth::KUBERNETES_MOUNT),
                role: needed("role")?,
                token_file: self.get("jwt-file").unwrap_or(VaultAuth::KUBERNETES_TOKEN_FILE).into(),
            },
            _ => return Err(wrong("`auth` is none of token, approle and kubernetes")),
        })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Error> {
        let number = self.get(name).map(|value| {
            value.parse().map_err(|_| wrong(format!("`{name}` of the key in Vault is no number")))
        });
        number.transpose()
    }
}

fn wrong(what: impl Into<String>) -> Error {
    configuration(what, "write vault:KEY?address=https://…&token-file=PATH, see docs/signers.md")
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect::ErrorKind;

    fn of(text: &str, variables: &[(&str, &str)]) -> Result<VaultSignerBuilder, Error> {
        let variable = |name: &str| {
            variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
        };
        builder(text, &KeyOptions::default(), variable)
    }

    #[test]
    fn what_is_left_out_stands_in_the_variables() {
        let variables = [("VAULT_ADDR", "https://vault.example"), ("VAULT_TOKEN", "hvs.s3cret")];
        let shown = format!("{:?}", of("service-app", &variables).unwrap());
        assert!(shown.contains("Token(Text([redacted]))"), "{shown}");
        assert!(
            of("service-app?version=3&mount=a/b&namespace=team&max-per-second=9", &variables)
                .is_ok()
        );
        let kubernetes = of("service-app?auth=kubernetes&role=orders", &variables).unwrap();
        let shown = format!("{kubernetes:?}");
        assert!(shown.contains("serviceaccount") && shown.contains("orders"), "{shown}");
        let approle =
            "service-app?auth=approle&role-id=r&secret-id-file=%2Frun%2Fid&auth-mount=roles";
        let shown = format!("{:?}", of(approle, &variables).unwrap());
        assert!(shown.contains("\"/run/id\"") && shown.contains("\"roles\""), "{shown}");
    }

    #[test]
    fn a_token_in_a_variable_is_for_the_server_in_a_variable_alone() {
        let variables = [("VAULT_ADDR", "https://vault.example"), ("BAO_TOKEN", "hvs.s3cret")];
        assert!(of("service-app", &variables).is_ok());
        let elsewhere = of("service-app?address=https://other.example", &variables);
        assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::Configuration);
        let file = "service-app?address=https://other.example&token-file=/run/token";
        assert!(of(file, &variables).is_ok());
    }

    #[test]
    fn what_is_wrong_is_not_repeated() {
        for text in [
            "k",
            "k?address=",
            "k?address=https://a.example&auth=s3cret",
            "k?address=https://a.example&s3cret=1",
            "k?address=https://a.example&auth=approle",
            "k?address=https://a.example&auth=kubernetes",
            "k?address=https://a.example&token-file=a&token-file=s3cret",
            "k?address=https://a.example&token-file=a&version=s3cret",
            "k?address=https://a.example&token-file=a&max-per-second=0",
            "k?address=https://a.example&token-file=a&ca-file=/nowhere",
        ] {
            let error = of(text, &[]).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn naming_the_server_is_the_operator_s() {
        assert!(!names_server("k?version=3&mount=m&namespace=n"));
        for name in OF_OPERATOR {
            assert!(names_server(&format!("k?version=3&{name}=x")), "{name}");
        }
        assert!(names_server("k?%61ddress=x"));
    }
}
