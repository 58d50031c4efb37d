//! Real servers on loopback, each in a folder of its own, ended with the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use okta_introspect::{Clock as _, SystemClock};
use rustix::process::{Pid, Signal, kill_process};

/// How long a condition may take to come true.
const LIMIT: Duration = Duration::from_secs(20);

/// Waits until a condition is true: looks again and again, and fails in the end.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let end = SystemClock.monotonic() + LIMIT;
    while !is_true() {
        assert!(SystemClock.monotonic() < end, "{what} did not come true");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The same of something that is asked for. Time passes between two looks.
pub(crate) async fn until_async<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = SystemClock.monotonic() + LIMIT;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        let now = SystemClock.monotonic();
        assert!(now < end, "{what} did not come true");
        SystemClock.sleep_until(now + Duration::from_millis(2)).await;
    }
}

/// Whether a program is installed; says so if not.
pub(crate) fn has(program: &str, test: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()));
    if !found {
        println!("-- skipped: {test} ({program} is not installed)");
    }
    found
}

/// A port that nothing listens on at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server.
pub(crate) struct Server {
    program: String,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    pub(crate) port: u16,
    /// The port without TLS, for the test's own commands.
    control: u16,
    child: Child,
}

impl Server {
    /// Starts `redis-server` with these options, one a string, if it is installed.
    pub(crate) fn start(test: &str, options: &[&str]) -> Option<Self> {
        has("redis-server", test).then(|| Self::of("redis-server", options))
    }

    pub(crate) fn of(program: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::within(program, folder, options)
    }

    pub(crate) fn within(program: &str, folder: tempfile::TempDir, options: &[&str]) -> Self {
        let (port, bus) = (free_port(), free_port());
        let mut arguments: Vec<String> = vec![
            "--port".into(),
            port.to_string(),
            "--bind".into(),
            "127.0.0.1".into(),
            "--dir".into(),
            folder.path().display().to_string(),
            "--save".into(),
            String::new(),
            "--enable-debug-command".into(),
            "local".into(),
        ];
        if options.iter().any(|option| option.starts_with("--cluster-enabled")) {
            arguments.extend(["--cluster-port".into(), bus.to_string()]);
        }
        for option in options {
            arguments.extend(option.split(' ').map(|word| word.replace("%20", " ")));
        }
        let child = spawn(program, &arguments);
        let mut server =
            Self { program: program.to_owned(), folder, arguments, port, control: port, child };
        if server.answers() {
            return server;
        }
        // Another process took the port.
        let _ = server.child.wait();
        Self::of(program, options)
    }

    /// A sentinel that watches this server under the name `main`.
    pub(crate) fn sentinel(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n",
            folder.path().display(),
            self.port,
        );
        std::fs::write(&config, text).unwrap();
        let arguments = vec![config.display().to_string()];
        let child = spawn("redis-sentinel", &arguments);
        let program = "redis-sentinel".to_owned();
        let mut server = Self { program, folder, arguments, port, control: port, child };
        assert!(server.answers());
        server
    }

    /// Whether it comes up.
    fn answers(&mut self) -> bool {
        let mut has_ended = false;
        until("an answer of the server", || {
            has_ended = self.child.try_wait().unwrap().is_some();
            has_ended || Control::connect(self.control).is_some_and(|mut it| it.is_ready())
        });
        !has_ended
    }

    /// Makes two nodes of a cluster know each other.
    pub(crate) fn meet(&self, other: &Self) {
        let bus = other.arguments.iter().skip_while(|word| *word != "--cluster-port").nth(1);
        let (port, bus) = (other.port.to_string(), bus.expect("it is a node"));
        assert_eq!(self.run(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]), "OK");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Carries a command out, and gives its reply as text, nested ones in lines.
    pub(crate) fn run(&self, command: &[&str]) -> String {
        Control::connect(self.control).expect("the server listens").run(command)
    }

    /// A connection of the test's own.
    pub(crate) fn control(&self) -> Control {
        Control::connect(self.control).expect("the server listens")
    }

    /// A number from `INFO`.
    pub(crate) fn info(&self, name: &str) -> String {
        let all = self.run(&["INFO", "everything"]);
        let line = all.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in INFO")).trim().to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it at once, as the kernel does when memory runs out.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port, with whatever it has saved.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&self.program, &self.arguments);
        assert!(self.answers(), "the port is taken");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &str, arguments: &[String]) -> Child {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A connection that speaks to a server without the code under test.
pub(crate) struct Control(BufReader<TcpStream>);

impl Control {
    fn connect(port: u16) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Some(Self(BufReader::new(stream)))
    }

    fn is_ready(&mut self) -> bool {
        let reply = self.try_run(&["PING"]).unwrap_or_default();
        reply == "PONG" || reply.starts_with("NOAUTH") || reply.starts_with("NOPERM")
    }

    pub(crate) fn run(&mut self, command: &[&str]) -> String {
        self.try_run(command).expect("the server answers")
    }

    pub(crate) fn try_run(&mut self, command: &[&str]) -> std::io::Result<String> {
        let mut request = format!("*{}\r\n", command.len());
        for word in command {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.get_mut().write_all(request.as_bytes())?;
        self.read()
    }

    fn read(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end();
        let (kind, rest) = text.split_at(1);
        Ok(match (kind, rest.parse::<i64>()) {
            ("$" | "*", Ok(-1)) => "(nil)".to_owned(),
            ("$", Ok(length)) => {
                let mut bytes = vec![0; length as usize + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(length as usize);
                String::from_utf8_lossy(&bytes).into_owned()
            }
            ("*", Ok(count)) => {
                let parts: std::io::Result<Vec<_>> = (0..count).map(|_| self.read()).collect();
                parts?.join("\n")
            }
            _ => rest.to_owned(),
        })
    }
}

/// Writes a file beside a test.
pub(crate) fn file(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
