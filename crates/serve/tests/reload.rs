//! Another configuration, while requests come.

use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use okta_introspect::sandbox::{App, AuthMethod, Fault, Sandbox};
use okta_introspect_serve::Mode;
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use test_support::tls::Identity;
use tokio::task::{LocalSet, yield_now};

use crate::http::Connection;
use crate::world::{BACKEND, Client, HOST, RULES, World, listeners, private_key, start_of_time};

/// The headers of a yes under this prefix.
fn prefixed(prefix: &str) -> String {
    format!("{RULES}origins: [{{url: \"https://{HOST}\"}}]\nidentity: {{prefix: {prefix}}}\n")
}

#[test_support::test]
async fn requests_are_answered_by_the_one_configuration_or_by_the_other_and_none_is_lost() {
    let world = Rc::new(World::new("").await);
    let token = world.token("orders.read");
    let stopped = Rc::new(Cell::new(false));
    let answered = Rc::new(Cell::new(0_u32));
    let denied = RULES.replace("scopes: [orders.read]", "scopes: [orders.write]");
    LocalSet::new()
        .run_until(async {
            let clients: Vec<_> = Mode::ALL
                .into_iter()
                .cycle()
                .take(20)
                .map(|mode| {
                    let (world, stopped, answered) =
                        (Rc::clone(&world), Rc::clone(&stopped), Rc::clone(&answered));
                    let authorization = format!("Bearer {token}");
                    tokio::task::spawn_local(async move {
                        let mut connection = Connection::open(&world.socket(mode)).await;
                        let question = Client::get("/orders")
                            .header("authorization", &authorization)
                            .through(mode);
                        while !stopped.get() {
                            let reply = connection.ask(&question).await;
                            let facts = |prefix: &str| {
                                reply
                                    .headers
                                    .iter()
                                    .filter(|(name, _)| name.starts_with(prefix))
                                    .count()
                            };
                            let facts = (facts("x-auth-"), facts("x-one-"), facts("x-two-"));
                            let expected = [
                                (200, (9, 0, 0)),
                                (200, (0, 9, 0)),
                                (200, (0, 0, 9)),
                                (403, (0, 0, 0)),
                            ];
                            assert!(expected.contains(&(reply.status, facts)), "{reply:?}");
                            answered.set(answered.get() + 1);
                        }
                    })
                })
                .collect();
            let configurations = [prefixed("X-One-"), prefixed("X-Two-"), denied];
            for configuration in configurations.iter().cycle().take(30) {
                let (before, reached) = (answered.get(), answered.get() + 50);
                world.write(configuration);
                world.reload().await;
                while answered.get() < reached {
                    yield_now().await;
                }
                assert!(answered.get() > before);
            }
            stopped.set(true);
            for client in clients {
                client.await.unwrap();
            }
        })
        .await;
    assert!(answered.get() >= 1500);
    assert_eq!(world.log.count("was loaded anew"), 30);
    // What is known of tokens has nothing to do with these.
    assert_eq!(world.asked(), 1);
}

#[test_support::test]
async fn a_bad_file_leaves_what_was_there_and_is_counted() {
    let world = World::new("").await;
    let token = world.token("orders.read");
    let failures = "okta_introspect_config_reload_failures_total";
    let success = "okta_introspect_config_reload_success_timestamp_seconds";
    let began = world.metric(success).await;
    assert_eq!(world.metric(failures).await, 0.0);
    world.clock.advance(Duration::from_secs(1));
    for (count, bad) in ["rules: [{path: /orders, requre: {}}]\n", ": no yaml {"].iter().enumerate()
    {
        world.write(bad);
        world.reload().await;
        assert_eq!(world.metric(failures).await, count as f64 + 1.0);
        assert_eq!(world.get(Mode::Nginx, "/orders", &token).await.status, 200);
    }
    assert_eq!(world.metric(success).await, began);
    let line = world.log.text();
    let line = line.lines().find(|line| line.contains("the configuration was not taken")).unwrap();
    assert!(line.contains("requre") && line.contains("ERROR"), "{line}");
    fs::remove_file(world.path("serve.yaml")).unwrap();
    world.reload().await;
    assert_eq!(world.get(Mode::Nginx, "/orders", &token).await.status, 200);
    world.write(&RULES.replace("scopes: [orders.read]", "scopes: [orders.write]"));
    world.reload().await;
    assert_eq!(world.get(Mode::Nginx, "/orders", &token).await.status, 403);
    assert!(world.metric(success).await > began);
}

