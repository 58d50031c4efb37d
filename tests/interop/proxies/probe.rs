//! `serve probe` through real proxies: with the snippet, and with one that lacks a line.

use okta_introspect::Token;
use okta_introspect_serve::{Dial, Echo, Probe, ProbeReport, ProbeUrl, Proxy, Trap, Verdict};

use super::client::HOST;
use super::program::{Program, installed};
use super::sidecar::{Sidecar, executable};

/// Probes a proxy whose snippet was changed, perhaps for the worse.
async fn probed(proxy: Proxy, change: impl Fn(&str) -> String) -> ProbeReport {
    let sidecar = Sidecar::start(proxy).await;
    let echo = Echo::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let snippet = |address| {
        let files = sidecar.snippet(address, echo.address()).into_iter();
        files.map(|(name, text)| (name, change(&text))).collect()
    };
    let program = Program::start_of(proxy, snippet, "").await;
    tokio::spawn(echo.serve());
    let url = ProbeUrl::parse(&format!("http://{HOST}/orders")).unwrap();
    let dial = Dial::new(&url, Some(&program.address.to_string()), &[]).unwrap();
    let mut probe = Probe::new(url, Token::parse(&sidecar.token()).unwrap(), "r1");
    probe.forbidden = Some("/admin".to_owned());
    probe.run(&dial).await
}

#[test_support::test(multi_thread)]
async fn nothing_gets_through_a_proxy_with_the_snippet() {
    if executable().is_none() {
        return;
    }
    for proxy in installed() {
        let report = probed(proxy, str::to_owned).await;
        println!("{proxy}: {} requests", report.findings.len());
        for finding in report.findings.iter().filter(|it| !it.details.is_empty()) {
            println!("    {:<58} {:?} {:?}", finding.sent, finding.status, finding.details);
        }
        let wrong: Vec<_> = report.findings.iter().filter(|it| it.verdict != Verdict::Ok).collect();
        assert!(wrong.is_empty(), "{proxy}: {wrong:#?}");
    }
}

#[test_support::test(multi_thread)]
async fn trap_an_identity_header_that_nginx_does_not_replace_is_found() {
    if executable().is_none() || !installed().contains(&Proxy::Nginx) {
        return;
    }
    let line = "proxy_set_header X-Auth-Username ";
    let report = probed(Proxy::Nginx, |text| {
        assert!(text.contains(line));
        text.lines().filter(|it| !it.trim().starts_with(line)).map(|it| format!("{it}\n")).collect()
    })
    .await;
    assert_eq!(report.traps(), [Trap::ClientsIdentity], "{report:#?}");
}
