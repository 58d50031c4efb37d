//! Load on the command for minutes, with everything that happens to it in between: tokens are revoked, the
//! authorization server fails in every way, the configuration changes each ten seconds, and each minute the
//! process is told to end and is started again behind a socket that stays, as systemd does it. Every answer is
//! held against what it may be; anything else is printed, and the exit code is 1.
//!
//! `cargo run -p okta-introspect-serve --example soak -- target/debug/okta-introspect 600`

#![allow(clippy::print_stdout)] // an example shows what it does
#![allow(clippy::disallowed_methods, clippy::arithmetic_side_effects)] // it measures, with the machine's own clock

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use okta_introspect::sandbox::{App, Bucket, CustomServer, Fault, Grant, Sandbox, User};
use okta_introspect::{Algorithm, SigningKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

const CLIENTS: usize = 16;
const TOKENS: usize = 40;

/// How old an answer may be under `/orders`.
const MAX_AGE: Duration = Duration::from_secs(2);

/// Longer than the drain, the end of what is under way and a start together.
const PATIENCE: Duration = Duration::from_secs(20);

/// A token, and between which moments it was revoked.
#[derive(Clone, Default)]
struct Issued {
    text: String,
    may_write: bool,
    revoking: Option<Instant>,
    revoked: Option<Instant>,
}

struct World {
    sandbox: Sandbox,
    tokens: Vec<Mutex<Issued>>,
    folder: PathBuf,
    counts: Mutex<BTreeMap<String, u64>>,
    wrong: Mutex<Vec<String>>,
    end: Instant,
}

impl World {
    fn count(&self, what: impl Into<String>) {
        *self.counts.lock().unwrap().entry(what.into()).or_default() += 1;
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    fn issue(&self, may_write: bool) -> Issued {
        let grant = Grant::to_client("0oa2portal").user("00u1ada").server("default");
        let grant = grant.scope("orders.read");
        let grant = if may_write { grant.scope("orders.write") } else { grant };
        let text = self.sandbox.issue(&grant).unwrap().expose().to_owned();
        Issued { text, may_write, ..Issued::default() }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let binary =
        arguments.next().ok_or("name the command, such as target/debug/okta-introspect")?;
    let seconds: u64 = arguments.next().map_or(Ok(600), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("okta-introspect-soak-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let world = Arc::new(world(&folder, seconds).await?);
    let listener = UnixListener::bind(folder.join("authz.sock"))?;
    listener.set_nonblocking(true)?;
    let mut tasks = vec![
        tokio::spawn(process(Arc::clone(&world), binary, listener.into())),
        tokio::spawn(revoke(Arc::clone(&world))),
        tokio::spawn(fail(Arc::clone(&world))),
        tokio::spawn(reconfigure(Arc::clone(&world))),
    ];
    for client in 0..CLIENTS {
        tasks.push(tokio::spawn(ask(Arc::clone(&world), client)));
    }
    for task in tasks {
        task.await?;
    }
    fs::remove_dir_all(&folder)?;
    for (what, count) in &*world.counts.lock().unwrap() {
        println!("{count:>9}  {what}");
    }
    let wrong = world.wrong.lock().unwrap();
    for line in wrong.iter().take(20) {
        println!("WRONG: {line}");
    }
    println!("{} wrong", wrong.len());
    if wrong.is_empty() { Ok(()) } else { Err("there were wrong answers".into()) }
}

async fn world(folder: &Path, seconds: u64) -> Result<World, Box<dyn Error>> {
    let key = SigningKey::generate(Algorithm::Es256)?;
    let server = CustomServer::new("default").scope("orders.read").scope("orders.write");
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1sidecar").key(key.public_jwk()))
        .app(App::web("0oa2portal"))
        .user(User::new("00u1ada", "ada@acme.example"))
        .server(server)
        .record_requests(false)
        .start()
        .await?;
    // It is ours that are to be found, not those of the rate limit.
    sandbox.set_rate_limit(Bucket::Custom, None);
    key.write_new_file(folder.join("key.pem"))?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let tokens = (0..TOKENS).map(|_| Mutex::default()).collect();
    let (folder, counts, wrong) = (folder.to_owned(), Mutex::default(), Mutex::default());
    let world = World { sandbox, tokens, folder, counts, wrong, end };
    for (index, token) in world.tokens.iter().enumerate() {
        *token.lock().unwrap() = world.issue(index % 2 == 0);
    }
    configure(&world, 0)?;
    Ok(world)
}

/// Writes a configuration that differs each time, in a new file that takes the place of the old one.
fn configure(world: &World, version: u64) -> std::io::Result<()> {
    let issuer = world.sandbox.custom_issuer("default").map(|issuer| issuer.as_str().to_owned());
    let text = format!(
        "\
okta: {{issuer: '{}', client_id: 0oa1sidecar, private_key: 'file:key.pem'}}
checker: {{timeout: 1s}}
listeners: [{{systemd: authz, mode: nginx}}]
management: {{unix: management.sock}}
drain: 1s
rules:
  - {{path: /orders, require: {{scopes: [orders.read], max_age: {}s}}}}
  - {{path: /orders/now, require: {{scopes: [orders.write], max_age: 0}}}}
  - {{path: /version/{version}, public: true}}
",
        issuer.unwrap_or_default(),
        MAX_AGE.as_secs(),
    );
    let (new, file) = (world.folder.join("new.yaml"), world.folder.join("serve.yaml"));
    fs::write(&new, text)?;
    fs::rename(new, file)
}

/// Starts the command behind the socket, and each minute ends it and starts it again.
async fn process(world: Arc<World>, binary: String, socket: OwnedFd) {
    while !world.is_over() {
        let mut child = start(&world, &binary, socket.try_clone().unwrap());
        sleep(Duration::from_secs(1)).await;
        // Where the file is the bad one it does not start, and systemd tries again.
        if child.try_wait().unwrap().is_some_and(|status| status.code() == Some(2)) {
            world.count("starts with a bad file");
            continue;
        }
        let restart = world.end.min(Instant::now() + Duration::from_secs(60));
        sleep(restart.saturating_duration_since(Instant::now())).await;
        if let Some(status) = child.try_wait().unwrap() {
            world.wrong.lock().unwrap().push(format!("the command ended by itself: {status}"));
            continue;
        }
        let stopped = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
        assert!(stopped.unwrap().success());
        let ended = tokio::task::spawn_blocking(move || child.wait()).await;
        let status = ended.unwrap().unwrap();
        if !status.success() {
            world.wrong.lock().unwrap().push(format!("the command ended with {status}"));
        }
        world.count("restarts");
    }
}

/// As systemd hands a socket over: as the third descriptor.
fn start(world: &World, binary: &str, socket: OwnedFd) -> Child {
    let script = r#"LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=authz exec "$0" serve --config serve.yaml 3<&0 </dev/null"#;
    let log = fs::File::options().create(true).append(true).open("/tmp/okta-introspect-soak.log");
    let mut command = Command::new("sh");
    command.args(["-c", script, binary]).current_dir(&world.folder).stdin(socket);
    command.stderr(log.unwrap()).spawn().unwrap()
}

/// Revokes a token every quarter of a second, and replaces it later.
async fn revoke(world: Arc<World>) {
    for turn in 0.. {
        if world.is_over() {
            return;
        }
        let slot = &world.tokens[turn * 7 % TOKENS];
        let now = Instant::now();
        let issued = slot.lock().unwrap().clone();
        match issued.revoked {
            None => {
                slot.lock().unwrap().revoking = Some(now);
                assert!(world.sandbox.revoke(&issued.text));
                slot.lock().unwrap().revoked = Some(Instant::now());
                world.count("tokens revoked");
            }
            Some(revoked) if now - revoked > MAX_AGE * 2 => {
                let new = world.issue(issued.may_write);
                *slot.lock().unwrap() = new;
            }
            Some(_) => {}
        }
        sleep(Duration::from_millis(250)).await;
    }
}

/// The authorization server fails for a while, each time in another way.
async fn fail(world: Arc<World>) {
    for turn in 0.. {
        for _ in 0..17 {
            sleep(Duration::from_millis(500)).await;
            if world.is_over() {
                return;
            }
        }
        let fault = match turn % 7 {
            0 => Fault::empty(503),
            1 => Fault::html(502),
            2 => Fault::oauth(401, "invalid_client"),
            3 => Fault::truncated(),
            4 => Fault::active("true"),
            5 => Fault::delay(Duration::from_millis(1500)),
            _ => Fault::empty(500),
        };
        world.sandbox.faults().set_outage(Some(fault));
        sleep(Duration::from_secs(3)).await;
        world.sandbox.faults().set_outage(None);
        world.count("outages");
    }
}

/// Another configuration each ten seconds, and a bad one now and then.
async fn reconfigure(world: Arc<World>) {
    for version in 1.. {
        sleep(Duration::from_secs(10)).await;
        if world.is_over() {
            return;
        }
        match version % 4 {
            3 => fs::write(world.folder.join("serve.yaml"), "rules: [").unwrap(),
            _ => configure(&world, version).unwrap(),
        }
        world.count("configurations");
        if version % 4 == 3 {
            sleep(Duration::from_secs(5)).await;
            configure(&world, version).unwrap();
        }
    }
}

/// One client with one connection, which it opens again when it has been closed.
async fn ask(world: Arc<World>, client: usize) {
    let mut connection = None;
    for turn in 0_usize.. {
        if world.is_over() {
            return;
        }
        let slot = (turn * 13 + client * 5) % TOKENS;
        let issued = world.tokens[slot].lock().unwrap().clone();
        let (path, max_age) = match turn % 5 {
            0 => ("/orders/now", Duration::ZERO),
            1 => ("/invoices", MAX_AGE),
            _ => ("/orders", MAX_AGE),
        };
        let token = if turn % 11 == 0 { "made-up" } else { &issued.text };
        let begun = Instant::now();
        match timeout(PATIENCE, request(&mut connection, path, token)).await {
            Ok(Ok((status, has_wait))) => {
                let case = Case { path, max_age, begun, is_made_up: turn % 11 == 0 };
                let later = world.tokens[slot].lock().unwrap().clone();
                // One that was replaced meanwhile says nothing of the one that was asked about.
                let issued = if later.text == issued.text { later } else { issued };
                judge(&world, &case, &issued, status, has_wait);
            }
            Ok(Err(error)) => {
                world.wrong.lock().unwrap().push(format!("{path}: no answer: {error}"));
                connection = None;
            }
            Err(_) => {
                world.wrong.lock().unwrap().push(format!("{path}: no answer in time"));
                connection = None;
            }
        }
        if turn % 16 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A question, as far as its answer depends on it.
struct Case {
    path: &'static str,
    max_age: Duration,
    begun: Instant,
    is_made_up: bool,
}

/// Holds an answer against all that it may be.
fn judge(world: &World, case: &Case, issued: &Issued, status: u16, has_wait: bool) {
    let Case { path, max_age, begun, is_made_up } = *case;
    let is_past = issued.revoked.is_some_and(|revoked| begun > revoked + max_age);
    let was_revoked = issued.revoking.is_some();
    let suffices = path == "/orders" || (path == "/orders/now" && issued.may_write);
    let is_right = match status {
        200 => !is_made_up && suffices && !is_past,
        401 => path != "/invoices" && (is_made_up || was_revoked),
        403 => path == "/invoices" || (!is_made_up && !suffices && !is_past),
        503 => path != "/invoices" && has_wait,
        _ => false,
    };
    world.count(format!("{status} {path}"));
    if !is_right {
        let since = issued.revoked.map(|revoked| begun.saturating_duration_since(revoked));
        let line = format!(
            "{status} {path}, made up: {is_made_up}, writes: {}, revoked {since:?} before, wait: {has_wait}",
            issued.may_write
        );
        world.wrong.lock().unwrap().push(line);
    }
}

/// Asks as nginx does. A connection that was closed while it was idle is opened again, once.
async fn request(
    connection: &mut Option<UnixStream>,
    path: &str,
    token: &str,
) -> std::io::Result<(u16, bool)> {
    if let Some(open) = connection
        && let Some(answer) = exchange(open, path, token).await?
    {
        return closing(connection, answer);
    }
    let open = connection.insert(UnixStream::connect(socket()).await?);
    match exchange(open, path, token).await? {
        Some(answer) => closing(connection, answer),
        None => Err(std::io::Error::other("a new connection was closed without an answer")),
    }
}

fn closing(
    connection: &mut Option<UnixStream>,
    (status, has_wait, closes): (u16, bool, bool),
) -> std::io::Result<(u16, bool)> {
    if closes {
        *connection = None;
    }
    Ok((status, has_wait))
}

fn socket() -> PathBuf {
    std::env::temp_dir().join(format!("okta-introspect-soak-{}/authz.sock", std::process::id()))
}

/// Status, whether there is a `Retry-After`, and whether the connection ends; `None` if it had ended.
async fn exchange(
    stream: &mut UnixStream,
    path: &str,
    token: &str,
) -> std::io::Result<Option<(u16, bool, bool)>> {
    let question = format!(
        "GET /authz HTTP/1.1\r\nHost: sidecar\r\nX-Original-Method: GET\r\nX-Original-URL: \
         http://api.acme.example{path}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    if stream.write_all(question.as_bytes()).await.is_err() {
        return Ok(None);
    }
    let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) if answer.is_empty() => return Ok(None),
            Ok(0) => return Err(std::io::Error::other("an answer was cut off")),
            Ok(read) => answer.extend_from_slice(&chunk[..read]),
            Err(error) => return Err(error),
        }
        if answer.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    let status = text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Some((status, text.contains("\r\nretry-after:"), text.contains("connection: close"))))
}
