//! The sidecar behind each proxy: what a client and the backend see of each case.

use std::time::Duration;

use okta_introspect::sandbox::Fault;
use okta_introspect::{Algorithm, Clock, SigningKey, SystemClock};
use okta_introspect_serve::Proxy;

use super::answers::FORGED;
use super::backend::{Backend, seen};
use super::client::{Answer, pause, request, send};
use super::program::{INSTALLABLE, Program, installed};
use super::sidecar::{MAX_AGE, Sidecar, USER, executable, identity};

/// A case, and what is seen of it: nginx, Caddy, HAProxy, Envoy, Envoy over gRPC.
type Row = (&'static str, [&'static str; 5]);

/// The status that the client sees, then: `B` and `D`, the challenges Bearer and DPoP; `R`, Retry-After;
/// `>`, the backend was reached.
const EXPECTED: [Row; 20] = [
    ("good", ["200 >"; 5]),
    // Envoy speaks no HTTP/1.0.
    ("HTTP/1.0 without a host", ["400", "400", "400", "426", "426"]),
    ("no token", ["401 BD"; 5]),
    ("made-up token", ["401 B"; 5]),
    // nginx finds that out itself.
    ("two tokens", ["400", "400 B", "400 B", "400 B", "400 B"]),
    ("wrong scope", ["403 B"; 5]),
    ("no rule", ["403"; 5]),
    ("/orders/../admin", ["400"; 5]),
    ("/orders/%2e%2e/admin", ["400"; 5]),
    ("/orders%2f..%2fadmin", ["400"; 5]),
    ("public, no token", ["200 >"; 5]),
    ("DPoP good", ["200 >"; 5]),
    ("DPoP replayed", ["401 D"; 5]),
    ("DPoP for another URL", ["401 D"; 5]),
    ("DPoP without a proof", ["401 D"; 5]),
    ("DPoP token as bearer", ["401 D"; 5]),
    ("revoked", ["401 B"; 5]),
    ("Okta down, token unknown", ["503 R", "503 R", "503 R", "503", "503 R"]),
    ("Okta down, answer too old", ["503 R", "503 R", "503 R", "503", "503 R"]),
    ("Okta is back", ["200 >"; 5]),
];

/// Where a loaded machine is slow.
const SLACK: Duration = Duration::from_secs(5);

struct Stand {
    proxy: Proxy,
    program: Program,
    sidecar: Sidecar,
    backend: Backend,
}

#[test_support::test(multi_thread)]
async fn each_proxy_lets_through_what_the_sidecar_does_and_nothing_else() {
    if executable().is_none() {
        return;
    }
    let proxies = installed();
    let runs: Vec<_> = proxies.iter().map(|proxy| tokio::spawn(Stand::all_cases(*proxy))).collect();
    let mut columns = Vec::new();
    for (proxy, run) in proxies.into_iter().zip(runs) {
        columns.push((proxy, run.await.unwrap_or_else(|error| panic!("{proxy}: {error}"))));
    }
    let names =
        columns.iter().map(|(proxy, _)| format!("{:<11}", proxy.as_str())).collect::<String>();
    println!("{:<26}{}", "", names.trim_end());
    let mut wrong = Vec::new();
    for (index, (case, expected)) in EXPECTED.into_iter().enumerate() {
        let mut line = format!("{case:<26}");
        for (proxy, shown) in &columns {
            assert_eq!(shown[index].0, case);
            let place = INSTALLABLE.iter().position(|installable| installable == proxy).unwrap();
            line += &format!("{:<11}", shown[index].1);
            if shown[index].1 != expected[place] {
                wrong.push(format!("{case} at {proxy}: {}", shown[index].1));
            }
        }
        println!("{}", line.trim_end());
    }
    println!("B, D: a challenge, Bearer or DPoP; R: Retry-After; >: the backend was reached");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test_support::test(multi_thread)]
async fn reload_and_restart_lose_no_request_and_let_nothing_through() {
    if executable().is_none() {
        return;
    }
    let runs: Vec<_> =
        installed().into_iter().map(|proxy| tokio::spawn(Stand::life(proxy))).collect();
    for run in runs {
        println!("{}", run.await.unwrap());
    }
}

