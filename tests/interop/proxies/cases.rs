//! The sidecar behind each proxy: what a client and the backend see of each case.

use std::time::Duration;

use okta_introspect::sandbox::Fault;
use okta_introspect::{Algorithm, Clock, SigningKey, SystemClock};
use okta_introspect_serve::{Proxy, SnippetConfig};

use super::answers::FORGED;
use super::backend::{Backend, seen};
use super::client::{Answer, pause, request, send};
use super::program::{Program, installed};
use super::sidecar::{MAX_AGE, Sidecar, USER, executable, identity};

/// A case, and what was seen of it.
type Row = (&'static str, String);

/// Where a loaded machine is slow.
const SLACK: Duration = Duration::from_secs(2);

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
    for (proxy, run) in proxies.into_iter().zip(runs) {
        let rows = run.await.unwrap_or_else(|error| panic!("{proxy}: {error}"));
        println!("{proxy}");
        rows.iter().for_each(|(case, shown)| println!("    {case:<32} {shown}"));
    }
}

#[test_support::test(multi_thread)]
async fn reload_and_drain_lose_no_request_and_let_nothing_through() {
    if executable().is_none() {
        return;
    }
    let runs: Vec<_> =
        installed().into_iter().map(|proxy| tokio::spawn(Stand::life(proxy))).collect();
    for run in runs {
        println!("{}", run.await.unwrap());
    }
}

impl Stand {
    async fn start(proxy: Proxy) -> Self {
        let (sidecar, backend) = (Sidecar::start(proxy).await, Backend::start().await);
        let config = SnippetConfig {
            sidecar: sidecar.address(),
            identity: identity(),
            ..SnippetConfig::default()
        };
        let program = Program::start(proxy, config, backend.address).await;
        Self { proxy, program, sidecar, backend }
    }

    async fn all_cases(proxy: Proxy) -> Vec<Row> {
        let stand = Self::start(proxy).await;
        let mut rows = stand.bearer().await;
        rows.extend(stand.dpop().await);
        rows.push(stand.revoked().await);
        rows.extend(stand.outage().await);
        rows
    }

    /// Sends a request with everything forged, and says what of it was seen; `reaches` is the backend.
    async fn case(
        &self,
        what: (&str, &str),
        headers: &[(&str, &str)],
        expected: (&[u16], bool),
    ) -> (Answer, String) {
        let before = self.backend.requests();
        let headers = [headers, &FORGED].concat();
        let answer = send(self.program.address, &request(what.0, what.1, &headers)).await;
        let reached = self.backend.requests() - before;
        let shown = format!(
            "{} {:?}{}",
            answer.status,
            answer.header("www-authenticate"),
            if reached > 0 { " backend reached" } else { "" }
        );
        let (statuses, reaches) = expected;
        assert!(statuses.contains(&answer.status), "{}: {what:?} {answer:?}", self.proxy);
        assert_eq!(reached, usize::from(reaches), "{}: {what:?} {answer:?}", self.proxy);
        assert!(!answer.body.contains("\"evil\""), "{}: {what:?} {answer:?}", self.proxy);
        (answer, shown)
    }

    async fn bearer(&self) -> Vec<Row> {
        let read = ("GET", "/orders");
        let authorization = format!("Bearer {}", self.sidecar.token());
        let token = ("Authorization", authorization.as_str());
        let (answer, good) = self.case(read, &[token], (&[200], true)).await;
        for name in identity() {
            assert_eq!(seen(&answer.body, &name).len(), 1, "{}: {name} {answer:?}", self.proxy);
        }
        assert_eq!(seen(&answer.body, "X-Auth-Uid"), [USER], "{}", self.proxy);
        let (answer, none) = self.case(read, &[], (&[401], false)).await;
        assert!(answer.header("www-authenticate")[0].starts_with("Bearer"), "{}", self.proxy);
        let made_up = [("Authorization", "Bearer made-up")];
        let (_, made_up) = self.case(read, &made_up, (&[401], false)).await;
        let (answer, scope) = self.case(("DELETE", "/orders/7"), &[token], (&[403], false)).await;
        let challenge = answer.header("www-authenticate").join("");
        assert!(challenge.contains("insufficient_scope"), "{}: {challenge}", self.proxy);
        assert!(challenge.contains("orders.write"), "{}: {challenge}", self.proxy);
        let refused: &[u16] = &[400, 403, 404];
        let (_, unknown) = self.case(("GET", "/admin"), &[token], (refused, false)).await;
        let (_, dots) = self.case(("GET", "/orders/../admin"), &[token], (refused, false)).await;
        let escaped = ("GET", "/orders/%2e%2e/admin");
        let (_, escaped) = self.case(escaped, &[token], (refused, false)).await;
        let (_, health) = self.case(("GET", "/health"), &[], (&[200], true)).await;
        vec![
            ("good", good),
            ("no token", none),
            ("made-up token", made_up),
            ("wrong scope", scope),
            ("no rule", unknown),
            ("/orders/../admin", dots),
            ("/orders/%2e%2e/admin", escaped),
            ("public", health),
        ]
    }

