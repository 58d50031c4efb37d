//! What `run` needs beside the sidecar, each a process of its own: a bare server of hyper's to compare
//! with, an authorization server that says yes at once, and two load generators.

mod echo;
mod grpc;
mod load;
mod okta;
mod options;

use options::Options;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let role = arguments.next().unwrap_or_default();
    let options = Options::read(arguments);
    match role.as_str() {
        "echo" => echo::serve(&options),
        "okta" => okta::serve(&options),
        "load" => load::run(&options),
        "grpc" => grpc::run(&options),
        _ => panic!("echo, okta, load or grpc"),
    }
}