/// A client cannot be a caller, whichever secret it sends.
#[test_support::test(multi_thread)]
async fn a_proxy_shows_its_own_secret_in_place_of_the_clients() {
    if executable().is_none() {
        return;
    }
    let runs: Vec<_> =
        installed().into_iter().map(|proxy| tokio::spawn(Stand::callers(proxy))).collect();
    for run in runs {
        run.await.unwrap();
    }
}

/// A fault of the proxy's would be written to the log as one to mend, by whichever client likes.
#[test_support::test(multi_thread)]
async fn trap_a_request_without_a_path_is_the_clients_fault() {
    if executable().is_none() {
        return;
    }
    for proxy in installed() {
        let stand = Stand::start(proxy, Sidecar::start(proxy).await).await;
        let answer = send(stand.program.address, &request("OPTIONS", "*", &[])).await;
        println!("{proxy}: {}", answer.status);
        // Caddy answers that itself, with 200.
        assert!((200..500).contains(&answer.status), "{proxy}: {answer:?}");
        assert_eq!(stand.backend.requests(), 0, "{proxy}");
    }
}

impl Stand {
    async fn start(proxy: Proxy, sidecar: Sidecar) -> Self {
        Self::start_with(proxy, sidecar, "").await
    }

    async fn start_with(proxy: Proxy, sidecar: Sidecar, secret: &str) -> Self {
        let backend = Backend::start().await;
        let snippet = |address| sidecar.snippet(address, backend.address);
        let program = Program::start_of(proxy, snippet, secret).await;
        Self { proxy, program, sidecar, backend }
    }

    /// The proxy has the secret, or the client has.
    async fn callers(proxy: Proxy) {
        const SECRET: &str = "4p8nGm2SxZ1wvR7c";
        for (of_proxy, of_client) in [(SECRET, "another"), ("another", SECRET)] {
            let sidecar = Sidecar::start_for(proxy, SECRET).await;
            let stand = Self::start_with(proxy, sidecar, of_proxy).await;
            let authorization = format!("Bearer {}", stand.sidecar.token());
            let headers =
                [("Authorization", &*authorization), ("X-Okta-Introspect-Key", of_client)];
            let shown = stand.case("GET", "/orders", &headers).await;
            let refused = if proxy == Proxy::Envoy { "503" } else { "500" };
            let expected = if of_proxy == SECRET { "200 >" } else { refused };
            assert_eq!(shown, expected, "{proxy}");
        }
    }

    async fn all_cases(proxy: Proxy) -> Vec<(&'static str, String)> {
        let stand = Self::start(proxy, Sidecar::start(proxy).await).await;
        let mut rows = stand.bearer().await;
        rows.extend(stand.dpop().await);
        rows.push(("revoked", stand.revoked().await));
        rows.extend(stand.outage().await);
        rows
    }

    /// Sends a request with everything forged, and says what of it was seen.
    async fn case(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
        self.sent(&request(method, target, &[headers, &FORGED].concat())).await
    }

    async fn sent(&self, request: &str) -> String {
        let before = self.backend.requests();
        let answer = send(self.program.address, request).await;
        let reached = self.backend.requests() - before;
        assert!(reached <= 1, "{}: {request} {answer:?}", self.proxy);
        self.truth(&answer, reached == 1);
        let mut shown = format!("{} ", answer.status);
        let challenges = answer.header("www-authenticate").join(", ");
        let mut words = challenges.split([' ', ',']);
        shown.extend(words.clone().any(|word| word == "Bearer").then_some('B'));
        shown.extend(words.any(|word| word == "DPoP").then_some('D'));
        shown.extend((!answer.header("retry-after").is_empty()).then_some('R'));
        shown.extend((reached > 0).then_some('>'));
        shown.trim_end().to_owned()
    }

