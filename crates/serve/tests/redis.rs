//! A real Redis on loopback.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A `redis-server` on a port of its own, ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Redis {
    port: u16,
    folder: TempDir,
    options: Vec<String>,
    child: Child,
}

impl Redis {
    /// Starts one; `None`, and a line that says so, where none is installed.
    #[expect(clippy::print_stdout, reason = "tells what was not tested")]
    pub(crate) fn start(test: &str, options: &[&str]) -> Option<Self> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            println!("-- skipped: {test} (redis-server is not installed)");
            return None;
        }
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        for _ in 0..10 {
            let folder = TempDir::new().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            // Another process may have taken the port.
            if let Some(child) = spawn(port, &folder, &options) {
                return Some(Self { port, folder, options, child });
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, with everything that it had.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.options).expect("the port is free");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that is ready; `None` if it has ended.
fn spawn(port: u16, folder: &TempDir, options: &[String]) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(folder.path())
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_ready = lines.map_while(Result::ok).any(|line| line.contains("eady to accept"));
    if is_ready {
        return Some(child);
    }
    child.wait().unwrap();
    None
}
