//! Proxies as processes, each with the snippet that is printed for it, in a folder of its own.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use okta_introspect_serve::{Address, Proxy, SnippetConfig};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::client::pause;

/// Those that can be had.
pub(super) const INSTALLABLE: [Proxy; 5] =
    [Proxy::Nginx, Proxy::Caddy, Proxy::Haproxy, Proxy::Envoy, Proxy::EnvoyGrpc];

/// Where the others than nginx look for the secret.
const KEY: &str = "OKTA_INTROSPECT_KEY";

/// A running proxy.
pub(super) struct Program {
    pub(super) proxy: Proxy,
    pub(super) address: SocketAddr,
    child: Child,
    folder: TempDir,
    /// Caddy's, for reloads.
    admin: SocketAddr,
}

impl Drop for Program {
    fn drop(&mut self) {
        // Children of HAProxy and nginx end with a master that is asked to.
        self.signal("TERM");
        let _ = self.child.wait();
    }
}

/// Those that are installed; the others are named as skipped.
pub(super) fn installed() -> Vec<Proxy> {
    let mut there = Vec::new();
    for proxy in INSTALLABLE {
        match executable(proxy).is_some() {
            true => there.push(proxy),
            false => println!("-- skipped: {proxy} (it is not installed)"),
        }
    }
    there
}

impl Program {
    /// Starts it with the snippet of this configuration, whose addresses of its own are replaced by free ones.
    pub(super) async fn start(proxy: Proxy, config: SnippetConfig, backend: SocketAddr) -> Self {
        Self::start_with(proxy, config, backend, str::to_owned).await
    }

    /// Starts it with a snippet that was changed, perhaps for the worse.
    pub(super) async fn start_with(
        proxy: Proxy,
        mut config: SnippetConfig,
        backend: SocketAddr,
        change: impl Fn(&str) -> String,
    ) -> Self {
        config.upstream = Address::tcp(backend.ip().to_string(), backend.port());
        let files = |address: SocketAddr| {
            config.listen = Address::tcp(address.ip().to_string(), address.port());
            let files = config.files(proxy).unwrap().into_iter();
            files.map(|file| (file.name.to_owned(), change(&file.text))).collect()
        };
        Self::start_of(proxy, files, "").await
    }

    /// Starts it with these files, names and texts, which are made for the address where it is to listen. With the secret it
    /// shows the sidecar as which caller it asks, where the files say so.
    pub(super) async fn start_of(
        proxy: Proxy,
        files: impl FnOnce(SocketAddr) -> Vec<(String, String)>,
        secret: &str,
    ) -> Self {
        let [address, admin] = [free_address(), free_address()];
        let folder = TempDir::new().unwrap();
        let main = write(proxy, &files(address), folder.path(), admin);
        let key = format!("proxy_set_header X-Okta-Introspect-Key \"{secret}\";\n");
        fs::write(folder.path().join("okta-introspect.key"), key).unwrap();
        assert!(is_valid(proxy, folder.path(), &main, secret), "{proxy} refuses its snippet");
        let child = command(proxy, folder.path(), &main).env(KEY, secret).spawn().unwrap();
        let mut started = Self { proxy, address, child, folder, admin };
        started.wait().await;
        started
    }

    async fn wait(&mut self) {
        for _ in 0..200 {
            if TcpStream::connect(self.address).await.is_ok() {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "{} has ended", self.proxy);
            pause(Duration::from_millis(50)).await;
        }
        panic!("{} does not start", self.proxy);
    }

    /// Reads its configuration again, and lets go of its old processes; `false` where it cannot.
    pub(super) fn reload(&self) -> bool {
        match self.proxy {
            Proxy::Nginx => self.signal("HUP"),
            Proxy::Haproxy => self.signal("USR2"),
            Proxy::Caddy => {
                let mut caddy = Command::new("caddy");
                caddy.args(["reload", "--force", "--adapter", "caddyfile", "--config"]);
                caddy.arg(self.folder.path().join("Caddyfile"));
                succeeds(caddy.args(["--address", &self.admin.to_string()]))
            }
            _ => false,
        }
    }

