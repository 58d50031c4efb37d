//! The guard of an MCP server, judged by other people's clients and by MCP's conformance suite.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use okta_introspect::sandbox::{App, CustomServer, Grant, Sandbox};
use okta_introspect::{
    Algorithm, Audience, Client, EndpointUrl, Endpoints, HttpConfig, Issuer, KeyOptions, Scopes,
    SigningKey, metadata,
};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use serde_json::{Value, json};

use crate::node::{Conversation, http, run};

/// The example `mcp_server`, and the org whose tokens it takes.
struct Server {
    sandbox: Sandbox,
    resource: String,
    /// The key of a service that calls it.
    client_key: String,
    child: Child,
    /// Kept open: the example ends when it is closed.
    _stdin: ChildStdin,
}

const CLIENT: &str = "0oa2assistant";

impl Server {
    async fn start() -> Self {
        let (mut child, mut stdin, mut lines) = example();
        let mut line = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
        let resource = line()["resource"].as_str().unwrap().to_owned();
        let [(server_key, of_server), (client_key, of_client)] = [private_key(), private_key()];
        let custom = CustomServer::new("mcp").audience(&*resource);
        let sandbox = Sandbox::builder()
            .app(App::service("0oa1server").key(of_server.public_jwk()))
            .app(App::service(CLIENT).key(of_client.public_jwk()))
            .server(custom.scope("orders.read").scope("orders.delete"))
            .start()
            .await
            .unwrap();
        let issuer = sandbox.custom_issuer("mcp").unwrap();
        let config =
            json!({"issuer": issuer.as_str(), "clientId": "0oa1server", "privateKey": server_key});
        writeln!(stdin, "{config}").unwrap();
        assert_eq!(line()["ready"], true);
        if child.try_wait().unwrap().is_some() {
            panic!("the example has ended");
        }
        Self { sandbox, resource, client_key, child, _stdin: stdin }
    }

