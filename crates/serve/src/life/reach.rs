//! Whether peers still reach the unix sockets by their paths.

use std::path::PathBuf;

use crate::listen::SocketFile;

/// The files of the unix sockets that this process made. Something that tidies up may remove one
/// under it, and then a socket listens that nobody can connect to.
#[derive(Debug, Default)]
pub(super) struct Reach {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    socket: SocketFile,
    is_lost: bool,
}

impl Reach {
    /// All of them are in their places.
    pub(super) fn new(sockets: Vec<SocketFile>) -> Self {
        let file = |socket| File { socket, is_lost: false };
        Self { files: sockets.into_iter().map(file).collect() }
    }

    /// Looks at each; gives the paths of those that were lost since the last look.
    pub(super) fn look(&mut self) -> Vec<PathBuf> {
        let mut lost = Vec::new();
        for file in &mut self.files {
            let was_lost = std::mem::replace(&mut file.is_lost, !file.socket.is_in_place());
            if file.is_lost && !was_lost {
                lost.push(file.socket.path().to_owned());
            }
        }
        lost
    }

    /// Whether each was in its place at the last look.
    pub(super) fn is_whole(&self) -> bool {
        self.files.iter().all(|file| !file.is_lost)
    }
}