    /// The backend is told each fact once, as the sidecar knows it; a client that is refused, no fact.
    fn truth(&self, answer: &Answer, reached: bool) {
        for name in identity() {
            let told = seen(&answer.body, &name);
            assert_eq!(told.len(), usize::from(reached), "{}: {name} {answer:?}", self.proxy);
            assert!(!told.contains(&"evil".to_owned()), "{}: {answer:?}", self.proxy);
            let own = answer.header(&name.to_lowercase()).len();
            assert_eq!(own, 0, "{}: {name} {answer:?}", self.proxy);
        }
    }

    async fn bearer(&self) -> Vec<(&'static str, String)> {
        let authorization = format!("Bearer {}", self.sidecar.token());
        let token = ("Authorization", authorization.as_str());
        let good = send(self.program.address, &request("GET", "/orders", &[token])).await;
        assert_eq!(seen(&good.body, "X-Auth-Uid"), [USER], "{}", self.proxy);
        let wrong = send(self.program.address, &request("DELETE", "/orders/7", &[token])).await;
        let challenge = wrong.header("www-authenticate").join("");
        for word in ["insufficient_scope", "orders.write"] {
            assert!(challenge.contains(word), "{}: {wrong:?}", self.proxy);
        }
        let made_up = ("Authorization", "Bearer made-up");
        let bare = format!("GET /orders HTTP/1.0\r\nAuthorization: {authorization}\r\n\r\n");
        vec![
            ("good", self.case("GET", "/orders", &[token]).await),
            ("HTTP/1.0 without a host", self.sent(&bare).await),
            ("no token", self.case("GET", "/orders", &[]).await),
            ("made-up token", self.case("GET", "/orders", &[made_up]).await),
            ("two tokens", self.case("GET", "/orders", &[token, made_up]).await),
            ("wrong scope", self.case("DELETE", "/orders/7", &[token]).await),
            ("no rule", self.case("GET", "/admin", &[token]).await),
            ("/orders/../admin", self.case("GET", "/orders/../admin", &[token]).await),
            ("/orders/%2e%2e/admin", self.case("GET", "/orders/%2e%2e/admin", &[token]).await),
            ("/orders%2f..%2fadmin", self.case("GET", "/orders%2f..%2fadmin", &[token]).await),
            ("public, no token", self.case("GET", "/health", &[]).await),
        ]
    }

    async fn dpop(&self) -> Vec<(&'static str, String)> {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let token = self.sidecar.bound_token(&key);
        let proof = self.sidecar.proof(&key, "/orders", &token, 1);
        let elsewhere = self.sidecar.proof(&key, "/other", &token, 2);
        let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
        let (dpop, bearer) = (("Authorization", &*dpop), ("Authorization", &*bearer));
        let (proof, elsewhere) = (("DPoP", &*proof), ("DPoP", &*elsewhere));
        vec![
            ("DPoP good", self.case("GET", "/orders", &[dpop, proof]).await),
            ("DPoP replayed", self.case("GET", "/orders", &[dpop, proof]).await),
            ("DPoP for another URL", self.case("GET", "/orders", &[dpop, elsewhere]).await),
            ("DPoP without a proof", self.case("GET", "/orders", &[dpop]).await),
            ("DPoP token as bearer", self.case("GET", "/orders", &[bearer]).await),
        ]
    }