    fn issuer(&self) -> Issuer {
        self.sandbox.custom_issuer("mcp").unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the example, which stands beside this binary.
fn example() -> (Child, ChildStdin, Lines<BufReader<ChildStdout>>) {
    let own = std::env::current_exe().unwrap();
    let debug: PathBuf = own.ancestors().nth(2).unwrap().into(); // without `deps` and the name
    let path = debug.join("examples/mcp_server");
    assert!(path.exists(), "run `cargo build --workspace --features … --example mcp_server` first");
    let mut child = Command::new(path)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example runs");
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    (child, stdin, BufReader::new(stdout).lines())
}

/// A key as a PEM, which other people's clients read, and as ours.
fn private_key() -> (String, SigningKey) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let pem = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let own = SigningKey::parse(pem.as_bytes(), &KeyOptions::default()).unwrap();
    assert_eq!(own.public_jwk().algorithm(), Algorithm::Es256);
    (pem, own)
}

/// The requests of a turn, without the stream of events, which the client opens when it likes.
fn requests(answer: &Value) -> Vec<&Value> {
    let is_stream = |one: &&Value| one["method"] == "GET" && one["path"] == "/mcp";
    answer["requests"].as_array().unwrap().iter().filter(|one| !is_stream(one)).collect()
}

/// `METHOD path status` of each request.
fn told(answer: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let told =
        |one: &Value| format!("{} {} {}", text(&one["method"]), text(&one["path"]), one["status"]);
    requests(answer).into_iter().map(told).collect()
}

#[test_support::test(multi_thread)]
async fn the_official_client_is_led_from_401_to_a_tool_call_and_a_revocation_is_seen() {
    let server = Server::start().await;
    let mut client = Conversation::start("mcp_client.mjs");
    let config = json!({
        "url": server.resource, "issuer": server.issuer().as_str(), "clientId": CLIENT,
        "privateKey": server.client_key, "scope": "orders.read orders.delete",
    });
    let connected = client.ask(&config);
    println!("@modelcontextprotocol/sdk {}", connected["sdk_version"]);
    assert_eq!(connected["tools"], json!(["delete_order", "list_orders"]), "{connected}");
    let way = [
        "POST /mcp 401",
        "GET /.well-known/oauth-protected-resource/mcp 200",
        "GET /.well-known/oauth-authorization-server/oauth2/mcp 200",
        "POST /oauth2/mcp/v1/token 200",
        "POST /mcp 200",
    ];
    assert_eq!(told(&connected)[..5], way);

    assert_eq!(
        client.ask(&json!({"call": "list_orders"}))["text"],
        format!("orders {{7, 8}}, for {CLIENT}")
    );
    let deleted = client.ask(&json!({"call": "delete_order"}));
    assert_eq!(deleted["text"], format!("order 7 deleted, for {CLIENT}"));
    assert_eq!(told(&deleted), ["POST /mcp 200"]);

    assert_eq!(client.ask(&json!({"revoke": true}))["status"], 200);
    // Refused at once; the client gets itself a new token and tries again.
    let again = client.ask(&json!({"call": "delete_order"}));
    assert_eq!(told(&again)[0], "POST /mcp 401", "{again}");
    let challenge = requests(&again)[0]["challenge"].as_str().unwrap();
    assert!(challenge.starts_with(r#"Bearer error="invalid_token", scope="orders.delete", "#));
    assert_eq!(told(&again).last().unwrap(), "POST /mcp 200", "{again}");
}

#[test_support::test(multi_thread)]
async fn a_client_with_too_little_scope_is_told_what_would_do() {
    let server = Server::start().await;
    let mut client = Conversation::start("mcp_client.mjs");
    let config = json!({
        "url": server.resource, "issuer": server.issuer().as_str(), "clientId": CLIENT,
        "privateKey": server.client_key, "scope": "orders.read",
    });
    client.ask(&config);
    let refused = client.ask(&json!({"call": "delete_order"}));
    assert_eq!(requests(&refused)[0]["status"], 403, "{refused}");
    let origin = server.resource.strip_suffix("/mcp").unwrap();
    let challenge = format!(
        r#"Bearer error="insufficient_scope", scope="orders.delete", resource_metadata="{origin}/.well-known/oauth-protected-resource/mcp""#
    );
    assert_eq!(requests(&refused)[0]["challenge"], challenge);
    // It steps up once, with what it is configured for, and gives up.
    assert!(refused["error"].as_str().unwrap().contains("403 after trying upscoping"), "{refused}");
    assert_eq!(
        client.ask(&json!({"call": "list_orders"}))["text"],
        format!("orders {{7, 8}}, for {CLIENT}")
    );
}

/// The suite has no scenario of its own for the authorization of a server. What it can tell is that
/// the guard changes nothing for requests with a good token, and stops those without.
#[test_support::test(multi_thread)]
async fn the_suite_for_servers_passes_through_the_guard_and_not_past_it() {
    let server = Server::start().await;
    let grant = Grant::to_client(CLIENT).server("mcp").scope("orders.read");
    let token = server.sandbox.issue(&grant).unwrap();
    let scenarios = ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"];
    let judge = |token: Option<&str>, scenarios: &[&str]| {
        let config = json!({"server": server.resource, "token": token, "scenarios": scenarios});
        run("conformance.mjs", &config)
    };
    let with = judge(Some(token.expose()), &scenarios);
    println!("@modelcontextprotocol/conformance {}", with["version"]);
    for scenario in scenarios {
        assert_eq!(
            with["results"][scenario]["code"], 0,
            "{scenario}: {}",
            with["results"][scenario]
        );
    }
    let without = judge(None, &["ping"]);
    assert_eq!(without["results"]["ping"]["code"], 1, "{without}");
}

/// The suite starts this test as the client that it judges.
#[test_support::test(multi_thread)]
async fn our_client_passes_the_suite_for_services() {
    if let Ok(context) = std::env::var("MCP_CONFORMANCE_CONTEXT") {
        let url = std::env::args().next_back().unwrap();
        return call_tool(&url, &serde_json::from_str(&context).unwrap()).await;
    }
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    assert!(!own.contains(' '), "the suite splits commands at blanks");
    let name = "mcp::our_client_passes_the_suite_for_services";
    let scenario = "auth/client-credentials-jwt";
    let client = format!("{own} --exact {name}");
    let judged = run("conformance.mjs", &json!({"client": client, "scenarios": [scenario]}));
    println!("@modelcontextprotocol/conformance {} ({scenario})", judged["version"]);
    let result = &judged["results"][scenario];
    assert_eq!(result["code"], 0, "{}", result["said"].as_str().unwrap());
}

/// The same with the command alone: it finds the server's endpoints, and authenticates, by its options.
#[test_support::test(multi_thread)]
async fn the_command_passes_the_suite_for_services() {
    if let Ok(context) = std::env::var("MCP_CONFORMANCE_CONTEXT") {
        let url = std::env::args().next_back().unwrap();
        let context: Value = serde_json::from_str(&context).unwrap();
        let issuer = led_by_challenge(&url).await;
        let token = token_of_command(&issuer, &context);
        return call_tool_with(&url, &token).await;
    }
    let Some(_) = command() else {
        println!("-- skipped: the command in MCP's suite (okta-introspect is not built)");
        return;
    };
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    assert!(!own.contains(' '), "the suite splits commands at blanks");
    let name = "mcp::the_command_passes_the_suite_for_services";
    let scenario = "auth/client-credentials-jwt";
    let client = format!("{own} --exact {name}");
    let judged = run("conformance.mjs", &json!({"client": client, "scenarios": [scenario]}));
    println!(
        "@modelcontextprotocol/conformance {} ({scenario}, by the command)",
        judged["version"]
    );
    let result = &judged["results"][scenario];
    assert_eq!(result["code"], 0, "{}", result["said"].as_str().unwrap());
}

/// The command, which stands beside this binary's folder, if it is built.
fn command() -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let path = own.ancestors().nth(2).unwrap().join("okta-introspect"); // without `deps` and the name
    path.exists().then_some(path)
}

fn token_of_command(issuer: &str, context: &Value) -> String {
    let mut child = Command::new(command().unwrap())
        .args(["token", "--issuer", issuer, "--discover", "--audience", "issuer", "--scope", "mcp"])
        .args(["--client-id", context["client_id"].as_str().unwrap(), "--key-file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let key = context["private_key_pem"].as_str().unwrap();
    child.stdin.take().unwrap().write_all(key.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "interop", "version": "1"},
    }})
}

/// From 401 to the issuer that the resource's metadata names.
async fn led_by_challenge(url: &str) -> String {
    let refused = post(url, None, &initialize()).await;
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    let (_, at) = challenge.split_once(r#"resource_metadata=""#).unwrap();
    let document = http().get(at.split('"').next().unwrap()).send().await.unwrap();
    let document: Value = serde_json::from_slice(&document.bytes().await.unwrap()).unwrap();
    assert_eq!(document["resource"], url);
    document["authorization_servers"][0].as_str().unwrap().to_owned()
}

async fn call_tool_with(url: &str, token: &str) {
    assert_eq!(post(url, Some(token), &initialize()).await.status(), 200);
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "test-tool", "arguments": {}}});
    assert_eq!(post(url, Some(token), &call).await.status(), 200);
}

