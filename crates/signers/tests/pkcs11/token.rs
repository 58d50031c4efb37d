//! Tokens that are made for a test.

use std::fs;
use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use okta_introspect::{Algorithm, Clock, KeyOptions, ManualClock, SystemClock};
use okta_introspect_signers::pkcs11::Pkcs11Key;

/// A sample, of which no message may tell.
pub(crate) const PIN: &str = "90817263";

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const FOLDER: &str = "SIGNERS_TEST_FOLDER";

/// What a token is made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    SoftHsm,
    Tpm,
    /// SoftHSM behind OpenSC's spy, which writes down every call.
    Spied,
}

/// A token with the label `okta`.
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) folder: PathBuf,
}

/// Runs the test `name` in a process of its own with a new token: there this gives the token, and
/// here, once that is done, `None`.
pub(crate) fn with(kind: Kind, name: &str) -> Option<Token> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Some(Token { kind, folder: folder.into() });
    }
    let folder = tempfile::tempdir().unwrap();
    let folder_path = fs::canonicalize(folder.path()).unwrap();
    let mut made = Made::new(kind, &folder_path, name)?;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([name, "--exact", "--nocapture"]).env(FOLDER, &folder_path);
    made.environment.iter().for_each(|(name, value)| {
        child.env(name, value);
    });
    let output = child.output().unwrap();
    made.end();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    // A name that is no test's would pass too.
    assert!(output.status.success() && said.contains("1 passed"), "{name}: {said}");
    assert!(!said.contains(PIN), "{name}: {said}");
    None
}

struct Made {
    environment: Vec<(&'static str, String)>,
    tpm: Option<Child>,
}

impl Made {
    fn new(kind: Kind, folder: &Path, test: &str) -> Option<Self> {
        fs::write(folder.join("pin"), format!("{PIN}\n")).unwrap();
        match kind {
            Kind::SoftHsm | Kind::Spied => Self::soft_hsm(kind, folder, test),
            Kind::Tpm => Self::tpm(folder, test),
        }
    }

    fn soft_hsm(kind: Kind, folder: &Path, test: &str) -> Option<Self> {
        if !is_there(Path::new(SOFTHSM)) || !has("softhsm2-util") {
            return skipped(test, "SoftHSM");
        }
        if kind == Kind::Spied && library("pkcs11-spy").is_none() {
            return skipped(test, "OpenSC's pkcs11-spy");
        }
        let tokens = folder.join("tokens");
        fs::create_dir(&tokens).unwrap();
        let config = folder.join("softhsm2.conf");
        let line = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
        fs::write(&config, line).unwrap();
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let mut environment = vec![("SOFTHSM2_CONF", text(config))];
        if kind == Kind::Spied {
            environment.push(("PKCS11SPY", SOFTHSM.to_owned()));
            environment.push(("PKCS11SPY_OUTPUT", text(folder.join("spy.log"))));
        }
        let made = Self { environment, tpm: None };
        made.init_token("okta");
        Some(made)
    }

    fn init_token(&self, label: &str) {
        run(Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label, "--so-pin", "12345678"])
            .args(["--pin", PIN])
            .envs(self.environment.iter().cloned()));
    }

    fn tpm(folder: &Path, test: &str) -> Option<Self> {
        let Some(module) = library("libtpm2_pkcs11") else { return skipped(test, "tpm2-pkcs11") };
        if !has("swtpm") || !has("pkcs11-tool") {
            return skipped(test, "swtpm or OpenSC's pkcs11-tool");
        }
        fs::create_dir(folder.join("store")).unwrap();
        let port = two_ports();
        fs::write(folder.join("port"), port.to_string()).unwrap();
        let environment = vec![
            ("TPM2_PKCS11_STORE", folder.join("store").to_str().unwrap().to_owned()),
            ("TPM2_PKCS11_TCTI", format!("swtpm:host=127.0.0.1,port={port}")),
            ("TSS2_LOG", "all+NONE".to_owned()),
        ];
        let tpm = start_tpm(folder);
        let tool = |arguments: &[&str]| {
            let mut tool = Command::new("pkcs11-tool");
            tool.arg("--module").arg(&module).args(["--so-pin", "12345678"]).args(arguments);
            run(tool.envs(environment.iter().cloned()));
        };
        tool(&["--init-token", "--label", "okta"]);
        tool(&["--init-pin", "--login", "--new-pin", PIN, "--token-label", "okta"]);
        Some(Self { environment, tpm: Some(tpm) })
    }

    fn end(&mut self) {
        if let Some(mut tpm) = self.tpm.take() {
            // A test may have ended it.
            let _ = tpm.kill();
            let _ = tpm.wait();
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        self.end();
    }
}

