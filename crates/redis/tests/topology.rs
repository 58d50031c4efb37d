//! Sentinels and clusters, and servers that cease to be masters.

use std::process::{Command, Stdio};
use std::time::Duration;

use okta_introspect::ErrorKind;
use okta_introspect::shared::{SharedStore as _, StreamPosition};
use okta_introspect_redis::RedisStore;

use crate::contract;
use crate::server::{Server, has, until, until_async};

const LONG: Duration = Duration::from_secs(60);
const NAME: &str = "oi1:{a}:e:1";

/// A master with a replica that has all it has, and a sentinel that knows both.
struct Watched {
    master: Server,
    replica: Server,
    sentinel: Server,
}

impl Watched {
    fn start(test: &str) -> Option<Self> {
        if !has("redis-sentinel", test) {
            return None;
        }
        let master = Server::start(test, &[])?;
        let replica = Server::start(test, &[&format!("--replicaof 127.0.0.1 {}", master.port)])?;
        until("a replica", || replica.info("master_link_status") == "up");
        let sentinel = master.sentinel();
        until("a sentinel that knows", || {
            let known = sentinel.run(&["SENTINEL", "MASTER", "main"]);
            let mut lines = known.lines().skip_while(|line| *line != "num-slaves");
            lines.nth(1) == Some("1")
        });
        Some(Self { master, replica, sentinel })
    }
}

/// A store that asks this sentinel, after one that is not there.
fn through(sentinel: &Server) -> RedisStore {
    let port = crate::server::free_port();
    let url = format!("redis+sentinel://127.0.0.1:{port},127.0.0.1:{}/main", sentinel.port);
    RedisStore::builder(&url).build().unwrap()
}

#[test_support::test]
async fn sentinels_lead_to_the_master() {
    if !has("redis-sentinel", "sentinels") {
        return;
    }
    let Some(server) = Server::start("sentinels", &[]) else { return };
    let sentinel = server.sentinel();
    contract::holds(&through(&sentinel)).await;
    assert_eq!(server.run(&["EXISTS", "oi1:{contract}:s"]), "1");

    let url = format!("redis+sentinel://127.0.0.1:{}/other", sentinel.port);
    let error = RedisStore::builder(&url).build().unwrap().check().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert!(error.to_string().contains("does not know the service"), "{error}");
    let none = format!("redis+sentinel://127.0.0.1:{}/main", crate::server::free_port());
    let error = RedisStore::builder(&none).build().unwrap().check().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[test_support::test]
async fn the_master_is_followed_where_it_goes() {
    let Some(mut watched) = Watched::start("a failover") else { return };
    let store = through(&watched.sentinel);
    let stream = "oi1:{a}:s";
    store.put(NAME, b"before", LONG).await.unwrap();
    let id = store.append(stream, b"before").await.unwrap();
    until("replication", || watched.replica.run(&["XLEN", stream]) == "1");
    watched.master.kill();
    until_async("the next master", async || store.put(NAME, b"after", LONG).await.ok()).await;
    assert_eq!(watched.replica.run(&["GET", NAME]), "after");
    let behind = StreamPosition::Behind(id);
    let page = store.read(stream, &behind, 10, Duration::from_millis(1)).await.unwrap();
    assert!(page.is_continuous, "nothing was lost");
}

#[test_support::test]
async fn a_master_that_becomes_a_replica_is_left() {
    let Some(server) = Server::start("demoted masters", &[]) else { return };
    let store = RedisStore::builder(&server.url()).build().unwrap();
    store.put(NAME, b"x", LONG).await.unwrap();
    let old = server.run(&["CLIENT", "LIST", "TYPE", "normal"]);
    server.run(&["REPLICAOF", "127.0.0.1", &crate::server::free_port().to_string()]);
    let error = store.put(NAME, b"y", LONG).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerFailed, "{error}");
    assert!(error.to_string().contains("a replica"), "{error}");
    server.run(&["REPLICAOF", "NO", "ONE"]);
    until_async("a connection", async || store.put(NAME, b"z", LONG).await.ok()).await;
    let id = |list: &str| list.split_whitespace().next().unwrap().to_owned();
    let new = server.run(&["CLIENT", "LIST", "TYPE", "normal"]);
    assert_ne!(id(&old), id(&new), "another connection");
}

