//! What each proxy makes of each answer, and of what a client forges, before a service that answers at will.

use std::collections::BTreeMap;
use std::time::Duration;

use okta_introspect_serve::{Address, Proxy, SnippetConfig};

use super::backend::{Backend, seen};
use super::client::{Answer, HOST, request, send};
use super::program::{INSTALLABLE, Program, installed};
use super::stub::{FORBIDDEN, IDENTITY, Question, Stub, UNAUTHORIZED};

/// A token, and what a client sees of the answer to it: nginx, Caddy, HAProxy, Envoy, Envoy over gRPC.
type Row = (&'static str, [&'static str; 5]);

/// `header` is Retry-After or Location; `PASSED` means that the backend was reached.
const EXPECTED: [Row; 10] = [
    ("good", ["200 PASSED", "200 PASSED", "200 PASSED", "200 PASSED", "200 PASSED"]),
    ("partial", ["200 PASSED", "200 PASSED", "200 PASSED", "200 PASSED", "200 PASSED"]),
    (
        "revoked",
        [
            "401 challenge",
            "401 challenge body",
            "401 challenge body",
            "401 challenge body",
            "401 challenge body",
        ],
    ),
    (
        "scope",
        [
            "403 challenge",
            "403 challenge body",
            "403 challenge body",
            "403 challenge body",
            "403 challenge body",
        ],
    ),
    ("down", ["503 header", "503 header body", "503 header body", "503", "503 header body"]),
    (
        "flood",
        ["429 header", "429 header body", "429 header body", "429 header body", "429 header body"],
    ),
    ("ambiguous", ["400", "400 body", "400 body", "400 body", "400 body"]),
    ("misconfigured", ["500", "500 body", "500 body", "503", "500 body"]),
    ("redirect", ["503", "302 header body", "503", "302 header body", "302 header body"]),
    ("hang", ["503", "504", "503", "503", "503"]),
];

/// What a client may try, so as to seem somebody else or to ask for something else.
pub(super) const FORGED: [(&str, &str); 18] = [
    ("X-Auth-Sub", "evil"),
    ("X-Auth-Sub", "evil"),
    ("x-auth-client-id", "evil"),
    ("X_Auth_Sub", "evil"),
    ("X-Auth_Sub", "evil"),
    ("X_Auth-Client_Id", "evil"),
    ("X-Forwarded-Method", "EVIL"),
    ("X-Forwarded-Uri", "/evil"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "evil"),
    ("X-Original-URL", "http://evil.example/evil"),
    ("X-Original-Method", "EVIL"),
    ("X-Original-URI", "/evil"),
    ("X_Original_URL", "http://evil.example/evil"),
    ("Forwarded", "host=evil.example"),
    ("X-Envoy-Original-Path", "/evil"),
    ("X-Envoy-Auth-Headers-To-Remove", "x-auth-sub"),
    ("X-HTTP-Method-Override", "EVIL"),
];

/// A proxy between a client and a service, and the stub that it asks.
struct Stand {
    program: Program,
    stub: Stub,
    backend: Backend,
}

impl Stand {
    async fn start(proxy: Proxy, change: impl FnOnce(&mut SnippetConfig)) -> Self {
        let (stub, backend) = (Stub::start(proxy).await, Backend::start().await);
        let mut config = Self::config(&stub);
        change(&mut config);
        let program = Program::start(proxy, config, backend.address).await;
        Self { program, stub, backend }
    }

    /// With a snippet that was changed.
    async fn changed(proxy: Proxy, change: impl Fn(&str) -> String) -> Self {
        let (stub, backend) = (Stub::start(proxy).await, Backend::start().await);
        let config = Self::config(&stub);
        let program = Program::start_with(proxy, config, backend.address, change).await;
        Self { program, stub, backend }
    }

    fn config(stub: &Stub) -> SnippetConfig {
        SnippetConfig {
            sidecar: stub.address(),
            identity: IDENTITY.map(str::to_owned).into(),
            timeout: Duration::from_secs(10),
            ..SnippetConfig::default()
        }
    }

    async fn send(&self, request: &str) -> Answer {
        send(self.program.address, request).await
    }

    async fn with_token(&self, token: &str) -> Answer {
        self.send(&request("GET", "/orders", &[("Authorization", &format!("Bearer {token}"))]))
            .await
    }

