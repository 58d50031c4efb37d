//! `sandbox`: an authorization server on loopback, for other commands and other programs.

use std::io;
use std::path::Path;

use okta_introspect::sandbox::{
    App, CustomServer, RecordedRequest, Sandbox, SandboxBuilder, Seed, ServerIdentity, User,
};
use okta_introspect::{Algorithm, Error, Issuer, SigningKey};

use crate::args::SandboxArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::input::document;
use crate::output;
use crate::storage::runtime_folder::{Recorded, RuntimeFolder, SandboxRecord};
use crate::text;

use super::runtime::{told_to_end, wait_for};
use super::setup;

const CLIENT_ID: &str = "0oasandbox";

/// What the sandbox's own app requests at the org server where nothing else is asked for.
const SCOPES: [&str; 3] = ["okta.apps.read", "okta.logs.read", "okta.users.read"];

/// What it may request besides, for the examples of `api`.
const MORE_SCOPES: [&str; 2] = ["okta.groups.manage", "okta.groups.read"];

/// The custom server that every sandbox has, and its scope.
const SERVER: &str = "default";
const SERVER_SCOPE: &str = "orders.read";

pub(super) fn run(args: &SandboxArgs) -> Result<Exit, Failure> {
    let seed = args.seed.as_deref().map(read_seed).transpose()?.unwrap_or_default();
    wait_for(serve(args, seed))
}

async fn serve(args: &SandboxArgs, seed: Seed) -> Result<Exit, Failure> {
    let running = Running::start(args, seed).await?;
    // Before anything is printed: a script that has read the line may send the signal at once.
    let end = told_to_end()?;
    let Running { sandbox, record, .. } = &running;
    if args.json {
        output::json(record)?;
    } else {
        output::data(exports(record))?;
    }
    output::note(format_args!(
        "the sandbox listens on {} until Ctrl-C; in another terminal, try `okta-introspect token \
         --scope okta.users.read` as it is, or paste the lines for other programs",
        sandbox.address()
    ));
    end.await;
    running.end();
    Ok(Exit::Done)
}

/// A sandbox that other commands find.
pub(super) struct Running {
    sandbox: Sandbox,
    pub(super) record: SandboxRecord,
    recorded: Recorded,
}

impl Running {
    pub(super) async fn start(args: &SandboxArgs, seed: Seed) -> Result<Self, Failure> {
        let folder = RuntimeFolder::locate();
        folder.create()?;
        let key = new_key()?;
        let sandbox = speak_tls(fill(seed, &key), args)?.listen(args.listen).start().await;
        let sandbox = sandbox.map_err(|cause| not_started(cause, args))?;
        let record = record(&sandbox, &folder, &key)?;
        key.write_new_file(&record.key_file)?;
        let recorded = folder.write_record(&record)?;
        Ok(Self { sandbox, record, recorded })
    }

    /// The record goes first, so that no command finds a sandbox that ends.
    pub(super) fn end(self) {
        drop(self.recorded);
        drop(self.sandbox);
    }
}

/// The sandbox's own app, users and server besides the seed.
fn fill(seed: Seed, key: &SigningKey) -> SandboxBuilder {
    let app = App::service(CLIENT_ID).label("Sandbox app").key(key.public_jwk());
    let own_server = seed.servers.iter().all(|server| server.id != SERVER);
    let own_users = seed.users.is_empty();
    let app = SCOPES.into_iter().chain(MORE_SCOPES).fold(app, App::grant);
    // It may run for days: what was requested is told once, and not kept.
    let mut builder = Sandbox::builder().seed(seed).app(app).record_requests(false).on_answer(tell);
    if own_server {
        builder = builder.server(CustomServer::new(SERVER).scope(SERVER_SCOPE));
    }
    if own_users {
        builder = builder
            .user(User::new("00uada", "ada@example.test").name("Ada", "Lovelace"))
            .user(User::new("00ugrace", "grace@example.test").name("Grace", "Hopper"));
    }
    builder
}

/// A line for each request, which shows with `--verbose`.
fn tell(request: &RecordedRequest) {
    let (method, path, status) = (request.method(), request.path(), request.status());
    match request.refusal() {
        Some(refusal) => tracing::debug!("{method} {path} {status} {refusal}"),
        None => tracing::debug!("{method} {path} {status}"),
    }
}

/// Plain HTTP, unless TLS was asked for.
fn speak_tls(builder: SandboxBuilder, args: &SandboxArgs) -> Result<SandboxBuilder, Failure> {
    let read = |path: &Path| {
        files::read(path).map_err(|cause| {
            Failure::usage(format!("the file cannot be read: {}", text::path(path)))
                .because(&cause)
                .advise("check the path and the right to read it")
        })
    };
    match (&args.tls_cert, &args.tls_key) {
        (Some(chain), Some(key)) => {
            let identity = ServerIdentity::from_pem(&read(chain)?, &read(key)?);
            setup::note_readers("certificate's key", key);
            Ok(builder.tls(identity.map_err(Error::from)?))
        }
        _ if args.tls => Ok(builder.tls_self_made()),
        _ => Ok(builder),
    }
}