    async fn dpop(&self) -> Vec<Row> {
        let read = ("GET", "/orders");
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let token = self.sidecar.bound_token(&key);
        let proof = self.sidecar.proof(&key, "/orders", &token, 1);
        let elsewhere = self.sidecar.proof(&key, "/other", &token, 2);
        let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
        let with = |authorization, proof| [("Authorization", authorization), ("DPoP", proof)];
        let good = with(dpop.as_str(), proof.as_str());
        let (_, first) = self.case(read, &good, (&[200], true)).await;
        let (_, again) = self.case(read, &good, (&[401], false)).await;
        let other = with(dpop.as_str(), elsewhere.as_str());
        let (_, elsewhere) = self.case(read, &other, (&[401], false)).await;
        let bare = [("Authorization", bearer.as_str())];
        let (_, bare) = self.case(read, &bare, (&[401], false)).await;
        vec![
            ("DPoP good", first),
            ("DPoP replayed", again),
            ("DPoP for another URL", elsewhere),
            ("DPoP token as bearer", bare),
        ]
    }

    /// Refused within the bound of the route.
    async fn revoked(&self) -> Row {
        let token = self.sidecar.token();
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str())];
        self.case(("GET", "/orders"), &headers, (&[200], true)).await;
        assert!(self.sidecar.sandbox.revoke(token.as_str()));
        let begun = SystemClock.monotonic();
        let asked = request("GET", "/orders", &headers);
        while send(self.program.address, &asked).await.status == 200 {
            let waited = SystemClock.monotonic() - begun;
            assert!(waited < MAX_AGE + SLACK, "{}: not refused after {waited:?}", self.proxy);
            pause(Duration::from_millis(20)).await;
        }
        let lag = SystemClock.monotonic() - begun;
        let (_, shown) = self.case(("GET", "/orders"), &headers, (&[401], false)).await;
        ("revoked", format!("{shown} after {} ms", lag.as_millis()))
    }

    /// An answer that is not known yet, and one that is known but too old.
    async fn outage(&self) -> Vec<Row> {
        let [known, fresh] = [0, 1].map(|_| format!("Bearer {}", self.sidecar.token()));
        let read = ("GET", "/orders");
        self.case(read, &[("Authorization", &known)], (&[200], true)).await;
        self.sidecar.sandbox.faults().set_outage(Some(Fault::empty(503)));
        let (answer, unknown) =
            self.case(read, &[("Authorization", &fresh)], (&[503], false)).await;
        let retry = format!("{unknown} Retry-After {:?}", answer.header("retry-after"));
        let begun = SystemClock.monotonic();
        let asked = request("GET", "/orders", &[("Authorization", &known)]);
        while send(self.program.address, &asked).await.status == 200 {
            let waited = SystemClock.monotonic() - begun;
            assert!(waited < MAX_AGE + SLACK, "{}: a yes {waited:?} into it", self.proxy);
            pause(Duration::from_millis(20)).await;
        }
        let (_, old) = self.case(read, &[("Authorization", &known)], (&[503], false)).await;
        self.sidecar.sandbox.faults().set_outage(None);
        vec![("Okta down, token not known", retry), ("Okta down, answer too old", old)]
    }

    /// 100 at a time, first with a reload in between, then while it drains, then while it is gone, then with the next.
    async fn life(proxy: Proxy) -> String {
        let mut stand = Self::start(proxy).await;
        stand.crowd("before", false, |_| {}).await;
        stand.crowd("reload", false, |stand| stand.sidecar.reload()).await;
        stand.crowd("drain", false, |stand| stand.sidecar.drain()).await;
        let code = stand.sidecar.ended().await;
        stand.crowd("gone", true, |_| {}).await;
        stand.sidecar.run().await;
        stand.crowd("next", false, |_| {}).await;
        format!(
            "{proxy}: 400 requests answered rightly, 100 refused without a sidecar; it ended with {code:?}"
        )
    }

    /// Half of them may read, half lack the scope to write.
    async fn crowd(&self, when: &str, is_gone: bool, meanwhile: impl FnOnce(&Self)) {
        let authorization = format!("Bearer {}", self.sidecar.token());
        let token = [("Authorization", authorization.as_str())];
        let mut crowd = tokio::task::JoinSet::new();
        let mut meanwhile = Some(meanwhile);
        for number in 0..100 {
            let (method, path, status) =
                [("GET", "/orders", 200), ("DELETE", "/orders/7", 403)][number % 2];
            let (address, asked) = (self.program.address, request(method, path, &token));
            crowd.spawn(async move { (status, send(address, &asked).await.status) });
            if number == 50 {
                meanwhile.take().into_iter().for_each(|act| act(self));
            }
        }
        for (expected, status) in crowd.join_all().await {
            let is_right = if is_gone { [502, 503].contains(&status) } else { status == expected };
            assert!(is_right, "{} {when}: {status}, not {expected}", self.proxy);
        }
    }
}
