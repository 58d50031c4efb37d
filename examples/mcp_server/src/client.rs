//! The least that is a client: one request for each call, without a library.

use std::error::Error;
use std::net::SocketAddr;

use okta_introspect::Token;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Calls tools and prints what comes of it.
pub(crate) struct McpClient {
    address: SocketAddr,
}

impl McpClient {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Prints the metadata of the resource.
    pub(crate) async fn metadata(&self) -> Result<(), Box<dyn Error>> {
        let path = "/.well-known/oauth-protected-resource/mcp";
        let (_, body) = self.send(&format!("GET {path} HTTP/1.1\r\n"), "").await?;
        println!("{body}\n");
        Ok(())
    }

    /// Calls a tool, and prints the status and the answer, or the challenge.
    pub(crate) async fn call(
        &self,
        what: &str,
        token: Option<&Token>,
        tool: &str,
    ) -> Result<(), Box<dyn Error>> {
        let body = CALL.replace("TOOL", tool);
        let token = token.map(|token| format!("authorization: Bearer {}\r\n", token.expose()));
        let token = token.unwrap_or_default();
        let head = format!("POST /mcp HTTP/1.1\r\n{token}{HEADERS}mcp-name: {tool}\r\n");
        let (head, answer) = self.send(&head, &body).await?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        let challenge = head.lines().find_map(|line| line.strip_prefix("www-authenticate: "));
        let text = || answer.split(r#""text":""#).nth(1)?.split('"').next();
        let shown = challenge.or_else(text).unwrap_or(&answer);
        println!("{what:<18} {tool:<13} {status}  {shown}");
        Ok(())
    }

    async fn send(&self, head: &str, body: &str) -> Result<(String, String), Box<dyn Error>> {
        let (address, length) = (self.address, body.len());
        let rest = format!("host: {address}\r\nconnection: close\r\ncontent-length: {length}");
        let (mut stream, mut answer) = (TcpStream::connect(address).await?, String::new());
        stream.write_all(format!("{head}{rest}\r\n\r\n{body}").as_bytes()).await?;
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        Ok((head.to_owned(), body.to_owned()))
    }
}

/// In the version of the protocol that needs no session.
const HEADERS: &str = "content-type: application/json\r\n\
    accept: application/json, text/event-stream\r\n\
    mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\n";

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"TOOL","arguments":{"id":7},
    "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
    "io.modelcontextprotocol/clientInfo":{"name":"example","version":"1"},
    "io.modelcontextprotocol/clientCapabilities":{}}}}"#;