fn new_key() -> Result<SigningKey, Error> {
    let key = SigningKey::generate(Algorithm::Es256)?;
    let key_id = key.public_jwk().thumbprint();
    Ok(key.with_key_id(Some(key_id)))
}

fn record(
    sandbox: &Sandbox,
    folder: &RuntimeFolder,
    key: &SigningKey,
) -> Result<SandboxRecord, Failure> {
    let text = |issuer: &Issuer| issuer.as_str().to_owned();
    let pid = std::process::id();
    Ok(SandboxRecord {
        issuer: text(&sandbox.issuer()),
        custom_issuer: sandbox.custom_issuer(SERVER).as_ref().map(text).unwrap_or_default(),
        client_id: CLIENT_ID.to_owned(),
        key_file: folder.key_path(pid),
        key_id: key.public_jwk().key_id().unwrap_or_default().to_owned(),
        scopes: SCOPES.map(str::to_owned).to_vec(),
        ca_file: sandbox.ca_pem().map(|pem| folder.keep_ca(pid, pem)).transpose()?,
        pid,
    })
}

/// `export` lines in the spelling of the official SDKs.
fn exports(record: &SandboxRecord) -> String {
    let mut settings = vec![
        ("ORGURL", record.issuer.clone()),
        ("AUTHORIZATIONMODE", "PrivateKey".to_owned()),
        ("CLIENTID", record.client_id.clone()),
        ("PRIVATEKEY", record.key_file.display().to_string()),
        ("PRIVATEKEYID", record.key_id.clone()),
        ("SCOPES", record.scopes.join(",")),
    ];
    settings.extend(record.ca_file.iter().map(|file| ("CAFILE", file.display().to_string())));
    let export =
        |(name, value): &(&str, String)| format!("export OKTA_CLIENT_{name}={}", shell_word(value));
    settings.iter().map(export).collect::<Vec<_>>().join("\n")
}

/// The text as one word of a POSIX shell.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn read_seed(path: &Path) -> Result<Seed, Failure> {
    let unusable = |what: &str, cause: &dyn std::error::Error| {
        Failure::usage(format!("the seed file {what}: {}", text::path(path))).because(cause)
    };
    let seed = files::read(path).map_err(|cause| {
        unusable("cannot be read", &cause).advise("check the path and the right to read it")
    })?;
    let text = std::str::from_utf8(document::unmarked("the seed file", path, &seed)?)
        .map_err(|cause| unusable("is not text", &cause).advise("write it as YAML or JSON"))?;
    let wrong = |cause: &dyn std::error::Error| {
        let why = without_value(&cause.to_string());
        Failure::usage(format!("the seed file is not a seed: {}: {why}", text::path(path))).advise(
            "it may have `apps`, `users`, `servers`, `rate_limits`, `app_share` and `log_lag_ms`",
        )
    };
    // JSON is YAML, but for tabs.
    if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|cause| wrong(&cause))
    } else {
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options(text, options).map_err(|cause| wrong(&cause))
    }
}

/// What serde says without the value that it quotes: a seed may hold a private key by mistake.
fn without_value(said: &str) -> String {
    let quotes = ["invalid type: ", "invalid value: ", "unknown variant "];
    let quoted = quotes.iter().find_map(|start| said.find(start));
    match (quoted, said.rfind(", expected ")) {
        (Some(from), Some(to)) if from < to => {
            format!("{}a value is of another kind{}", &said[..from], &said[to..])
        }
        (Some(from), _) => format!("{}a value is of another kind", &said[..from]),
        (None, _) => said.to_owned(),
    }
}

fn not_started(cause: io::Error, args: &SandboxArgs) -> Failure {
    match cause.downcast::<Error>() {
        Ok(error) => error.into(),
        Err(cause) => Failure::usage(format!("the sandbox cannot listen on {}", args.listen))
            .because(&cause)
            .advise("choose another address with --listen; port 0 is any free one"),
    }
}

#[cfg(test)]
mod tests {
    use okta_introspect::{Client, Scopes};

    use super::*;

    #[test_support::test]
    async fn no_request_is_kept() {
        let key = new_key().unwrap();
        let sandbox = fill(Seed::default(), &key).start().await.unwrap();
        let client = Client::builder(sandbox.issuer(), CLIENT_ID, key).build().unwrap();
        client.request_token(&Scopes::parse("okta.groups.manage").unwrap()).await.unwrap();
        assert!(sandbox.requests().is_empty());
    }

    #[test]
    fn shell_words_are_quoted_when_they_must_be() {
        for (text, word) in [
            ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
            ("/tmp/a b/k.pem", "'/tmp/a b/k.pem'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
