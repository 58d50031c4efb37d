//! How a setting names a program: `command:` and JSON behind it, so that the arguments are a list
//! wherever the setting stands.

use std::fs::File;
use std::io::Read as _;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use okta_introspect::{Algorithm, Error, ErrorKind, KeyOptions, PublicJwk, SignerLimits};
use serde_json::{Map, Value};

use super::CommandSigner;

/// The members that the object may have.
const MEMBERS: [&str; 10] = [
    "argv",
    "shell",
    "once",
    "alg",
    "kid",
    "public",
    "der",
    "time_limit",
    "processes",
    "max_per_second",
];

/// The longest file of a public key, in bytes.
const MAX_FILE: u64 = 256 * 1024;

/// Opens what stands behind `command:`.
pub(crate) fn open(text: &str, options: &KeyOptions) -> Result<CommandSigner, Error> {
    let value: Value = serde_json::from_str(text)
        .map_err(|_| wrong("what stands behind `command:` is not JSON"))?;
    let named = match value {
        Value::Array(_) => Map::from_iter([("argv".to_owned(), value)]),
        Value::Object(members) => members,
        _ => return Err(wrong("what stands behind `command:` is neither a list nor an object")),
    };
    if named.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(wrong("the command has a member that is not known"));
    }
    let settings = Settings(named);
    let mut builder = CommandSigner::builder(settings.argv()?);
    if let Some(seconds) = settings.number("time_limit")? {
        let limit = Duration::try_from_secs_f64(seconds).ok();
        builder = builder.time_limit(limit.ok_or_else(|| wrong("the `time_limit` is no time"))?);
    }
    if let Some(processes) = settings.whole("processes")? {
        builder = builder.max_processes(usize::try_from(processes).unwrap_or(usize::MAX));
    }
    if let Some(rate) = settings.whole("max_per_second")? {
        let rate = u32::try_from(rate).ok().and_then(NonZeroU32::new);
        let rate = rate.ok_or_else(|| wrong("the `max_per_second` is no rate"))?;
        builder = builder.limits(SignerLimits::default().max_per_second(Some(rate)));
    }
    if settings.flag("der")? {
        builder = builder.signatures_in_der();
    }
    let key_id = options.key_id.as_deref().or(settings.text("kid")?);
    if let Some(path) = settings.text("public")? {
        builder = builder.public_key(public(Path::new(path))?);
    }
    if !settings.flag("once")? {
        let builder = match key_id {
            Some(key_id) => builder.key_id(key_id),
            None => builder,
        };
        return started(builder.start()?, options.algorithm.or(settings.algorithm()?));
    }
    let algorithm = options.algorithm.or(settings.algorithm()?);
    let algorithm = algorithm
        .ok_or_else(|| wrong("a command that is run once for each signature names no `alg`"))?;
    builder.once(algorithm, key_id)
}

/// The program says its algorithm itself; settings may insist on one.
fn started(signer: CommandSigner, wanted: Option<Algorithm>) -> Result<CommandSigner, Error> {
    use okta_introspect::Signer as _;
    match wanted {
        Some(wanted) if wanted != signer.algorithm() => Err(Error::from_remote_signer(
            ErrorKind::Key,
            format!("the command signs with {}, and {wanted} is set", signer.algorithm()),
            "leave the algorithm out, or have the command sign with it",
            None,
        )),
        _ => Ok(signer),
    }
}

struct Settings(Map<String, Value>);

impl Settings {
    /// The program and its arguments; a shell only where it is asked for.
    fn argv(&self) -> Result<Vec<String>, Error> {
        match (self.0.get("argv"), self.text("shell")?) {
            (None, Some(script)) => {
                Ok(["/bin/sh", "-c", script].into_iter().map(str::to_owned).collect())
            }
            (Some(Value::Array(items)), None) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts
                    .collect::<Option<_>>()
                    .ok_or_else(|| wrong("an argument of the command is no text"))
            }
            (Some(_), None) => Err(wrong("the `argv` of the command is no list")),
            _ => Err(wrong("the command has not exactly one of `argv` and `shell`")),
        }
    }

    fn algorithm(&self) -> Result<Option<Algorithm>, Error> {
        self.text("alg")?.map(str::parse).transpose()
    }

    fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(format!("the `{name}` of the command is no text"))),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(is_on)) => Ok(*is_on),
            Some(_) => Err(wrong(format!("the `{name}` of the command is neither true nor false"))),
        }
    }

    fn number(&self, name: &str) -> Result<Option<f64>, Error> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => Err(wrong(format!("the `{name}` of the command is no number"))),
            },
        }
    }

    fn whole(&self, name: &str) -> Result<Option<u64>, Error> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) => Ok(Some(number)),
                None => Err(wrong(format!("the `{name}` of the command is no whole number"))),
            },
        }
    }
}

