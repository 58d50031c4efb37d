//! Sockets that somebody else opened.

use std::process::Command;

use crate::listen::Inherited;

/// Runs one test of this binary in a process of its own, as systemd would start it: with a socket
/// as its third descriptor.
fn started_by_systemd(test: &str, fds: &str, socket: std::os::fd::OwnedFd) -> bool {
    let script =
        r#"LISTEN_PID=$$ LISTEN_FDS=$2 LISTEN_FDNAMES=authz exec "$0" --exact "$1" --ignored 3<&0"#;
    let test = format!("listen::tests::systemd::{test}");
    let binary = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(binary).args([&*test, fds]).stdin(socket);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}");
    output.status.success()
}

#[test]
#[ignore = "runs in a process of its own"]
fn takes_a_socket_of_systemd() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut inherited = Inherited::from_environment();
        assert_eq!(inherited.left().collect::<Vec<_>>(), ["authz"]);
        let fault = inherited.take("admin").unwrap_err();
        assert!(fault.to_string().contains("FileDescriptorName= has authz"), "{fault}");
        let sockets = inherited.take("authz").unwrap();
        assert_eq!((sockets.len(), inherited.left().count()), (1, 0));
        sockets[0].accept().await.unwrap();
    });
}

#[test]
fn sockets_of_systemd_are_taken_by_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authz.sock");
    let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let _waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
    assert!(started_by_systemd("takes_a_socket_of_systemd", "1", unix.into()));
    assert!(path.exists(), "the file is systemd's");
    for address in ["127.0.0.1:0", "[::1]:0"] {
        // A machine may have no IPv6.
        let Ok(tcp) = std::net::TcpListener::bind(address) else { continue };
        let _waiting = std::net::TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        assert!(started_by_systemd("takes_a_socket_of_systemd", "1", tcp.into()));
    }
}

#[test]
#[ignore = "runs in a process of its own"]
fn takes_none_of_too_many_sockets() {
    let mut inherited = Inherited::from_environment();
    assert_eq!(inherited.left().count(), 0);
    let fault = inherited.take("authz").unwrap_err();
    assert!(fault.to_string().starts_with("LISTEN_FDS announces more than 64 sockets"), "{fault}");
}

#[test]
fn none_of_a_million_sockets_is_taken() {
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(started_by_systemd("takes_none_of_too_many_sockets", "1000000", tcp.into()));
}