/// From 401 through the metadata to a tool call, with our client.
async fn call_tool(url: &str, context: &Value) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let issuer = led_by_challenge(url).await;
    let issuer = Issuer::parse_other(&issuer).unwrap();
    let found = metadata::discover(&issuer, &HttpConfig::default()).await.unwrap();
    // The suite's server has a token endpoint and nothing else.
    let endpoint = |path: &str| EndpointUrl::parse(&format!("{issuer}{path}")).unwrap();
    let endpoints = Endpoints::new(
        EndpointUrl::parse(found.token_endpoint.as_deref().unwrap()).unwrap(),
        endpoint("/introspect"),
        endpoint("/revoke"),
        endpoint("/keys"),
    )
    .unwrap();
    let key = text(&context["private_key_pem"]);
    let key = SigningKey::parse(key.as_bytes(), &KeyOptions::default()).unwrap();
    let client = Client::builder(issuer, text(&context["client_id"]), key);
    let client = client.endpoints(endpoints).audience(Audience::Issuer).build().unwrap();
    let token = client.request_token(&Scopes::parse("mcp").unwrap()).await.unwrap();
    call_tool_with(url, token.token().expose()).await;
}

async fn post(url: &str, token: Option<&str>, message: &Value) -> reqwest::Response {
    let mut request = http().post(url).body(message.to_string());
    request = request.header("content-type", "application/json");
    request = request.header("accept", "application/json, text/event-stream");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.send().await.unwrap()
}