    fn signal(&self, name: &str) -> bool {
        succeeds(Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]))
    }
}

/// Writes the snippet and what a whole configuration has beside it; gives the file to start with.
fn write(proxy: Proxy, files: &[(String, String)], folder: &Path, admin: SocketAddr) -> PathBuf {
    for (name, text) in files {
        let mut text = text.replace("/etc/haproxy", &folder.display().to_string());
        if proxy == Proxy::Caddy {
            text.insert_str(0, &format!("{{\n\tadmin {admin}\n}}\n"));
        }
        if name == "haproxy.cfg" {
            // Without it a reload drops connections that wait to be accepted.
            let socket = folder.join("admin.sock");
            text +=
                &format!("\nglobal\n    stats socket {} expose-fd listeners\n", socket.display());
        }
        fs::write(folder.join(name), text).unwrap();
    }
    match proxy {
        Proxy::Nginx => fs::write(folder.join("nginx.conf"), nginx(folder)).unwrap(),
        _ => return folder.join(&files[0].0),
    }
    folder.join("nginx.conf")
}

fn nginx(folder: &Path) -> String {
    // Its workers must reach the socket in the folder, which is this user's.
    let user = if fs::metadata(folder).unwrap().uid() == 0 { "user root;" } else { "" };
    format!(
        "{user} daemon off; worker_processes 2; pid nginx.pid; error_log stderr crit;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n access_log off; client_body_temp_path body; proxy_temp_path proxy;\n \
         fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n \
         include okta-introspect.conf;\n}}\n"
    )
}

/// What the proxy itself says of its configuration.
fn is_valid(proxy: Proxy, folder: &Path, main: &Path, secret: &str) -> bool {
    let mut check = Command::new(executable(proxy).unwrap());
    match proxy {
        Proxy::Nginx => check.args(["-t", "-q", "-e", "stderr", "-p"]).arg(folder).arg("-c"),
        Proxy::Caddy => check.args(["validate", "--adapter", "caddyfile", "--config"]),
        Proxy::Haproxy => check.args(["-c", "-q", "-f"]),
        _ => check.args(["--mode", "validate", "-l", "error", "-c"]),
    };
    let output = at_home(check.arg(main), folder).env(KEY, secret).output().unwrap();
    if !output.status.success() {
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

fn command(proxy: Proxy, folder: &Path, main: &Path) -> Command {
    let mut start = Command::new(executable(proxy).unwrap());
    match proxy {
        Proxy::Nginx => start.args(["-e", "stderr", "-p"]).arg(folder).arg("-c"),
        Proxy::Caddy => start.args(["run", "--adapter", "caddyfile", "--config"]),
        Proxy::Haproxy => start.args(["-W", "-f"]),
        _ => start.args(["--use-dynamic-base-id", "--concurrency", "2", "-l", "off", "-c"]),
    };
    at_home(start.arg(main), folder);
    start.stdout(Stdio::null()).stderr(Stdio::null());
    start
}

/// Nothing is written beside the folder.
fn at_home<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    let places = ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR"];
    command.envs(places.map(|place| (place, folder))).current_dir(folder)
}

/// Debian's programs, and Envoy out of `tests/interop/.venv` or from the path.
fn executable(proxy: Proxy) -> Option<PathBuf> {
    let (name, version) = match proxy {
        Proxy::Nginx => ("nginx", "-v"),
        Proxy::Caddy => ("caddy", "version"),
        Proxy::Haproxy => ("haproxy", "-v"),
        _ => return envoy(),
    };
    // Debian's nginx and HAProxy are not in every user's path.
    let places = ["", "/usr/sbin/"].map(|place| PathBuf::from(format!("{place}{name}")));
    places.into_iter().find(|path| succeeds(Command::new(path).arg(version)))
}

fn envoy() -> Option<PathBuf> {
    let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/.venv/lib");
    let versions = fs::read_dir(libraries).into_iter().flatten().flatten();
    let of_python = versions.map(|version| version.path().join("site-packages/envoy/_bin/envoy"));
    let mut places = of_python.chain([PathBuf::from("envoy")]);
    places.find(|path| succeeds(Command::new(path).arg("--version")))
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
