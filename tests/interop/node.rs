//! Runs the scripts of this folder: JSON lines in, JSON lines out.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// Runs a script that does one thing, and gives what it printed.
pub(crate) fn run(script: &str, config: &Value) -> Value {
    let (child, mut stdin) = spawn(script);
    writeln!(stdin, "{config}").unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{script} printed no JSON"))
}

/// Runs a script that answers line by line, and gives its answers.
pub(crate) fn converse(script: &str, lines: &[Value]) -> Vec<Value> {
    let (child, mut stdin) = spawn(script);
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    // Apart, so that neither side waits for the other with full pipes.
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The oidc-provider, dressed as an Okta org; stops when dropped.
pub(crate) struct Provider {
    ready: Value,
    child: Child,
    /// Kept open: the script ends when it is closed.
    _stdin: ChildStdin,
}

impl Provider {
    pub(crate) fn start(config: &Value) -> Self {
        let (mut child, mut stdin) = spawn("provider.mjs");
        writeln!(stdin, "{config}").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).expect("the provider says that it is ready");
        Self { ready, child, _stdin: stdin }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.ready["issuer"].as_str().unwrap()
    }

    pub(crate) fn version(&self) -> &str {
        self.ready["provider_version"].as_str().unwrap()
    }

    /// Calls one of the script's controls.
    pub(crate) async fn control(&self, method: &str, path: &str) -> Value {
        let url = self.control_url(path);
        let answer = http().request(method.parse().unwrap(), url).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    }
}

impl Provider {
    pub(crate) fn control_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ready["port"])
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A script that is asked line by line, and answers each before the next.
pub(crate) struct Conversation {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Conversation {
    pub(crate) fn start(script: &str) -> Self {
        let (mut child, stdin) = spawn(script);
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdin, stdout }
    }

    pub(crate) fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.stdin, "{question}").unwrap();
        serde_json::from_str(&self.stdout.next().expect("an answer").unwrap()).unwrap()
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A plain HTTP client.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().tls_backend_preconfigured(plain()).build().unwrap()
}

fn plain() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

fn spawn(script: &str) -> (Child, ChildStdin) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    let bundled = folder.join("node_modules/.bin/node");
    assert!(
        folder.join("node_modules").exists(),
        "run `npm ci --ignore-scripts` in tests/interop first"
    );
    let node = if bundled.exists() { bundled } else { PathBuf::from("node") };
    let mut child = Command::new(node)
        .arg(folder.join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node runs");
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}
