//! Any tower service behind the layer, served by hyper without a framework.
//!
//! `cargo run --example tower_hyper --features tower,sandbox`

#![allow(clippy::print_stdout)] // an example shows what it does

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use okta_introspect::adapter::Gate;
use okta_introspect::sandbox::{App, Grant, Sandbox, User};
use okta_introspect::{Algorithm, Authorized, Checker, Client, Requirement, SigningKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer as _, service_fn};

/// The service itself: what it is given has been checked.
async fn greet(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let name = match request.extensions().get::<Authorized>() {
        Some(caller) => caller.username().unwrap_or_default().to_owned(),
        None => "nobody".to_owned(), // only without the layer
    };
    Ok(Response::new(Full::from(format!("hello, {name}"))))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SigningKey::generate(Algorithm::Es256)?;
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1backend").key(key.public_jwk()))
        .app(App::web("0oa2portal"))
        .user(User::new("00u1ada", "ada@acme.example"))
        .start()
        .await?;
    let token = sandbox.issue(&Grant::to_client("0oa2portal").user("00u1ada"))?;

    let client = Client::builder(sandbox.issuer(), "0oa1backend", key).build()?;
    let gate = Gate::new(Checker::builder(client).build()?).realm("greetings");
    let layer = gate.layer(Requirement::new().user()).problem_details();
    let service = layer.layer(service_fn(greet));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });

    for (what, header) in [
        ("without a token", String::new()),
        ("with a made-up one", "authorization: Bearer made-up\r\n".to_owned()),
        ("with Ada's", format!("authorization: Bearer {}\r\n", token.expose())),
    ] {
        let request =
            format!("GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{header}\r\n");
        let (mut stream, mut answer) = (TcpStream::connect(address).await?, String::new());
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_string(&mut answer).await?;
        println!("{what}:\n{}\n", answer.trim_end());
    }
    Ok(())
}