/// A cluster of so many masters.
struct Nodes(Vec<Server>);

impl Nodes {
    fn start(test: &str, count: usize) -> Option<Self> {
        if !has("redis-cli", test) {
            return None;
        }
        let options = ["--cluster-enabled yes", "--cluster-node-timeout 1000"];
        let nodes: Option<Vec<_>> = (0..count).map(|_| Server::start(test, &options)).collect();
        let nodes = nodes?;
        let addresses: Vec<_> =
            nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let status = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&addresses)
            .arg("--cluster-yes")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        until("a cluster", || {
            nodes.iter().all(|node| node.run(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
        });
        Some(Self(nodes))
    }

    fn url(&self) -> String {
        let hosts: Vec<_> = self.0.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis://{}", hosts.join(","))
    }

    /// The node that has a name.
    fn owner(&self, name: &str) -> &Server {
        let owns = |node: &&Server| !node.run(&["GET", name]).starts_with("MOVED");
        self.0.iter().find(owns).expect("a node has it")
    }

    fn connections(&self) -> Vec<usize> {
        let count = |node: &Server| {
            let clients = node.run(&["CLIENT", "LIST", "TYPE", "normal"]);
            clients.lines().filter(|line| !line.contains("cmd=client")).count()
        };
        self.0.iter().map(count).collect()
    }
}

#[test_support::test]
async fn a_cluster_holds_the_contract() {
    let Some(nodes) = Nodes::start("the contract on a cluster", 3) else { return };
    let store = RedisStore::builder(&nodes.url()).build().unwrap();
    contract::holds(&store).await;
    let one = format!("redis+cluster://127.0.0.1:{}", nodes.0[2].port);
    let store = RedisStore::builder(&one).build().unwrap();
    for org in 0..20 {
        let name = format!("oi1:{{{org}}}:e:1");
        store.put(&name, name.as_bytes(), LONG).await.unwrap();
        assert_eq!(store.get(&[&name]).await.unwrap(), [Some(name.clone().into_bytes())]);
        assert_eq!(nodes.owner(&name).run(&["GET", &name]), name);
    }
}

#[test_support::test]
async fn an_instance_has_one_connection_to_a_cluster() {
    let Some(nodes) = Nodes::start("connections to a cluster", 3) else { return };
    for org in ["a", "b", "c", "d"] {
        let store = RedisStore::builder(&nodes.url()).build().unwrap();
        let name = format!("oi1:{{{org}}}:e:1");
        for _ in 0..10 {
            store.put(&name, b"x", LONG).await.unwrap();
        }
        until_async("connections that are closed", async || {
            (nodes.connections().iter().sum::<usize>() == 1).then_some(())
        })
        .await;
        let port = nodes.owner(&name).port;
        let place = nodes.0.iter().position(|node| node.port == port).unwrap();
        assert_eq!(nodes.connections()[place], 1);
        drop(store);
        until_async("no connections", async || {
            (nodes.connections().iter().sum::<usize>() == 0).then_some(())
        })
        .await;
    }
}

#[test_support::test]
async fn a_node_of_a_cluster_that_is_not_named_as_one_is_said() {
    let Some(nodes) = Nodes::start("nodes of a cluster", 3) else { return };
    let owner = nodes.owner(NAME).port;
    let other = nodes.0.iter().find(|node| node.port != owner).unwrap();
    let store = RedisStore::builder(&other.url()).build().unwrap();
    let error = store.get(&[NAME]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("redis+cluster://"), "{error}");
}

#[test_support::test]
async fn a_slot_that_moves_is_followed() {
    let Some(nodes) = Nodes::start("moving slots", 3) else { return };
    let store = RedisStore::builder(&nodes.url()).build().unwrap();
    store.put(NAME, b"x", LONG).await.unwrap();
    store.append("oi1:{a}:s", b"x").await.unwrap();
    let source = nodes.owner(NAME);
    let target = nodes.0.iter().find(|node| node.port != source.port).unwrap();
    let slot = source.run(&["CLUSTER", "KEYSLOT", NAME]);
    let (source_id, target_id) =
        (source.run(&["CLUSTER", "MYID"]), target.run(&["CLUSTER", "MYID"]));
    target.run(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source_id]);
    source.run(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target_id]);
    // What is not at the source any more, or not yet anywhere, is asked of the target.
    let port = target.port.to_string();
    source.run(&["MIGRATE", "127.0.0.1", &port, NAME, "0", "5000"]);
    assert_eq!(store.get(&[NAME]).await.unwrap(), [Some(b"x".to_vec())]);
    store.put("oi1:{a}:e:2", b"y", LONG).await.unwrap();
    assert_eq!(store.get(&["oi1:{a}:e:2"]).await.unwrap(), [Some(b"y".to_vec())]);
    source.run(&["MIGRATE", "127.0.0.1", &port, "oi1:{a}:s", "0", "5000"]);
    let latest = StreamPosition::Latest;
    let page = store.read("oi1:{a}:s", &latest, 1, Duration::ZERO).await.unwrap();
    assert_eq!(page.entries.len(), 1);
    for node in [target, source] {
        node.run(&["CLUSTER", "SETSLOT", &slot, "NODE", &target_id]);
    }
    for _ in 0..3 {
        assert_eq!(store.get(&[NAME]).await.unwrap(), [Some(b"x".to_vec())]);
        store.append("oi1:{a}:s", b"x").await.unwrap();
        store.read("oi1:{a}:s", &latest, 1, Duration::from_secs(1)).await.unwrap();
    }
    assert_eq!(target.run(&["XLEN", "oi1:{a}:s"]), "4");
}

