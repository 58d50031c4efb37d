//! Programs that sign, or do something else: shell scripts, each in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use okta_introspect::{Algorithm, PublicJwk, SigningKey};
use okta_introspect_signers::command::{CommandSigner, CommandSignerBuilder};
use tempfile::TempDir;

/// What a JWS signs.
pub(crate) const INPUT: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiIwb2ExIn0";

/// A script, and what it wrote into its folder.
pub(crate) struct Program {
    folder: TempDir,
    pub(crate) key: SigningKey,
}

impl Program {
    /// `sh` runs the script with its folder as `$1`; there is `key.pem`, and its number goes to `pids`.
    pub(crate) fn new(algorithm: Algorithm, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate(algorithm).unwrap().with_key_id(Some("k1".to_owned()));
        key.write_new_file(folder.path().join("key.pem")).unwrap();
        let script = format!("cd \"$1\" && echo $$ >> pids\n{script}");
        std::fs::write(folder.path().join("script"), script).unwrap();
        let public = format!(
            "{{\"alg\":\"{algorithm}\",\"kid\":\"k1\",\"jwk\":{}}}\n",
            key.public_jwk().to_json()
        );
        std::fs::write(folder.path().join("header"), public).unwrap();
        Self { folder, key }
    }

    pub(crate) fn builder(&self) -> CommandSignerBuilder {
        let path = |name: &str| self.path(name).into_os_string();
        CommandSigner::builder(["sh".into(), path("script"), path("")])
    }

    pub(crate) fn public(&self) -> PublicJwk {
        self.key.public_jwk().clone()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The numbers of the processes that were started.
    pub(crate) fn pids(&self) -> Vec<String> {
        self.read("pids").lines().map(str::to_owned).collect()
    }

    /// None runs any more, and none is left in the system's table for its parent to look at.
    pub(crate) fn assert_gone(&self) {
        for pid in self.pids() {
            assert!(!is_there(&pid), "process {pid} is there: {:?}", stat(&pid));
        }
    }
}

pub(crate) fn is_there(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

/// Whether it does anything yet: what has lost its parent is for another to wait for.
pub(crate) fn runs(pid: &str) -> bool {
    stat(pid).is_some_and(|stat| !stat.contains(") Z "))
}

fn stat(pid: &str) -> Option<String> {
    std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()
}

/// Answers each request by OpenSSL, and writes what it read to `requests`.
pub(crate) const OPENSSL: &str = r#"
cat header
while read -r id input; do
  printf '%s %s\n' "$id" "$input" >> requests
  printf '%s signature %s\n' "$id" "$(printf %s "$input" | openssl dgst -sha256 -sign key.pem | base64 -w0)"
done"#;

/// Why the tests cannot run here.
pub(crate) fn lacks() -> Option<&'static str> {
    let runs = |name: &str, argument| Command::new(name).arg(argument).output().is_ok();
    match (runs("sh", "-c:"), runs("openssl", "version"), Path::new("/proc/self/stat").exists()) {
        (true, true, true) => None,
        (true, true, false) => Some("there is no /proc"),
        _ => Some("sh or openssl is not installed"),
    }
}