/// Starts the TPM of a folder, at the port that is written there.
pub(crate) fn start_tpm(folder: &Path) -> Child {
    let port: u16 = fs::read_to_string(folder.join("port")).unwrap().parse().unwrap();
    let state = folder.join("tpm");
    fs::create_dir_all(&state).unwrap();
    let child = Command::new("swtpm")
        .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
        .args(["--tpmstate", &format!("dir={}", state.display())])
        .args(["--server", &format!("type=tcp,port={port}")])
        .args(["--ctrl", &format!("type=tcp,port={}", port + 1)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The port of its commands takes one connection in all, so the other one is tried.
    fs::write(folder.join("pid"), child.id().to_string()).unwrap();
    let end = SystemClock.monotonic() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port + 1)).is_err() {
        assert!(SystemClock.monotonic() < end, "swtpm does not start");
        thread::sleep(Duration::from_millis(2));
    }
    child
}

/// Two free ports, one after the other.
fn two_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if first < u16::MAX && TcpListener::bind(("127.0.0.1", first + 1)).is_ok() {
            return first;
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn skipped<T>(test: &str, program: &str) -> Option<T> {
    // Past the harness, which shows nothing of tests that pass.
    let _ = writeln!(io::stderr(), "\n-- skipped: {test} ({program} is not installed)");
    None
}

fn is_there(path: &Path) -> bool {
    path.is_file()
}

fn has(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// A module in Debian's folder for them.
fn library(name: &str) -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    folders
        .map(|folder| folder.path().join("pkcs11").join(format!("{name}.so")))
        .find(|path| path.is_file())
}

impl Token {
    /// The URI of a key, with what is further said of it in the query.
    pub(crate) fn uri(&self, path: &str, query: &str) -> String {
        let module = match self.kind {
            Kind::SoftHsm => format!("module-path={SOFTHSM}"),
            Kind::Tpm => "module-name=tpm2_pkcs11".to_owned(),
            Kind::Spied => format!("module-path={}", library("pkcs11-spy").unwrap().display()),
        };
        format!("pkcs11:token=okta;{path}?{module}{query}")
    }

    /// With the PIN's file.
    pub(crate) fn key_uri(&self, label: &str) -> String {
        let pin = self.folder.join("pin");
        self.uri(&format!("object={label}"), &format!("&pin-source=file:{}", pin.display()))
    }

    /// Makes a token beside it, before the module is loaded.
    pub(crate) fn init_another(&self, label: &str) {
        run(Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label, "--so-pin", "12345678"])
            .args(["--pin", PIN]));
    }

    /// Makes a key.
    pub(crate) fn make(&self, label: &str, algorithm: Algorithm, rsa_bits: u32) {
        let options = KeyOptions::default();
        Pkcs11Key::generate(&self.key_uri(label), algorithm, rsa_bits, &options).unwrap();
    }

    pub(crate) fn open(&self, label: &str, options: &KeyOptions) -> Pkcs11Key {
        Pkcs11Key::open(&self.key_uri(label), options).unwrap()
    }

    /// With a clock that stands still.
    pub(crate) fn open_with_clock(&self, label: &str) -> (Pkcs11Key, ManualClock) {
        let clock = ManualClock::new(SystemClock.now());
        let options = KeyOptions::default().key_id("k1");
        let own: Arc<dyn Clock> = Arc::new(clock.clone());
        let key = Pkcs11Key::open_with_clock(&self.key_uri(label), &options, own).unwrap();
        (key, clock)
    }
}
