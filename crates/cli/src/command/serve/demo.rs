//! `serve --demo`: the sidecar before an embedded sandbox, with nothing to configure.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use okta_introspect::sandbox::Seed;
use okta_introspect_serve::config;
use okta_introspect_settings::Environment;

use crate::args::SandboxArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Readers};
use crate::output;
use crate::storage::runtime_folder::{RuntimeFolder, SandboxRecord};

use super::super::sandbox::Running;
use super::{first_but_last, run_sidecar, runtime};

pub(super) fn run() -> Result<Exit, Failure> {
    runtime()?.block_on(demonstrate())
}

async fn demonstrate() -> Result<Exit, Failure> {
    let running = Running::start(&SandboxArgs::anywhere(), Seed::default()).await?;
    let [sidecar, management] = free_addresses()?;
    let configuration = configuration(&running.record, sidecar, management);
    let file = RuntimeFolder::locate().path(&format!("serve-{}.yaml", running.record.pid));
    files::replace(&file, configuration.as_bytes(), Readers::Owner).map_err(|cause| {
        Failure::usage(format!("the file cannot be written: {}", file.display())).because(&cause)
    })?;
    let config = config::load(&file, &Environment::process()).map_err(first_but_last);
    let served = match config {
        Ok((config, _)) => {
            output::data(story(&running.record, sidecar, management, &configuration))?;
            run_sidecar(&file, config).await
        }
        Err(failure) => Err(failure),
    };
    // It may be gone already.
    let _ = std::fs::remove_file(&file);
    running.end();
    served
}

/// Two free ports of loopback. Both are open until both are known, or they could be the same.
fn free_addresses() -> Result<[SocketAddr; 2], Failure> {
    let open = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let found = open().and_then(|first| {
        let second = open()?;
        Ok([first.local_addr()?, second.local_addr()?])
    });
    found.map_err(|cause| Failure::usage("there is no free port on 127.0.0.1").because(&cause))
}

fn configuration(record: &SandboxRecord, sidecar: SocketAddr, management: SocketAddr) -> String {
    let SandboxRecord { custom_issuer, client_id, key_file, key_id, .. } = record;
    format!(
        "\
okta:
  issuer: {custom_issuer}
  client_id: {client_id}
  private_key: file:{}
  key_id: {key_id}
listeners:
  - tcp: {sidecar}
    mode: envoy
    introspection: true
management: {{tcp: \"{management}\"}}
rules:
  - {{methods: [GET], path: /orders, require: {{scopes: [orders.read], max_age: 5s}}}}
  - {{methods: [DELETE], path: \"/orders/{{id}}\", require: {{scopes: [orders.delete], max_age: 0}}}}
",
        key_file.display()
    )
}

fn story(
    record: &SandboxRecord,
    sidecar: SocketAddr,
    management: SocketAddr,
    configuration: &str,
) -> String {
    let issuer = &record.custom_issuer;
    let configuration = configuration.replace('\n', "\n  ");
    format!(
        "\
The sidecar checks tokens of the sandbox at {issuer}, by this configuration:

  {}

Ask it in another terminal, as a proxy would:

  okta-introspect token --auth-server default --scope orders.read > token.txt
  sed 's/^/Authorization: Bearer /' token.txt > header.txt
  curl -i -H @header.txt http://{sidecar}/authz/orders               # 200, and who it is
  curl -i -H @header.txt -X DELETE http://{sidecar}/authz/orders/7   # 403: another scope
  curl -i -H @header.txt http://{sidecar}/authz/invoices             # 403: no rule
  curl -i http://{sidecar}/authz/orders                              # 401: no token
  curl -i --data-urlencode token@token.txt http://{sidecar}/introspect
  okta-introspect revoke --auth-server default < token.txt
  sleep 5; curl -i -H @header.txt http://{sidecar}/authz/orders      # 401: that is max_age
  curl http://{management}/metrics

Ctrl-C ends both.",
        configuration.trim_end()
    )
}
