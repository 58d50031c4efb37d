//! What Okta pushes, by the sandbox's senders: from the event to the next question of a proxy.

use okta_introspect::sandbox::{Channel, Subscription};
use okta_introspect_serve::Mode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::http::{Reply, request};
use crate::world::{HOST, PORTAL, RULES, USER, World, start_of_time};

const HOOK: &str = "h00k-s3cret-0123456789";
const BRIDGE: &str = "br1dge-s3cret-0123456789";
const AUDIENCE: &str = "https://api.acme.example/caep";

/// A sidecar that receives everything at a port of loopback.
struct Receiving {
    world: World,
    port: u16,
}

impl Receiving {
    async fn start() -> Self {
        let mut world = World::org(start_of_time()).await;
        // Universal Logout names the URL, so the port has to be known before.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        world.write(&Self::config(port, HOOK, ""));
        world.start().await.unwrap();
        world.ready().await;
        Self { world, port }
    }

    fn config(port: u16, hook: &str, more: &str) -> String {
        format!(
            "{RULES}origins: [{{url: \"https://{HOST}\"}}]
signals:
  receive:
    listen: {{tcp: \"127.0.0.1:{port}\"}}
    public_url: \"http://127.0.0.1:{port}/signals\"
    universal_logout: {{client_id: {PORTAL}}}
    event_hook: {{secret: {hook}}}
    event_bridge: {{header: X-Signals-Key, secret: {BRIDGE}}}
    security_events: {{audience: \"{AUDIENCE}\"}}
{more}"
        )
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/signals", self.port)
    }

    fn subscribe(&self, channel: Channel) -> Subscription {
        self.world.sandbox.subscribe(channel).unwrap()
    }

    /// Puts another configuration in force.
    async fn reload(&self, hook: &str, more: &str) {
        self.world.write(&Self::config(self.port, hook, more));
        self.world.reload().await;
    }

    async fn send(&self, text: &str) -> Reply {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        // It may be answered before all of it is there.
        let _ = stream.write_all(text.as_bytes()).await;
        let mut bytes = Vec::new();
        loop {
            if let Some((reply, _)) = Reply::parse(&bytes) {
                return reply;
            }
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).await.unwrap();
            assert_ne!(length, 0, "closed after {bytes:?}");
            bytes.extend_from_slice(&buffer[..length]);
        }
    }

    /// Sends again what was sent before.
    async fn replay(&self, subscription: &Subscription) -> Reply {
        let delivery = subscription.deliveries().pop().unwrap();
        let authorization = delivery.authorization().unwrap().to_owned();
        let headers = [("authorization", &*authorization), ("content-type", "application/json")];
        self.send(&request("POST", "/signals", &headers, delivery.body())).await
    }

    async fn orders(&self, token: &str) -> u16 {
        self.world.get(Mode::Nginx, "/orders", token).await.status
    }

    async fn refusals(&self, source: &str, reason: &str) -> f64 {
        let name = "okta_introspect_signal_refusals_total";
        let metric = format!("{name}{{source=\"{source}\",reason=\"{reason}\"}}");
        self.world.metric(&metric).await
    }

    async fn taken(&self, source: &str) -> f64 {
        let name = "okta_introspect_signal_requests_total";
        self.world.metric(&format!("{name}{{source=\"{source}\"}}")).await
    }
}

#[test_support::test]
async fn what_each_sender_tells_is_asked_about_at_the_next_question() {
    let receiving = Receiving::start().await;
    let (world, url) = (&receiving.world, receiving.url());
    for (source, channel) in [
        ("universal_logout", Channel::universal_logout(&url, PORTAL)),
        ("security_event", Channel::security_events(&url, AUDIENCE)),
        ("event_hook", Channel::event_hook(&url).header("authorization", HOOK)),
        ("event_bridge", Channel::event_bridge(&url).header("x-signals-key", BRIDGE)),
    ] {
        let subscription = receiving.subscribe(channel);
        assert!(subscription.verify().await, "{source}");
        let token = world.token("orders.read");
        let before = world.asked();
        for _ in 0..2 {
            assert_eq!(receiving.orders(&token).await, 200, "{source}");
        }
        assert_eq!(world.asked(), before + 1, "{source}: it is known");
        let taken = receiving.taken(source).await;
        // Only after some of these the token is dead; the server knows.
        let status = match source {
            "universal_logout" => {
                world.sandbox.universal_logout(USER).unwrap();
                401
            }
            "event_bridge" => {
                assert!(world.sandbox.revoke(&*token));
                401
            }
            _ => {
                world.sandbox.end_session(USER).unwrap();
                200
            }
        };
        subscription.settled().await;
        let deliveries = subscription.deliveries();
        assert!(!deliveries.is_empty() && deliveries.iter().all(|one| one.is_taken()), "{source}");
        assert_eq!(receiving.orders(&token).await, status, "{source}");
        assert_eq!(world.asked(), before + 2, "{source}: it is asked about again");
        assert!(receiving.taken(source).await > taken, "{source}");
        subscription.end();
    }
}

#[test_support::test]
async fn what_was_used_stays_used_over_a_reload_and_signals_reach_the_new_checker() {
    let receiving = Receiving::start().await;
    let world = &receiving.world;
    let logout = receiving.subscribe(Channel::universal_logout(receiving.url(), PORTAL));
    world.sandbox.universal_logout(USER).unwrap();
    logout.settled().await;
    assert_eq!(logout.taken(), 1);
    assert_eq!(receiving.replay(&logout).await.status, 401);
    // Another bound makes another checker.
    receiving.reload(HOOK, "checker: {max_age_limit: 9m}\n").await;
    assert_eq!(receiving.replay(&logout).await.status, 401);
    assert_eq!(receiving.refusals("universal_logout", "replayed").await, 2.0);
    let token = world.token("orders.read");
    for _ in 0..2 {
        assert_eq!(receiving.orders(&token).await, 200);
    }
    let asked = world.asked();
    world.sandbox.universal_logout(USER).unwrap();
    logout.settled().await;
    assert_eq!(logout.taken(), 2);
    assert_eq!(receiving.orders(&token).await, 401);
    assert_eq!(world.asked(), asked + 1);
    // The keys were fetched once.
    let keys = world.sandbox.requests();
    let keys = keys.iter().filter(|request| request.path() == "/oauth2/v1/keys").count();
    assert!(keys <= 2, "{keys}: once for each app's settings");
}

#[test_support::test]
async fn another_secret_is_in_force_from_the_reload_on() {
    let receiving = Receiving::start().await;
    let body = r#"{"eventType":"com.okta.event_hook","data":{"events":[]}}"#;
    let send = |secret: &'static str| {
        let headers = [("authorization", secret), ("content-type", "application/json")];
        request("POST", "/signals", &headers, body)
    };
    let other = "0ther-s3cret-0123456789";
    let statuses = async || {
        [receiving.send(&send(HOOK)).await.status, receiving.send(&send(other)).await.status]
    };
    assert_eq!(statuses().await, [204, 401]);
    receiving.reload(other, "").await;
    assert_eq!(statuses().await, [401, 204]);
    let log = receiving.world.log.text();
    assert!(log.contains("a signal is refused"), "the reason is told");
}

#[test_support::test]
async fn ten_megabytes_are_refused_before_they_are_sent_and_nothing_else_is_served_there() {
    let receiving = Receiving::start().await;
    let head = |secret: &str, length: &str| {
        let json = ("content-type", "application/json");
        request(
            "POST",
            "/signals",
            &[("authorization", secret), json, ("content-length", length)],
            "",
        )
    };
    assert_eq!(receiving.send(&head(HOOK, "10485760")).await.status, 413);
    assert_eq!(receiving.send(&head("wr0ng-s3cret-0123456789", "10485760")).await.status, 401);
    assert_eq!(receiving.refusals("event_hook", "too_large").await, 1.0);
    for (target, status) in
        [("/authz", 404), ("/metrics", 404), ("/introspect", 404), ("/signals", 405)]
    {
        let reply = receiving.send(&request("DELETE", target, &[], "")).await;
        assert_eq!((reply.status, &*reply.body), (status, ""), "{target}");
    }
}

#[test_support::test]
async fn no_secret_of_a_sender_shows() {
    let receiving = Receiving::start().await;
    let world = &receiving.world;
    let mut secrets = test_support::secrets::Secrets::default();
    secrets.add("the hook's", HOOK);
    secrets.add("EventBridge's", BRIDGE);
    let logout = receiving.subscribe(Channel::universal_logout(receiving.url(), PORTAL));
    world.sandbox.universal_logout(USER).unwrap();
    logout.settled().await;
    let jwt = logout.deliveries()[0].authorization().unwrap().replace("Bearer ", "");
    secrets.add_jwt("the logout's", &jwt);
    let mut answers = format!("{:?}\n", receiving.replay(&logout).await);
    for secret in [HOOK, BRIDGE, &*format!("Bearer {jwt}x")] {
        let json = ("content-type", "application/json");
        let sent = request("POST", "/signals", &[("authorization", secret), json], secret);
        answers.push_str(&format!("{:?}\n", receiving.send(&sent).await));
    }
    secrets.assert_absent("answers", &answers);
    secrets.assert_absent("/metrics", &world.management("/metrics").await.body);
    let ours: String =
        world.log.text().lines().filter(|line| line.contains("okta_introspect")).collect();
    secrets.assert_absent("the log", &ours);
    let (config, _) = okta_introspect_serve::config::load(
        &world.path("serve.yaml"),
        &okta_introspect_settings::Environment::empty(),
    )
    .unwrap();
    secrets.assert_absent("Config", &format!("{config:?}{}", config.check_lines()));
}
