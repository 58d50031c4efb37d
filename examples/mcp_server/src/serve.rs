//! Serves an authorization server that somebody else has started, for tests with other people's
//! clients.

use std::error::Error;

use okta_introspect::{Client, Issuer, KeyOptions, SigningKey};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;

/// What the line on stdin says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    issuer: String,
    client_id: String,
    private_key: String,
}

/// Prints the resource, reads the configuration, says that it is ready, and serves until stdin is
/// closed.
pub(crate) async fn until_stdin_ends(
    listener: TcpListener,
    resource: &str,
) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::json!({"resource": resource}));
    let (mut stdin, mut line) = (BufReader::new(tokio::io::stdin()), String::new());
    stdin.read_line(&mut line).await?;
    let config: Config = serde_json::from_str(&line).map_err(|_| "stdin has no configuration")?;
    let key = SigningKey::parse(config.private_key.as_bytes(), &KeyOptions::default())?;
    let issuer = Issuer::parse(&config.issuer)?;
    let client = Client::builder(issuer, config.client_id, key).build()?;
    let serving = axum::serve(listener, super::server(client, resource)?).into_future();
    println!("{}", serde_json::json!({"ready": true}));
    let mut rest = Vec::new();
    tokio::select! {
        served = serving => served?,
        ended = stdin.read_to_end(&mut rest) => drop(ended?),
    }
    Ok(())
}
