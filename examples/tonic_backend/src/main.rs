//! A gRPC service of two methods behind the guard: refusals are `grpc-status`, which clients of any
//! language read as their own errors.
//!
//! `cargo run -p tonic-backend-example --example tonic_backend`

#![allow(clippy::print_stdout)] // an example shows what it does

use okta_introspect::adapter::{Gate, Rules};
use okta_introspect::sandbox::{App, Fault, Grant, Sandbox, User};
use okta_introspect::{Algorithm, Authorized, Checker, Client, SigningKey, Token};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

/// What `build.rs` has made.
mod acme {
    #![allow(
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        clippy::all,
        clippy::or_fun_call
    )]
    include!(concat!(env!("OUT_DIR"), "/acme.Orders.rs"));
}

use acme::orders_client::OrdersClient;
use acme::orders_server::{Orders, OrdersServer};

/// A method of gRPC is a POST to its path. Cancelling asks the server itself each time.
const RULES: &str = r#"{
    "POST /acme.Orders/Read": {"scopes": ["orders.read"]},
    "POST /acme.Orders/Cancel": {"scopes": ["orders.write"], "user": true, "max_age": 0}
}"#;

#[derive(Clone, PartialEq, prost::Message)]
struct Order {
    #[prost(uint64, tag = "1")]
    number: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Debug)]
struct Backend;

#[tonic::async_trait]
impl Orders for Backend {
    async fn read(&self, order: Request<Order>) -> Result<Response<Answer>, Status> {
        answer("read", &order)
    }

    async fn cancel(&self, order: Request<Order>) -> Result<Response<Answer>, Status> {
        answer("cancelled", &order)
    }
}

fn answer(what: &str, order: &Request<Order>) -> Result<Response<Answer>, Status> {
    // The layer has put it there.
    let caller = order.extensions().get::<Authorized>();
    let caller = caller.ok_or_else(|| Status::internal("this method is not guarded"))?;
    let user = caller.username().unwrap_or_default();
    let text = format!("order {} {what} for {user}", order.get_ref().number);
    Ok(Response::new(Answer { text }))
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
    let ada = Grant::to_client("0oa2portal").user("00u1ada").scope("orders.read");
    let (reader, writer) = (sandbox.issue(&ada)?, sandbox.issue(&ada.scope("orders.write"))?);

    let client = Client::builder(sandbox.issuer(), "0oa1backend", key).build()?;
    let gate = Gate::new(Checker::builder(client).build()?);
    let rules: Rules = serde_json::from_str(RULES)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = Server::builder().layer(gate.layer(rules)).add_service(OrdersServer::new(Backend));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
    let mut orders = OrdersClient::new(channel);
    println!("read, without a token:     {}", shown(orders.read(order(None)?).await));
    println!("read, with Ada's:          {}", shown(orders.read(order(Some(&reader))?).await));
    println!("cancel, without the scope: {}", shown(orders.cancel(order(Some(&reader))?).await));
    println!("cancel, with the scope:    {}", shown(orders.cancel(order(Some(&writer))?).await));
    sandbox.revoke(&writer);
    println!("cancel, after revocation:  {}", shown(orders.cancel(order(Some(&writer))?).await));
    sandbox.faults().set_outage(Some(Fault::empty(400)));
    println!("cancel, in an outage:      {}", shown(orders.cancel(order(Some(&reader))?).await));
    Ok(())
}

fn order(token: Option<&Token>) -> Result<Request<Order>, Box<dyn std::error::Error>> {
    let mut request = Request::new(Order { number: 7 });
    if let Some(token) = token {
        request
            .metadata_mut()
            .insert("authorization", format!("Bearer {}", token.expose()).parse()?);
    }
    Ok(request)
}

fn shown(answer: Result<Response<Answer>, Status>) -> String {
    match answer {
        Ok(answer) => answer.into_inner().text,
        Err(status) => format!("{:?}: {}", status.code(), status.message()),
    }
}