#[test_support::test]
async fn a_cluster_whose_nodes_come_back_is_found_again() {
    let Some(mut nodes) = Nodes::start("nodes that come back", 3) else { return };
    let store = RedisStore::builder(&nodes.url()).build().unwrap();
    store.put(NAME, b"x", LONG).await.unwrap();
    let port = nodes.owner(NAME).port;
    let owner = nodes.0.iter_mut().find(|node| node.port == port).unwrap();
    owner.kill();
    let error = store.get(&[NAME]).await.unwrap_err();
    assert!(error.kind().is_temporary(), "{error}");
    owner.start_again();
    until_async("the node", async || store.put(NAME, b"y", LONG).await.ok()).await;
}

#[test_support::test]
async fn a_replica_that_takes_a_slot_over_is_found() {
    let Some(mut nodes) = Nodes::start("failovers of a cluster", 3) else { return };
    let store = RedisStore::builder(&nodes.url()).build().unwrap();
    store.put(NAME, b"x", LONG).await.unwrap();
    let options = ["--cluster-enabled yes", "--cluster-node-timeout 1000"];
    let replica = Server::start("failovers of a cluster", &options).unwrap();
    let port = nodes.owner(NAME).port;
    let owner = nodes.0.iter_mut().find(|node| node.port == port).unwrap();
    owner.meet(&replica);
    let id = owner.run(&["CLUSTER", "MYID"]);
    until("a replica", || replica.run(&["CLUSTER", "REPLICATE", &id]) == "OK");
    until("replication", || replica.info("master_link_status") == "up");
    owner.kill();
    until_async("the replica", async || store.put(NAME, b"y", LONG).await.ok()).await;
    assert_eq!(replica.run(&["GET", NAME]), "y");
}
