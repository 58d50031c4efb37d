//! Load over gRPC: Envoy's `Check`, by tonic's client.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

use crate::options::{Options, report};

#[derive(Clone, PartialEq, prost::Message)]
struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    attributes: Option<Attributes>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Attributes {
    #[prost(message, optional, tag = "4")]
    request: Option<Asked>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Asked {
    #[prost(message, optional, tag = "2")]
    http: Option<Http>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Http {
    #[prost(string, tag = "2")]
    method: String,
    #[prost(map = "string, string", tag = "3")]
    headers: HashMap<String, String>,
    #[prost(string, tag = "4")]
    path: String,
    #[prost(string, tag = "5")]
    host: String,
    #[prost(string, tag = "6")]
    scheme: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
}

const CHECK: PathAndQuery =
    PathAndQuery::from_static("/envoy.service.auth.v3.Authorization/Check");

/// Asks `--tcp ADDRESS` about the first of `--tokens FILE`: `--connections` at a time on one
/// connection, as Envoy's workers do, for `--seconds`.
pub fn run(options: &Options) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{}", options.text("tcp"))).unwrap();
        let channel = endpoint.tcp_nodelay(true).connect().await.unwrap();
        let message = Arc::new(question(&options.lines("tokens")[0]));
        let (begun, end) =
            (Instant::now(), Duration::from_secs_f64(options.number("seconds").unwrap()));
        let workers = (0..options.number("connections").unwrap_or(16)).map(|_| {
            let (mut client, message) = (Grpc::new(channel.clone()), Arc::clone(&message));
            tokio::spawn(async move {
                let (mut nanos, mut failed) = (Vec::new(), 0);
                while begun.elapsed() < end {
                    let sent = Instant::now();
                    client.ready().await.unwrap();
                    let codec = ProstCodec::<CheckRequest, CheckResponse>::default();
                    let request = tonic::Request::new(CheckRequest::clone(&message));
                    let answer = client.unary(request, CHECK, codec).await.unwrap();
                    let code = answer.into_inner().status.map(|status| status.code);
                    failed += usize::from(code.unwrap_or_default() != 0);
                    nanos.push(sent.elapsed().as_nanos() as u64);
                }
                (nanos, failed)
            })
        });
        let workers: Vec<_> = workers.collect();
        let (mut nanos, mut failed) = (Vec::new(), 0);
        for worker in workers {
            let (own, own_failed) = worker.await.unwrap();
            nanos.extend(own);
            failed += own_failed;
        }
        report(nanos, failed, begun.elapsed().as_secs_f64());
    });
}

fn question(token: &str) -> CheckRequest {
    let headers = [
        (":authority", "api.acme.example"),
        (":method", "GET"),
        (":path", "/orders/7"),
        (":scheme", "https"),
        ("authorization", &format!("Bearer {token}")),
        ("accept", "*/*"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let http = Http {
        method: "GET".to_owned(),
        headers: headers.into(),
        path: "/orders/7".to_owned(),
        host: "api.acme.example".to_owned(),
        scheme: "https".to_owned(),
    };
    CheckRequest { attributes: Some(Attributes { request: Some(Asked { http: Some(http) }) }) }
}
