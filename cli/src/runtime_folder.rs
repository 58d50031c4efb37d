//! The private folder in which a running sandbox leaves word for other commands.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::failure::Failure;

/// What a running sandbox tells other commands, and prints for scripts. The names are stable.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SandboxRecord {
    /// The org authorization server.
    pub(crate) issuer: String,
    /// The custom authorization server `default`.
    pub(crate) custom_issuer: String,
    /// The client id of the sandbox's own service app.
    pub(crate) client_id: String,
    /// The app's private key.
    pub(crate) key_file: PathBuf,
    /// The id of the key.
    pub(crate) key_id: String,
    /// What the app may request at the org server.
    pub(crate) scopes: Vec<String>,
    /// The authority that signed the sandbox's certificate, if one was made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The sandbox's process.
    pub(crate) pid: u32,
}

/// A folder that belongs to this user alone.
#[derive(Debug)]
pub(crate) struct RuntimeFolder(PathBuf);

impl RuntimeFolder {
    /// `$XDG_RUNTIME_DIR/okta-introspect`, or else one below the temporary folder.
    pub(crate) fn locate() -> Self {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        Self(match runtime.filter(|path| path.is_absolute()) {
            Some(runtime) => runtime.join("okta-introspect"),
            None => std::env::temp_dir().join(format!("okta-introspect-{}", user::name())),
        })
    }

    /// Makes the folder if it is not there, and sees that nobody else has a hand in it.
    pub(crate) fn create(&self) -> Result<(), Failure> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&self.0) {
            Err(cause) if cause.kind() != ErrorKind::AlreadyExists => Err(self
                .failure("cannot be made")
                .because(&cause)
                .advise("set XDG_RUNTIME_DIR to a folder of your own")),
            _ if self.is_private() => Ok(()),
            _ => Err(self
                .failure("is open to other users")
                .advise("remove it, or set XDG_RUNTIME_DIR to a folder of your own")),
        }
    }

    /// What the last sandbox left. `None` if there was none, and if the folder could have been
    /// filled by somebody else: under a shared temporary folder, anybody may take our name.
    pub(crate) fn record(&self) -> Option<SandboxRecord> {
        if !self.is_private() {
            return None;
        }
        serde_json::from_slice(&fs::read(self.record_path()).ok()?).ok()
    }

    /// Where a sandbox with this process id keeps its app's key. Never one that is in use:
    /// what stands there was left by a process that is gone.
    pub(crate) fn key_path(&self, pid: u32) -> PathBuf {
        let path = self.0.join(format!("sandbox-{pid}.pem"));
        let _ = fs::remove_file(&path);
        path
    }

    /// Keeps the authority of a sandbox's certificate, and says where.
    pub(crate) fn keep_ca(&self, pid: u32, pem: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join(format!("sandbox-{pid}-ca.pem"));
        let written = write_private(&path, |file| file.write_all(pem.as_bytes()));
        written.map(|()| path).map_err(|cause| self.failure("cannot be written to").because(&cause))
    }

    /// Leaves word of a sandbox, in place of the one before.
    pub(crate) fn leave(&self, record: &SandboxRecord) -> Result<(), Failure> {
        self.forget_last();
        let path = self.record_path();
        // Written beside and moved: a command that reads at this moment finds the old or the new.
        let draft = self.0.join(format!("sandbox.json.{}", record.pid));
        let line = |file: &mut File| {
            serde_json::to_writer(&mut *file, record)?;
            file.write_all(b"\n")
        };
        write_private(&draft, line)
            .and_then(|()| fs::rename(&draft, &path))
            .map_err(|cause| self.failure("cannot be written to").because(&cause))
    }

    /// Removes what the last sandbox kept here if its process is surely gone.
    fn forget_last(&self) {
        let Some(last) = self.record() else { return };
        let processes = Path::new("/proc");
        let gone =
            processes.join("self").exists() && !processes.join(last.pid.to_string()).exists();
        let files = [Some(last.key_file), last.ca_file];
        for file in files.iter().flatten().filter(|file| gone && file.starts_with(&self.0)) {
            let _ = fs::remove_file(file);
        }
    }

    fn record_path(&self) -> PathBuf {
        self.0.join("sandbox.json")
    }

    fn is_private(&self) -> bool {
        fs::symlink_metadata(&self.0).is_ok_and(|folder| folder.is_dir() && user::owns(&folder))
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(Exit::Usage, format!("the runtime folder {what}: {}", self.0.display()))
    }
}

/// Writes a file that its owner alone may read.
fn write_private(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    write(&mut open.open(path)?)
}

#[cfg(unix)]
mod user {
    //! Whose process this is. There is no safe call for it in the standard library, but files
    //! have owners: our process's own folder has, and where there is none, our home.

    use std::fs::{self, Metadata};
    use std::os::unix::fs::MetadataExt;

    pub(super) fn name() -> String {
        id().map_or_else(String::new, |id| id.to_string())
    }

    pub(super) fn owns(folder: &Metadata) -> bool {
        folder.mode() & 0o077 == 0 && id() == Some(folder.uid())
    }

    fn id() -> Option<u32> {
        let process = fs::metadata("/proc/self");
        let owned = process.or_else(|_| fs::metadata(std::env::home_dir().unwrap_or_default()));
        owned.ok().map(|owned| owned.uid())
    }
}

#[cfg(not(unix))]
mod user {
    //! Elsewhere, temporary folders belong to one user.

    use std::fs::Metadata;

    pub(super) fn name() -> String {
        "user".to_owned()
    }

    pub(super) fn owns(_: &Metadata) -> bool {
        true
    }
}
