//! Unix sockets at a path: bound without a moment in which strangers can connect, and removed only
//! while they are ours.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use super::limits::BACKLOG;
use crate::error::Fault;

/// The file of a socket that this process made.
#[derive(Clone, Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still there, and no other in its place.
    pub(crate) fn is_in_place(&self) -> bool {
        identity(&self.path).is_ok_and(|found| found == self.identity)
    }
}

/// Removes the file when it is dropped, unless another process has put its own there.
#[derive(Debug)]
pub(super) struct OwnFile(pub(super) SocketFile);

/// Listens at `path`, whose permissions will be `mode`.
///
/// The socket is made in a folder that only this user can enter, gets its permissions there and is
/// then moved to its place. So the process's umask does not matter, nobody connects before the
/// permissions are set, and a file of an earlier process is replaced in one step.
pub(super) async fn bind(path: &Path, mode: u32) -> Result<(UnixListener, OwnFile), Fault> {
    let fault = |message: String| Fault::new(message).at(path.display().to_string());
    make_way(path).await?;
    let folder = PrivateFolder::beside(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => fault("the folder of the socket is missing".to_owned())
            .advise("make it, or have systemd make it: RuntimeDirectory=okta-introspect"),
        _ => fault(format!("nothing can be made beside the socket: {error}"))
            .advise("give this process the right to write to the folder of the socket"),
    })?;
    let made = folder.path.join("s");
    listen(&made, path, mode).map_err(|error| {
        let fault = fault(format!("the socket cannot be made: {error}"));
        match error.kind() {
            ErrorKind::InvalidInput => {
                fault.advise("a shorter path may help: 107 bytes are the most")
            }
            _ => fault,
        }
    })
}

fn listen(made: &Path, path: &Path, mode: u32) -> io::Result<(UnixListener, OwnFile)> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(made)?;
    fs::set_permissions(made, Permissions::from_mode(mode))?;
    let listener = socket.listen(BACKLOG)?;
    let identity = identity(made)?;
    fs::rename(made, path)?;
    Ok((listener, OwnFile(SocketFile { path: path.to_owned(), identity })))
}

/// Refuses a path that is somebody else's.
async fn make_way(path: &Path) -> Result<(), Fault> {
    let fault = |message: String| Err(Fault::new(message).at(path.display().to_string()));
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return fault(format!("the path cannot be looked at: {error}")),
    };
    if !found.file_type().is_socket() {
        return fault("there is something that is no socket".to_owned());
    }
    match UnixStream::connect(path).await {
        Ok(_) => fault("another process listens there".to_owned()),
        // Its queue is full, so there is one.
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            fault("another process listens there".to_owned())
        }
        Err(error)
            if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) =>
        {
            Ok(())
        }
        Err(error) => fault(format!("whether a process listens there cannot be told: {error}")),
    }
}

/// A folder that only this user can enter, removed when dropped.
#[derive(Debug)]
struct PrivateFolder {
    path: PathBuf,
}

impl PrivateFolder {
    /// On the same file system as `path`, and with a short name: the paths of sockets are bounded.
    fn beside(path: &Path) -> io::Result<Self> {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let name = format!(".{}", random.get(..8).unwrap_or(&random));
        let path = path.with_file_name(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path })
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // What failed left a socket behind that nobody can reach.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        if self.0.is_in_place() {
            let _ = fs::remove_file(&self.0.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test_support::test]
    async fn a_folder_that_is_missing_is_told_with_its_cure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none/authz.sock");
        let fault = bind(&path, 0o600).await.unwrap_err().to_string();
        let expected = "authz.sock: the folder of the socket is missing; make it, or have systemd make it: \
                        RuntimeDirectory=okta-introspect";
        assert!(fault.ends_with(expected), "{fault}");
    }

    #[test_support::test]
    async fn the_socket_has_its_permissions_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authz.sock");
        for permissions in [0o660, 0o600, 0o666] {
            let (_listener, _file) = bind(&path, permissions).await.unwrap();
            assert_eq!(mode(&path), permissions);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            UnixStream::connect(&path).await.unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "removed at the end");
    }

    #[test_support::test]
    async fn the_file_of_a_process_that_is_gone_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authz.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let before = identity(&path).unwrap();
        let (_listener, _file) = bind(&path, 0o660).await.unwrap();
        assert_ne!(identity(&path).unwrap(), before);
        UnixStream::connect(&path).await.unwrap();
    }

    #[test_support::test]
    async fn a_path_that_is_somebody_elses_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let live = std::os::unix::net::UnixListener::bind(path("live")).unwrap();
        fs::write(path("file"), "kept").unwrap();
        fs::create_dir(path("folder")).unwrap();
        symlink(path("live"), path("link")).unwrap();
        for (name, said) in [
            ("live", "another process listens there"),
            ("file", "there is something that is no socket"),
            ("folder", "there is something that is no socket"),
            ("link", "there is something that is no socket"),
        ] {
            let before = identity(&path(name)).unwrap();
            let fault = bind(&path(name), 0o660).await.unwrap_err();
            assert_eq!(fault.to_string(), format!("{}: {said}", path(name).display()));
            assert_eq!(identity(&path(name)).unwrap(), before, "{name}");
        }
        assert_eq!(fs::read_to_string(path("file")).unwrap(), "kept");
        drop(live);
    }

    #[test_support::test]
    async fn at_the_end_a_successors_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authz.sock");
        let (listener, file) = bind(&path, 0o660).await.unwrap();
        drop(listener);
        let (_successor, _its) = bind(&path, 0o660).await.unwrap();
        drop(file);
        UnixStream::connect(&path).await.unwrap();
    }

    #[test_support::test]
    async fn a_path_that_is_too_long_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a".repeat(120)).join("authz.sock");
        fs::create_dir(path.parent().unwrap()).unwrap();
        let fault = bind(&path, 0o660).await.unwrap_err();
        assert!(fault.advice().unwrap().contains("107 bytes"), "{fault}");
    }
}