fn public(path: &Path) -> Result<PublicJwk, Error> {
    let failed = || {
        Error::from_remote_signer(
            ErrorKind::Configuration,
            format!("the public key of the command cannot be read: {}", path.display()),
            "see the file and who may read it",
            None,
        )
    };
    // A pipe would wait for its writer.
    if !std::fs::metadata(path).is_ok_and(|file| file.is_file()) {
        return Err(failed());
    }
    let mut text = Vec::new();
    let file = File::open(path).map_err(|_| failed())?;
    file.take(MAX_FILE).read_to_end(&mut text).map_err(|_| failed())?;
    PublicJwk::parse(&text, &KeyOptions::default())
}

/// The setting itself is not repeated: an argument may be anything.
fn wrong(what: impl Into<String>) -> Error {
    Error::from_remote_signer(
        ErrorKind::Configuration,
        what,
        "write command:[\"PROGRAM\",\"ARGUMENT\"] or command:{\"argv\":[…],\"once\":true,\"alg\":\"RS256\"}, see docs/signers.md",
        None,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect::{Signer as _, SigningKey};

    fn of(text: &str) -> Result<CommandSigner, Error> {
        open(text, &KeyOptions::default())
    }

    #[test]
    fn a_command_for_each_signature_is_named_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("public.jwk");
        let key = SigningKey::generate(Algorithm::Es384).unwrap();
        std::fs::write(&path, key.public_jwk().to_json()).unwrap();
        let path = path.to_str().unwrap();
        let text = format!(
            r#"{{"argv":["sign"],"once":true,"alg":"ES384","kid":"k1","public":"{path}","der":true,"time_limit":2.5,"processes":2,"max_per_second":20}}"#
        );
        let signer = of(&text).unwrap();
        assert_eq!((signer.algorithm(), signer.key_id()), (Algorithm::Es384, Some("k1")));
        assert_eq!(signer.public_jwk().unwrap().thumbprint(), key.public_jwk().thumbprint());
        assert_eq!(signer.limits().max_per_second, NonZeroU32::new(20));
        let options = KeyOptions::default().algorithm(Algorithm::Rs256).key_id("k2");
        let signer = open(r#"{"shell":"sign | base64","once":true}"#, &options).unwrap();
        assert_eq!((signer.algorithm(), signer.key_id()), (Algorithm::Rs256, Some("k2")));
    }

    #[test]
    fn what_is_no_command_is_refused_and_not_repeated() {
        for text in [
            "",
            "s3cret --flag",
            "\"s3cret\"",
            "7",
            "[]",
            "[\"\"]",
            "[7]",
            "{}",
            r#"{"argv":"s3cret"}"#,
            r#"{"argv":["s3cret"],"shell":"s3cret"}"#,
            r#"{"argv":["s3cret"],"once":true}"#,
            r#"{"argv":["s3cret"],"once":"s3cret"}"#,
            r#"{"argv":["s3cret"],"s3cret":true}"#,
            r#"{"argv":["s3cret"],"once":true,"alg":"s3cret"}"#,
            r#"{"argv":["s3cret"],"once":true,"alg":"RS256","time_limit":-1}"#,
            r#"{"argv":["s3cret"],"once":true,"alg":"RS256","time_limit":1e300}"#,
            r#"{"argv":["s3cret"],"once":true,"alg":"RS256","processes":0}"#,
            r#"{"argv":["s3cret"],"once":true,"alg":"RS256","processes":1.5}"#,
            r#"{"argv":["s3cret"],"once":true,"alg":"RS256","max_per_second":0}"#,
            r#"{"argv":["s3cret"],"once":true,"alg":"RS256","public":"/nowhere"}"#,
            r#"["/nowhere/s3cret"]"#,
        ] {
            let error = of(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{text}: {error}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
