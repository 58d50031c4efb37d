//! The private folder in which a running sandbox records its settings for other commands.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Readers, private};

/// The settings of a running sandbox, for other commands and for scripts. The names are stable.
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

impl SandboxRecord {
    /// Whether a sandbox listens where the record says.
    fn is_running(&self) -> bool {
        const PATIENCE: Duration = Duration::from_secs(1);
        let address = self.issuer.split_once("://").and_then(|(_, address)| address.parse().ok());
        let listens = |address: SocketAddr| {
            address.ip().is_loopback() && TcpStream::connect_timeout(&address, PATIENCE).is_ok()
        };
        !self.has_ended() && address.is_some_and(listens)
    }

    /// Whether its process is surely gone.
    fn has_ended(&self) -> bool {
        let processes = Path::new("/proc");
        processes.join("self").exists() && !processes.join(self.pid.to_string()).exists()
    }
}

/// The files of a sandbox in the runtime folder, which are removed when this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Recorded(Vec<PathBuf>);

impl Drop for Recorded {
    fn drop(&mut self) {
        for file in &self.0 {
            // One that is gone already is as it should be.
            let _ = fs::remove_file(file);
        }
    }
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
            None => std::env::temp_dir().join(format!("okta-introspect-{}", private::user_name())),
        })
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder if it is not there, and checks that it is this user's alone.
    pub(crate) fn create(&self) -> Result<(), Failure> {
        match private::make_folder(&self.0) {
            Err(cause) => Err(self
                .failure("cannot be made")
                .because(&cause)
                .advise("set XDG_RUNTIME_DIR to a folder of your own")),
            Ok(()) if private::is_folder(&self.0) => Ok(()),
            Ok(()) => Err(self
                .failure("is open to other users")
                .advise("remove it, or set XDG_RUNTIME_DIR to a folder of your own")),
        }
    }

    /// The record of the newest sandbox that runs. `None` if there is none, and if another user could
    /// have written it: in a shared temporary folder, anyone can take the folder's name.
    pub(crate) fn record(&self) -> Option<SandboxRecord> {
        self.records().into_iter().find(SandboxRecord::is_running)
    }

    /// All records, the newest first.
    fn records(&self) -> Vec<SandboxRecord> {
        if !private::is_folder(&self.0) {
            return Vec::new();
        }
        let read = |path: PathBuf| {
            let written = fs::metadata(&path).and_then(|file| file.modified()).ok()?;
            let record: SandboxRecord = serde_json::from_slice(&files::read(&path).ok()?).ok()?;
            (path == self.record_path(record.pid)).then_some((written, record))
        };
        let files = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut records: Vec<_> = files.filter_map(|file| read(file.path())).collect();
        records.sort_by_key(|(written, record)| Reverse((*written, record.pid)));
        records.into_iter().map(|(_, record)| record).collect()
    }

    /// The path of the key of a sandbox with this process id. A file that is there was left by an
    /// ended process, and is removed.
    pub(crate) fn key_path(&self, pid: u32) -> PathBuf {
        let path = self.0.join(format!("sandbox-{pid}.pem"));
        let _ = fs::remove_file(&path);
        path
    }

    /// Writes the authority of a sandbox's certificate, and returns its path.
    pub(crate) fn keep_ca(&self, pid: u32, pem: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join(format!("sandbox-{pid}-ca.pem"));
        let written = files::replace(&path, pem.as_bytes(), Readers::Owner);
        written.map(|()| path).map_err(|cause| self.failure("cannot be written to").because(&cause))
    }

    /// Writes the record of a sandbox, for as long as the guard is kept: then its files go.
    pub(crate) fn write_record(&self, record: &SandboxRecord) -> Result<Recorded, Failure> {
        for ended in self.records().iter().filter(|earlier| earlier.has_ended()) {
            drop(self.guard(ended));
        }
        let recorded = self.guard(record);
        let path = self.record_path(record.pid);
        let line = serde_json::to_string(record).map_err(io::Error::from);
        line.and_then(|line| files::replace(&path, format!("{line}\n").as_bytes(), Readers::Owner))
            .map_err(|cause| self.failure("cannot be written to").because(&cause))?;
        Ok(recorded)
    }

    fn guard(&self, record: &SandboxRecord) -> Recorded {
        let files = [Some(&record.key_file), record.ca_file.as_ref()];
        let own = files.into_iter().flatten().filter(|file| file.starts_with(&self.0));
        Recorded(own.cloned().chain([self.record_path(record.pid)]).collect())
    }

    fn record_path(&self, pid: u32) -> PathBuf {
        self.0.join(format!("sandbox-{pid}.json"))
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(Exit::Usage, format!("the runtime folder {what}: {}", self.0.display()))
    }
}