    /// The answer in one line: status, what of it arrived, and whether the backend was reached.
    async fn shown(&self, token: &str) -> String {
        let before = self.backend.requests();
        let answer = self.with_token(token).await;
        let mut shown = answer.status.to_string();
        let challenges = answer.header("www-authenticate");
        if challenges == [UNAUTHORIZED] || challenges == [FORBIDDEN] {
            shown += " challenge";
        }
        if ["retry-after", "location"].iter().any(|name| answer.header(name).len() == 1) {
            shown += " header";
        }
        if answer.body == "said" {
            shown += " body";
        }
        if self.backend.requests() > before {
            shown += " PASSED";
        }
        shown
    }
}

#[test_support::test(multi_thread)]
async fn each_answer_reaches_the_client_as_far_as_the_proxy_lets_it() {
    let proxies = installed();
    let mut table = BTreeMap::new();
    for proxy in proxies.iter().copied() {
        let brief = |config: &mut SnippetConfig| config.timeout = Duration::from_secs(1);
        let stand = Stand::start(proxy, brief).await;
        for (token, _) in EXPECTED {
            table.insert((token, proxy.as_str()), stand.shown(token).await);
        }
    }
    let mut wrong = Vec::new();
    for (token, expected) in EXPECTED {
        println!("{token}:");
        for (proxy, expected) in INSTALLABLE.into_iter().zip(expected) {
            let Some(shown) = table.get(&(token, proxy.as_str())) else { continue };
            println!("    {proxy:<10} {shown}");
            if shown != expected {
                wrong.push(format!("{token} at {proxy}: {shown}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test_support::test(multi_thread)]
async fn the_sidecar_is_asked_about_the_true_request_and_the_backend_told_the_truth() {
    for proxy in installed() {
        let stand = Stand::start(proxy, |_| {}).await;
        let target = "/orders/a%2Fb;c/%7e?x=%2e&y=/../z";
        let mut headers = vec![("Authorization", "DPoP good"), ("DPoP", "a.proof")];
        headers.extend(FORGED);
        let answer = stand.send(&request("DELETE", target, &headers)).await;
        assert_eq!(answer.status, 200, "{proxy}: {answer:?}");
        let question = stand.stub.questions().pop().unwrap();
        let expected = Question {
            method: "DELETE".to_owned(),
            // Over HTTP, Envoy does not say.
            scheme: (proxy != Proxy::Envoy).then(|| "http".to_owned()),
            host: HOST.to_owned(),
            target: target.to_owned(),
            authorization: vec!["DPoP good".to_owned()],
            dpop: vec!["a.proof".to_owned()],
            announces_body: false,
        };
        assert_eq!(question, expected, "{proxy}");
        let echoed = &answer.body;
        for (name, value) in IDENTITY.into_iter().zip(["00u1ada", "0oa1portal", "orders.read"]) {
            assert_eq!(seen(echoed, name), [value], "{proxy}: {echoed}");
        }
        assert_eq!(seen(echoed, "authorization"), ["DPoP good"], "{proxy}");
        let same = echoed.contains(&format!("\"target\":\"{target}\""));
        assert!(same && echoed.contains("\"method\":\"DELETE\""), "{proxy}: {echoed}");
    }
}

/// As a sidecar would that leaves one out; ours sends each on every yes.
#[test_support::test(multi_thread)]
async fn trap_an_identity_header_that_is_left_out_is_never_the_clients_own() {
    for proxy in installed() {
        let stand = Stand::start(proxy, |_| {}).await;
        let mut headers = vec![("Authorization", "Bearer partial")];
        headers.extend(FORGED);
        let answer = stand.send(&request("GET", "/orders", &headers)).await;
        let told = seen(&answer.body, "X-Auth-Sub");
        println!("{proxy}: X-Auth-Sub {told:?}");
        assert!(!told.contains(&"evil".to_owned()), "{proxy}: {answer:?}");
    }
}

#[test_support::test(multi_thread)]
async fn two_tokens_arrive_as_two_or_the_proxy_refuses_them() {
    for proxy in installed() {
        let stand = Stand::start(proxy, |_| {}).await;
        let headers = [("Authorization", "Bearer good"), ("Authorization", "Bearer good")];
        let answer = stand.send(&request("GET", "/orders", &headers)).await;
        let asked = stand.stub.questions().pop().map(|question| question.authorization);
        println!("{proxy}: {} {asked:?}", answer.status);
        assert_ne!(answer.status, 200, "{proxy}: {answer:?}");
        assert_eq!(stand.backend.requests(), 0, "{proxy}");
    }
}

#[test_support::test(multi_thread)]
async fn a_token_that_ends_at_the_proxy_is_checked_and_not_passed_on() {
    for proxy in installed() {
        let stand = Stand::start(proxy, |config| config.keep_authorization = false).await;
        let headers = [("Authorization", "DPoP good"), ("DPoP", "a.proof")];
        let answer = stand.send(&request("GET", "/orders", &headers)).await;
        assert_eq!(answer.status, 200, "{proxy}: {answer:?}");
        for name in ["Authorization", "DPoP"] {
            assert_eq!(seen(&answer.body, name), [""; 0], "{proxy}: {answer:?}");
        }
        assert_eq!(seen(&answer.body, "X-Auth-Sub"), ["00u1ada"], "{proxy}");
    }
}

/// A body is for the backend, and the sidecar's connection is as good afterwards as before.
#[test_support::test(multi_thread)]
async fn a_body_reaches_the_backend_alone() {
    for proxy in installed() {
        let stand = Stand::start(proxy, |_| {}).await;
        for _ in 0..3 {
            let headers = [("Authorization", "Bearer good"), ("Content-Length", "5")];
            let answer = stand.send(&(request("POST", "/orders", &headers) + "hello")).await;
            assert_eq!(answer.status, 200, "{proxy}: {answer:?}");
            assert_eq!(seen(&answer.body, "content-length"), ["5"], "{proxy}: {answer:?}");
            let question = stand.stub.questions().pop().unwrap();
            assert!(!question.announces_body, "{proxy}: a body that does not come");
        }
    }
}

#[test_support::test(multi_thread)]
async fn nothing_passes_where_no_sidecar_is() {
    for proxy in installed() {
        let nowhere = Address::Unix("/nonexistent/authz.sock".to_owned());
        let stand = Stand::start(proxy, |config| config.sidecar = nowhere).await;
        let shown = stand.shown("good").await;
        println!("{proxy}: {shown}");
        let expected = if proxy == Proxy::Caddy { "502" } else { "503" };
        assert_eq!(shown, expected, "{proxy}");
    }
}

/// Two hundred one after the other need a few connections to the sidecar, and a reload of the proxy loses nothing.
#[test_support::test(multi_thread)]
async fn trap_connections_are_kept_and_a_reload_loses_no_request() {
    for proxy in installed() {
        let stand = Stand::start(proxy, |_| {}).await;
        for number in 0..200 {
            let (token, status) = [("good", 200), ("scope", 403)][number % 2];
            assert_eq!(stand.with_token(token).await.status, status, "{proxy}");
        }
        let opened = stand.stub.connections();
        let (mut crowd, mut reloads) = (tokio::task::JoinSet::new(), false);
        for number in 0..100 {
            let (address, token) = (stand.program.address, ["good", "scope"][number % 2]);
            let authorization = format!("Bearer {token}");
            crowd.spawn(async move {
                let headers = [("Authorization", authorization.as_str())];
                (number % 2, send(address, &request("GET", "/orders", &headers)).await.status)
            });
            if number == 50 {
                reloads = stand.program.reload();
            }
        }
        let statuses = crowd.join_all().await;
        println!("{proxy}: {opened} connections for 200 requests, reloaded: {reloads}");
        for (kind, status) in statuses {
            assert_eq!(status, [200, 403][kind], "{proxy}");
        }
        assert!(opened <= 16, "{proxy}: {opened} connections");
    }
}

/// HAProxy goes on after an error of Lua: why a line of the snippet stands there.
#[test_support::test(multi_thread)]
async fn trap_lua_that_fails_is_no_yes() {
    if !installed().contains(&Proxy::Haproxy) {
        return;
    }
    let broken =
        |text: &str| text.replace("local answer =", "error(\"broken\")\n    local answer =");
    let stand = Stand::changed(Proxy::Haproxy, broken).await;
    assert_eq!(stand.shown("good").await, "503");
    let unguarded = |text: &str| {
        let lines = broken(text);
        let lines = lines.lines().filter(|line| !line.contains("http-request deny"));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let stand = Stand::changed(Proxy::Haproxy, unguarded).await;
    assert_eq!(stand.shown("made-up").await, "200 PASSED", "then the line is needed no more");
}