    /// Refused within the bound of the route.
    async fn revoked(&self) -> String {
        let token = self.sidecar.token();
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str())];
        assert_eq!(self.case("GET", "/orders", &headers).await, "200 >", "{}", self.proxy);
        assert!(self.sidecar.sandbox.revoke(token.as_str()));
        self.until_refused(&headers).await;
        self.case("GET", "/orders", &headers).await
    }

    /// As long as the last answer may be used, and no longer.
    async fn until_refused(&self, headers: &[(&str, &str)]) {
        let begun = SystemClock.monotonic();
        let asked = request("GET", "/orders", headers);
        while send(self.program.address, &asked).await.status == 200 {
            let waited = SystemClock.monotonic() - begun;
            assert!(waited < MAX_AGE + SLACK, "{}: a yes {waited:?} into it", self.proxy);
            pause(Duration::from_millis(20)).await;
        }
    }

    /// An answer that is not known yet, and one that is known but too old.
    async fn outage(&self) -> Vec<(&'static str, String)> {
        let [known, fresh] = [0, 1].map(|_| format!("Bearer {}", self.sidecar.token()));
        let (known, fresh) = ([("Authorization", &*known)], [("Authorization", &*fresh)]);
        assert_eq!(self.case("GET", "/orders", &known).await, "200 >", "{}", self.proxy);
        self.sidecar.sandbox.faults().set_outage(Some(Fault::empty(503)));
        let unknown = self.case("GET", "/orders", &fresh).await;
        self.until_refused(&known).await;
        let old = self.case("GET", "/orders", &known).await;
        self.sidecar.sandbox.faults().set_outage(None);
        let begun = SystemClock.monotonic();
        let mut back = String::new();
        while !back.starts_with("200") && SystemClock.monotonic() - begun < SLACK * 3 {
            pause(Duration::from_millis(100)).await;
            back = self.case("GET", "/orders", &fresh).await;
        }
        vec![
            ("Okta down, token unknown", unknown),
            ("Okta down, answer too old", old),
            ("Okta is back", back),
        ]
    }

    /// 100 at a time: as it is, with a reload, with a changed file, with a restart behind a socket that stays open, and
    /// then with no sidecar at all.
    async fn life(proxy: Proxy) -> String {
        let mut stand = Self::start(proxy, Sidecar::activate(proxy).await).await;
        let before = stand.crowd();
        stand.settle("before", before, &[]).await;
        let reloaded = stand.crowd();
        stand.sidecar.reload();
        stand.settle("reload", reloaded, &[]).await;
        stand.sidecar.change_config();
        stand.until_added().await;
        let restarted = stand.crowd();
        stand.sidecar.drain();
        let while_it_drains = stand.crowd();
        let code = stand.sidecar.ended().await;
        let while_none_runs = stand.crowd();
        stand.sidecar.run().await;
        for (when, crowd) in
            [("drain", restarted), ("draining", while_it_drains), ("restart", while_none_runs)]
        {
            stand.settle(when, crowd, &[]).await;
        }
        stand.sidecar.drain();
        stand.sidecar.ended().await;
        stand.sidecar.close();
        let gone = stand.crowd();
        stand.settle("gone", gone, &[502, 503]).await;
        assert_eq!(code, Some(0), "{proxy}");
        format!(
            "{proxy}: 500 requests over a reload and a restart, none lost or wrong; 100 refused without a sidecar"
        )
    }

    /// A file that was changed is found.
    async fn until_added(&self) {
        let begun = SystemClock.monotonic();
        loop {
            let crowd = self.crowd();
            self.settle("changed file", crowd, &[]).await;
            let status = send(self.program.address, &request("GET", "/added", &[])).await.status;
            if status == 200 {
                return;
            }
            assert_eq!(status, 403, "{}", self.proxy);
            assert!(SystemClock.monotonic() - begun < SLACK * 2, "{}: not found", self.proxy);
            pause(Duration::from_millis(100)).await;
        }
    }

    /// Half of them may read, half lack the scope to write.
    fn crowd(&self) -> Crowd {
        let authorization = format!("Bearer {}", self.sidecar.token());
        let token = [("Authorization", authorization.as_str())];
        let mut crowd = Crowd::new();
        for number in 0..100 {
            let (method, path, status) =
                [("GET", "/orders", 200), ("DELETE", "/orders/7", 403)][number % 2];
            let (address, asked) = (self.program.address, request(method, path, &token));
            crowd.spawn(async move { (status, send(address, &asked).await) });
        }
        crowd
    }

    /// Each one got its own answer, or one of `instead`.
    async fn settle(&self, when: &str, crowd: Crowd, instead: &[u16]) {
        for (expected, answer) in crowd.join_all().await {
            let is_right = match instead {
                [] => answer.status == expected,
                _ => instead.contains(&answer.status),
            };
            assert!(is_right, "{} {when}: not {expected}: {answer:?}", self.proxy);
        }
    }
}

type Crowd = tokio::task::JoinSet<(u16, Answer)>;