#[test_support::test]
async fn a_file_that_is_replaced_is_in_force_after_two_seconds() {
    let world = World::new("").await;
    let token = world.token("orders.read");
    assert_eq!(world.get(Mode::Nginx, "/orders", &token).await.status, 200);
    world.write(&RULES.replace("scopes: [orders.read]", "scopes: [orders.write]"));
    while world.log.count("was loaded anew") == 0 {
        world.clock.advance(Duration::from_millis(500));
        yield_now().await;
    }
    assert_eq!(world.get(Mode::Nginx, "/orders", &token).await.status, 403);
}

#[test_support::test]
async fn what_was_learnt_stays_unless_it_is_about_another_app_or_server() {
    let world = World::new("").await;
    let token = world.token("orders.read");
    let get = async || world.get(Mode::Nginx, "/orders", &token).await.status;
    assert_eq!((get().await, world.asked()), (200, 1));
    let (rules, asked) = (RULES, "checker: {max_age: 31s}\n");
    for unrelated in [prefixed("X-One-"), format!("{rules}log: {{decisions: true}}\n")] {
        world.write(&unrelated);
        world.reload().await;
        assert_eq!((get().await, world.asked()), (200, 1));
    }
    // Other bounds make a new checker, which knows nothing yet.
    world.write(&format!("{rules}{asked}"));
    world.reload().await;
    assert_eq!((get().await, get().await, world.asked()), (200, 200, 2));
    // So does another key; the one before is of no use any more.
    let (key, own) = private_key("k2");
    world.sandbox.add_key(BACKEND, own.public_jwk()).unwrap();
    fs::write(world.path("key.pem"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let okta = world.okta().replace("k1", "k2");
    world.write_whole(&format!("{okta}{}{rules}{asked}", listeners("")));
    world.reload().await;
    assert_eq!((get().await, world.asked()), (200, 3));
    // And another server, which does not know the token.
    let other = Sandbox::builder().app(App::service(BACKEND).key(own.public_jwk()));
    let other = other.clock(world.clock.clone()).start().await.unwrap();
    let issuer = other.issuer();
    let okta = okta.replace(world.sandbox.issuer().as_str(), issuer.as_str());
    world.write_whole(&format!("{okta}{}{rules}{asked}", listeners("")));
    world.reload().await;
    assert_eq!((get().await, world.asked()), (401, 3));
}

/// A secret has no thumbprint that would tell it from another: it is compared itself.
#[test_support::test]
async fn a_client_secret_is_exchanged_by_a_reload() {
    let world = World::new("").await;
    let token = world.token("orders.read");
    let secret = |number: u32| format!("s3cret-{number}");
    let app = App::service(BACKEND).auth_method(AuthMethod::ClientSecretPost);
    world.sandbox.register(app.secret(secret(1)).secret(secret(2)));
    let take = async |number: u32| {
        fs::write(world.path("secret.txt"), format!("{}\n", secret(number))).unwrap();
        let issuer = world.sandbox.issuer();
        let okta = format!(
            "okta: {{issuer: {:?}, client_id: {BACKEND}, client_secret: \"file:secret.txt\", \
             auth_method: client_secret_post}}\n",
            issuer.as_str()
        );
        world.write_whole(&format!("{okta}{}{RULES}", listeners("")));
        world.reload().await;
        world.get(Mode::Nginx, "/orders", &token).await.status
    };
    assert_eq!((take(1).await, world.asked()), (200, 1));
    assert_eq!((take(1).await, world.asked()), (200, 1), "the same");
    assert_eq!((take(2).await, world.asked()), (200, 2));
    world.sandbox.deactivate_secret(BACKEND, &secret(1)).unwrap();
    assert_eq!(take(1).await, 503);
    let requests = world.sandbox.requests();
    let sent = requests.iter().filter_map(|request| request.form("client_secret"));
    assert!(sent.clone().any(|sent| sent == secret(2)));
    assert!(sent.last() == Some(&secret(1)));
}

#[test_support::test]
async fn a_reload_gives_nobody_a_full_budget() {
    let hash = test_support::sha256_hex("the-secret-of-one");
    let callers = |limit: u32| {
        format!(
            "callers: [{{name: one, secret_sha256: \"{hash}\", requests_per_second: {limit}}}]\n"
        )
    };
    let world = World::new(&callers(2)).await;
    let client = Client::get("/health").header("x-okta-introspect-key", "the-secret-of-one");
    let get = async || world.ask(Mode::Nginx, &client).await.status;
    assert_eq!((get().await, get().await, get().await), (200, 200, 503));
    world.write(&format!("{}{}", prefixed("X-One-"), callers(2)));
    world.reload().await;
    assert_eq!(world.log.count("was loaded anew"), 1);
    assert_eq!(get().await, 503);
    world.write(&format!("{RULES}{}", callers(3)));
    world.reload().await;
    assert_eq!((get().await, get().await, get().await, get().await), (200, 200, 200, 503));
}

#[test_support::test]
async fn listeners_cannot_be_changed_and_nothing_else_of_that_file_is_taken() {
    let world = World::new("").await;
    let token = world.token("orders.read");
    let rules = RULES.replace("scopes: [orders.read]", "scopes: [orders.write]");
    let (okta, own) = (world.okta(), listeners(""));
    for changed in [
        own.replace("caddy.sock", "other.sock"),
        own.replace("mode: caddy", "mode: traefik"),
        own.replace("/check", "/checks"),
        own.replace("management.sock", "managed.sock"),
        own.replace("mode: caddy", "mode: caddy, introspection: true"),
        own.replace("mode: caddy", "mode: caddy, permissions: \"0600\""),
        own.replace("management:", "  - {unix: more.sock, mode: caddy}\nmanagement:"),
    ] {
        assert_ne!(changed, own);
        let before = world.log.count("listeners and management cannot be changed while");
        world.write_whole(&format!("{okta}{changed}{rules}"));
        world.reload().await;
        assert_eq!(world.log.count("listeners and management cannot be changed while"), before + 1);
        assert_eq!(world.get(Mode::Caddy, "/orders", &token).await.status, 200, "{changed}");
    }
    assert!(world.log.text().contains("restart it"));
}

#[test_support::test]
async fn what_is_read_at_the_start_alone_is_said_to_take_a_restart() {
    let world = World::new("").await;
    let told = |place: &str| {
        let log = world.log.text();
        let is_told = |line: &&str| line.contains(place) && line.contains("after a restart");
        log.lines().filter(is_told).count()
    };
    for (place, text) in [
        ("log.level", "log: {level: debug}\n"),
        ("log.format", "log: {level: debug, format: json}\n"),
        ("drain", "log: {level: debug, format: json}\ndrain: 1s\n"),
    ] {
        assert_eq!(told(place), 0);
        world.write(&format!("{RULES}{text}"));
        world.reload().await;
        assert_eq!(told(place), 1, "{place}");
    }
    world.write(&format!(
        "{RULES}log: {{level: debug, format: json, decisions: true}}\ndrain: 1s\n"
    ));
    world.reload().await;
    assert_eq!(told(""), 3);
}

/// The certificate that a listener shows.
async fn shown(address: SocketAddr) -> Vec<u8> {
    let shake = move || {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_verify(SslVerifyMode::NONE);
        let stream = std::net::TcpStream::connect(address).unwrap();
        let stream = connector.build().connect("localhost", stream).unwrap();
        stream.ssl().peer_certificate().unwrap().to_der().unwrap()
    };
    tokio::task::spawn_blocking(shake).await.unwrap()
}

/// Puts certificate and key where a listener looks for them.
fn write(world: &World, name: &str, identity: &Identity) {
    let pem = identity.certificate.to_pem().unwrap();
    fs::write(world.path(&format!("{name}.crt")), pem).unwrap();
    let pem = identity.key.private_key_to_pem_pkcs8().unwrap();
    fs::write(world.path(&format!("{name}.key")), pem).unwrap();
}

/// What OpenSSL can use, and rustls with ring cannot.
fn of_a_long_curve() -> Identity {
    let group = EcGroup::from_curve_name(Nid::SECP521R1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    Identity { certificate: builder.build(), key }
}

#[test_support::test]
async fn certificates_are_exchanged_all_or_not_at_all() {
    let mut world = World::org(start_of_time()).await;
    let made: Vec<_> = (0..4).map(|_| test_support::tls::authority_for("localhost")).collect();
    write(&world, "a", &made[0]);
    write(&world, "b", &made[1]);
    let listener = |number: u8, name: &str| {
        let tls = format!("{{certificate: \"file:{name}.crt\", key: \"file:{name}.key\"}}");
        format!("  - {{tcp: \"127.0.0.{number}:0\", mode: nginx, tls: {tls}}}\n")
    };
    let (one, two) = (listener(1, "a"), listener(2, "b"));
    let text = format!(
        "{}listeners:\n{one}{two}management: {{unix: management.sock}}\n{RULES}",
        world.okta(),
    );
    world.write_whole(&text);
    let addresses = world.start().await.unwrap();
    let [first, second] = [addresses[0].unwrap(), addresses[1].unwrap()];
    let der = |at: usize| made[at].certificate.to_der().unwrap();
    assert!((shown(first).await, shown(second).await) == (der(0), der(1)));
    // The second cannot be used.
    write(&world, "a", &made[2]);
    write(&world, "b", &of_a_long_curve());
    world.reload().await;
    let log = world.log.text();
    let told = log.lines().find(|line| line.contains("the configuration was not taken")).unwrap();
    assert!(told.contains("listeners[1].tls"), "{told}");
    assert!((shown(first).await, shown(second).await) == (der(0), der(1)));
    // Both could be used, and something else could not.
    write(&world, "b", &made[3]);
    let issuer = world.sandbox.issuer();
    let twice = format!("key_id: k1, further_issuers: [{:?}]", issuer.as_str());
    world.write_whole(&text.replace("key_id: k1", &twice));
    world.reload().await;
    assert_eq!(world.log.count("the configuration was not taken"), 2);
    assert!((shown(first).await, shown(second).await) == (der(0), der(1)));
    world.write_whole(&text);
    world.reload().await;
    assert!((shown(first).await, shown(second).await) == (der(2), der(3)));
}

#[test_support::test]
async fn at_the_end_what_is_under_way_is_answered_and_proxies_are_told_to_go() {
    let mut world = World::new("checker: {timeout: 30s}\n").await;
    let token = world.token("orders.read");
    world.sandbox.faults().inject(Fault::hold(), okta_introspect::sandbox::Times::Once);
    let authorization = format!("Bearer {token}");
    let client = Client::get("/orders").header("authorization", &authorization);
    let mut connection = Connection::open(&world.socket(Mode::Caddy)).await;
    connection.send(client.through(Mode::Caddy).as_bytes()).await;
    world.sandbox.faults().waiting(1).await;
    world.signals.send(okta_introspect_serve::life::Signal::Stop).await.unwrap();
    while world.management("/readyz").await.status != 503 {
        yield_now().await;
    }
    assert_eq!(world.management("/healthz").await.status, 200);
    // It is served while proxies notice, and each is told to leave.
    let reply = world.ask(Mode::Nginx, &Client::get("/health")).await;
    assert_eq!((reply.status, reply.one("connection")), (200, "close"));
    world.clock.advance(Duration::from_secs(5));
    while tokio::net::UnixStream::connect(world.socket(Mode::Nginx)).await.is_ok() {
        yield_now().await;
    }
    world.sandbox.faults().release();
    let reply = connection.reply().await.unwrap();
    assert_eq!(reply.status, 200);
    world.ended().await;
}
