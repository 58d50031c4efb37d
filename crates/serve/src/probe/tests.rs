//! The conclusions, before a transport that is a function.

use okta_introspect::{BoxFuture, Token};
use serde_json::json;

use super::{Heard, Probe, ProbeReport, ProbeUrl, Transport, Trap, Verdict};

const TOKEN: &str = "good-token-4711";

/// A proxy and its service in one: decides about a head, and shows it.
struct Fake<F>(F);

/// A request as the fake proxy sees it.
#[derive(Clone, Debug)]
struct Asked {
    target: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut lines = text.trim_end().split("\r\n");
        let target = lines.next().unwrap().strip_prefix("GET ").unwrap();
        let target = target.strip_suffix(" HTTP/1.1").unwrap().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { target, headers }
    }

    fn all(&self, name: &str) -> Vec<&str> {
        let of_name = self.headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    /// What a sound proxy and sidecar let through.
    fn is_good(&self) -> bool {
        let path = self.target.split('?').next().unwrap();
        self.all("authorization") == [format!("Bearer {TOKEN}")]
            && ["/files/a", "/files/a/%252e%252e/%252e%252e/admin"].contains(&path)
            && self.all("host") == ["api.acme.example"]
    }

    /// The headers of clients away, those of the sidecar there.
    fn with_identity(mut self) -> Self {
        self.headers.retain(|(name, _)| !super::seen::usual(name).starts_with("x-auth-"));
        for fact in super::plan::FACTS {
            self.headers.push((format!("X-Auth-{fact}"), "-".to_owned()));
        }
        self
    }

    fn shown(&self) -> Heard {
        let body = json!({"method": "GET", "target": self.target, "headers": self.headers});
        answer(200, &body.to_string())
    }
}

impl<F: Fn(Asked) -> Heard + Send + Sync> Transport for Fake<F> {
    fn send<'a>(&'a self, request: &'a [u8]) -> BoxFuture<'a, Heard> {
        Box::pin(std::future::ready((self.0)(Asked::parse(request))))
    }
}

fn answer(status: u16, body: &str) -> Heard {
    let length = body.len();
    Heard::Answer(
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes(),
    )
}

fn sound(asked: Asked) -> Heard {
    if asked.is_good() { asked.with_identity().shown() } else { answer(403, "") }
}

fn probe() -> Probe {
    let url = ProbeUrl::parse("https://api.acme.example/files/a").unwrap();
    let mut probe = Probe::new(url, Token::parse(TOKEN).unwrap(), "r1");
    probe.forbidden = Some("/admin".to_owned());
    probe
}

async fn of(proxy: impl Fn(Asked) -> Heard + Send + Sync) -> ProbeReport {
    probe().run(&Fake(proxy)).await
}

#[test_support::test]
async fn nothing_gets_through_a_sound_proxy() {
    let report = of(sound).await;
    assert_eq!(report.verdict(), Verdict::Ok, "{report:#?}");
    assert!(report.findings.len() > 70, "{}", report.findings.len());
}

#[test_support::test]
async fn a_service_that_shows_nothing_is_told_and_proves_nothing() {
    let report = of(|asked| answer(if asked.is_good() { 200 } else { 403 }, "hello")).await;
    assert_eq!(report.verdict(), Verdict::CannotTell);
    assert!(report.findings[0].details[0].contains("does not show"), "{report:?}");
}

#[test_support::test]
async fn a_good_token_that_is_refused_proves_nothing() {
    let report = of(|_| answer(401, "")).await;
    assert_eq!(report.verdict(), Verdict::CannotTell);
    assert!(report.findings[1..].iter().all(|it| it.verdict == Verdict::Ok), "{report:?}");
}

#[test_support::test]
async fn why_the_good_token_did_not_reach_the_service_is_told_by_the_status() {
    for (status, cause) in [
        (401, ": the token was refused"),
        (403, ": no rule permits the request, or the token lacks a scope"),
        (502, ": the proxy finds nobody at the service's address"),
        (503, ": the sidecar cannot tell"),
        (418, ""),
    ] {
        let report = of(move |_| answer(status, "")).await;
        let detail = &report.findings[0].details[0];
        let expected = format!("it did not reach the service{cause}");
        assert!(detail.starts_with(&expected), "{status}: {detail}");
    }
}

#[test_support::test]
async fn a_path_that_the_proxy_rewrites_is_told() {
    let rewritten = of(|mut asked| {
        let is_good = asked.is_good();
        asked.target = format!("/v1{}", asked.target);
        if is_good { asked.with_identity().shown() } else { answer(403, "") }
    })
    .await;
    let details = &rewritten.findings[0].details;
    assert!(
        details.contains(&"the service saw /v1/files/a for /files/a".to_owned()),
        "{details:?}"
    );
    assert_eq!(rewritten.verdict(), Verdict::Ok, "{rewritten:#?}");
    let plain = of(sound).await;
    assert!(plain.findings[0].details.iter().all(|it| !it.contains("saw")), "{plain:?}");
}

#[test_support::test]
async fn a_proxy_that_is_not_there_is_asked_once() {
    let report = of(|_| Heard::Unreachable("refused".to_owned())).await;
    assert_eq!((report.verdict(), report.findings.len()), (Verdict::CannotTell, 1));
    assert_eq!(report.findings[0].details, ["refused"]);
}

#[test_support::test]
async fn silence_is_no_refusal() {
    let report = of(|asked| match asked.target == "/admin;x" {
        true => Heard::Late,
        false => sound(asked),
    })
    .await;
    assert_eq!(report.verdict(), Verdict::CannotTell);
}

#[test_support::test]
async fn an_answer_to_another_request_is_a_caches() {
    let report = of(|mut asked| {
        if asked.target.contains("probe=") && asked.all("authorization").is_empty() {
            asked.headers.retain(|(name, _)| name != super::judge::NONCE);
            asked.headers.push((super::judge::NONCE.to_owned(), "r1-0".to_owned()));
            return asked.with_identity().shown();
        }
        sound(asked)
    })
    .await;
    assert_eq!(report.traps(), [Trap::CachedYes]);
}

#[test_support::test]
async fn a_header_of_the_client_that_was_to_be_dropped_is_found() {
    let mut probe = probe();
    probe.drop = vec!["X-Forwarded-Prefix".to_owned()];
    let report = probe.run(&Fake(sound)).await;
    assert_eq!(report.traps(), [Trap::Undropped]);
    let notes = of(sound).await;
    let note = notes.findings.iter().find(|it| it.sent == "forged X-Forwarded-Prefix").unwrap();
    assert!(note.details[0].contains("must not believe"), "{note:?}");
}

#[test_support::test]
async fn an_identity_header_that_the_client_has_removed_is_found() {
    let report = of(|asked| {
        let named = asked.all("connection").concat();
        if asked.is_good() && named.contains("X-Auth-Uid") {
            let mut asked = asked.with_identity();
            asked.headers.retain(|(name, _)| name != "X-Auth-Uid");
            return asked.shown();
        }
        sound(asked)
    })
    .await;
    assert_eq!(report.traps(), [Trap::IdentityTakenAway]);
}

#[test_support::test]
async fn no_token_is_ever_told() {
    let shows = |asked: Asked| asked.shown();
    let report = of(shows).await;
    let (json, debug) =
        (serde_json::to_string(&report).unwrap(), format!("{report:?} {:?}", probe()));
    assert!(!json.contains(TOKEN) && !debug.contains(TOKEN));
    assert!(report.findings.iter().filter(|it| it.verdict == Verdict::GotThrough).count() > 30);
}
