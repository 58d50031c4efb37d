//! An MCP server, made with the official SDK, behind the guard: its clients are told where to get
//! tokens, every call is checked, and the dangerous tool asks the authorization server each time.
//!
//! `cargo run -p mcp-server-example --example mcp_server`

#![allow(clippy::print_stdout)] // an example shows what it does

mod client;
mod serve;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use okta_introspect::adapter::{Gate, McpRules, ResourceMetadata};
use okta_introspect::sandbox::{App, CustomServer, Grant, Sandbox, User};
use okta_introspect::{Algorithm, Checker, Client, Error, Requirement, SigningKey};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use tools::Orders;

/// The server: its tools behind the guard, and beside them the metadata, which everybody may read.
fn server(client: Client, resource: &str) -> Result<Router, Error> {
    let resource = ResourceMetadata::builder(resource)
        .authorization_server(client.issuer())
        .scope("orders.read")
        .scope("orders.delete")
        .name("Orders of Acme")
        .build()?;
    // Reading may go on for half a minute after a revocation, the default; deleting may not.
    let read = Requirement::new().scope("orders.read");
    let delete = Requirement::new().scope("orders.delete").max_age(Duration::ZERO);
    let gate = Gate::new(Checker::builder(client).build()?).resource(resource.clone());
    let guard = gate.mcp_layer(McpRules::new(read).tool("delete_order", delete)).problem_details();

    let config = StreamableHttpServerConfig::default();
    let sessions = Arc::new(LocalSessionManager::default());
    let orders = Orders::new();
    let tools = StreamableHttpService::new(move || Ok(orders.clone()), sessions, config);
    Ok(Router::new().route_service("/mcp", tools).layer(guard).merge(resource.router()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What clients call, and what the authorization server writes into `aud`.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let resource = format!("http://{address}/mcp");
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return serve::until_stdin_ends(listener, &resource).await;
    }

    // An org of our own, on loopback, whose custom server issues tokens for this resource. Against a
    // real one: Security > API > the server's Audience is the resource, character for character.
    let key = SigningKey::generate(Algorithm::Es256)?;
    let custom = CustomServer::new("mcp").audience(&*resource);
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1server").key(key.public_jwk()))
        .app(App::web("0oa2assistant"))
        .user(User::new("00u1ada", "ada@acme.example"))
        .server(custom.scope("orders.read").scope("orders.delete"))
        .server(CustomServer::new("slash").audience(format!("{resource}/")).scope("orders.read"))
        .start()
        .await?;
    let issuer = sandbox.custom_issuer("mcp").ok_or("the server was not made")?;
    let guarded = server(Client::builder(issuer, "0oa1server", key).build()?, &resource)?;
    tokio::spawn(axum::serve(listener, guarded).into_future());

    let ada = Grant::to_client("0oa2assistant").user("00u1ada").server("mcp").scope("orders.read");
    let (weak, strong) = (sandbox.issue(&ada)?, sandbox.issue(&ada.scope("orders.delete"))?);
    let client = client::McpClient::new(address);
    client.metadata().await?;
    client.call("without a token", None, "list_orders").await?;
    client.call("with Ada's", Some(&weak), "list_orders").await?;
    client.call("too weak a token", Some(&weak), "delete_order").await?;
    client.call("after a step-up", Some(&strong), "delete_order").await?;
    println!("\nan administrator revokes the token …\n");
    sandbox.revoke(&strong);
    client.call("known for a while", Some(&strong), "list_orders").await?;
    client.call("asked anew", Some(&strong), "delete_order").await?;
    client.call("now known to all", Some(&strong), "list_orders").await?;
    Ok(())
}
