//! Sentinels say which server is the master now.

use std::sync::Mutex;

use okta_introspect::{Error, ErrorKind};
use redis::{Pipeline, Value};

use crate::address::Host;
use crate::connection::Dialer;
use crate::fault;
use crate::lock::lock;

/// The sentinels of a service.
#[derive(Debug)]
pub(crate) struct Sentinels {
    dialer: Dialer,
    service: String,
    /// The one that answered last comes first.
    hosts: Mutex<Vec<Host>>,
}

impl Sentinels {
    pub(crate) fn new(dialer: Dialer, service: String, hosts: Vec<Host>) -> Self {
        Self { dialer, service, hosts: Mutex::new(hosts) }
    }

    /// The master, by the first sentinel that answers.
    pub(crate) async fn master(&self) -> Result<Host, Error> {
        let hosts = lock(&self.hosts).clone();
        let mut last = None;
        for host in &hosts {
            match self.ask(host).await {
                Ok(master) => {
                    lock(&self.hosts).sort_by_key(|other| other != host);
                    return Ok(master);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(fault::misshapen))
    }

    async fn ask(&self, host: &Host) -> Result<Host, Error> {
        let (connection, _) = self.dialer.dial(host).await?;
        let mut commands = Pipeline::new();
        commands.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.service);
        match connection.send(&commands).await?.pop() {
            Some(Value::ServerError(error)) => Err(fault::refused(&error)),
            Some(Value::Array(parts)) => master_of(&parts).ok_or_else(fault::misshapen),
            Some(Value::Nil) => Err(Error::from_store(
                ErrorKind::Configuration,
                format!(
                    "the sentinel {host} does not know the service; its name is at the end of the URL"
                ),
            )),
            _ => Err(fault::misshapen()),
        }
    }
}

fn master_of(parts: &[Value]) -> Option<Host> {
    let [Value::BulkString(name), Value::BulkString(port)] = parts else { return None };
    let name = String::from_utf8(name.clone()).ok()?;
    let port = std::str::from_utf8(port).ok()?.parse().ok()?;
    (name.len() <= 255).then_some(Host { name, port })
}
