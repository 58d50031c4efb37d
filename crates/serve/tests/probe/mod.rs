//! The probe, before proxies that are configured rightly, and wrongly in one way each.

mod proxy;

use okta_introspect_serve::{Dial, Echo, Mode, Probe, ProbeReport, ProbeUrl, Trap, Verdict};

use crate::sidecar::Sidecar;
use crate::world::HOST;
use proxy::{Flaw, Proxy};

/// Proxy, sidecar and service, with what is sent through them.
struct Stand {
    sidecar: Sidecar,
    proxy: Proxy,
    probe: Probe,
}

impl Stand {
    async fn new(flaw: Flaw) -> Self {
        Self::with(flaw, "").await
    }

    /// With more lines of configuration.
    async fn with(flaw: Flaw, lines: &str) -> Self {
        let sidecar = Sidecar::start(Mode::Caddy, lines).await;
        let echo = Echo::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let proxy = Proxy::start(flaw, sidecar.socket(), echo.address()).await;
        tokio::spawn(echo.serve());
        let url = ProbeUrl::parse(&format!("http://{HOST}/files/a")).unwrap();
        let mut probe = Probe::new(url, sidecar.token(), "r1");
        probe.forbidden = Some("/admin".to_owned());
        probe.bound_token = Some(sidecar.bound_token());
        Self { sidecar, proxy, probe }
    }

    async fn report(&self) -> ProbeReport {
        let address = self.proxy.address.to_string();
        let dial = Dial::new(&self.probe.url, Some(&address), &[]).unwrap();
        self.probe.run(&dial).await
    }

    /// What is found of a flaw.
    async fn traps(flaw: Flaw) -> Vec<Trap> {
        Self::new(flaw).await.report().await.traps()
    }
}

#[test_support::test(multi_thread)]
async fn nothing_gets_through_a_proxy_that_is_configured_well() {
    let stand = Stand::new(Flaw::None).await;
    let report = stand.report().await;
    let wrong: Vec<_> = report.findings.iter().filter(|it| it.verdict != Verdict::Ok).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(report.verdict(), Verdict::Ok);
    let told = serde_json::to_string(&report).unwrap();
    assert!(!told.contains(stand.probe.token.expose()));
}

#[test_support::test(multi_thread)]
async fn trap_a_rule_that_is_chosen_by_the_clients_forwarded_uri() {
    assert_eq!(Stand::traps(Flaw::ClientsForwardedUri).await, [Trap::ForwardedUri]);
}

#[test_support::test(multi_thread)]
async fn trap_a_forwarded_prefix_of_the_client_that_is_put_before_the_path() {
    assert_eq!(Stand::traps(Flaw::ClientsForwardedPrefix).await, [Trap::ForwardedPrefix]);
}

#[test_support::test(multi_thread)]
async fn trap_a_forwarded_prefix_that_reaches_the_service_is_told_and_found_where_it_is_dropped() {
    let mut stand = Stand::new(Flaw::None).await;
    stand.probe.drop = vec!["X-Forwarded-Prefix".to_owned()];
    assert_eq!(stand.report().await.traps(), [Trap::Undropped]);
}

#[test_support::test(multi_thread)]
async fn trap_a_query_that_is_taken_for_the_path() {
    assert_eq!(Stand::traps(Flaw::QueryAsPath).await, [Trap::QueryAsPath]);
}

#[test_support::test(multi_thread)]
async fn trap_a_path_that_is_normalised_for_the_check_alone() {
    // Normalising adds a slash, too.
    let traps = Stand::traps(Flaw::NormalisedForTheCheck).await;
    assert_eq!(traps, [Trap::AmbiguousPath, Trap::NoLeadingSlash]);
}

#[test_support::test(multi_thread)]
async fn trap_a_path_that_is_decoded_once_more_after_the_check() {
    assert_eq!(Stand::traps(Flaw::DecodedAfterTheCheck).await, [Trap::DecodedPath]);
}

#[test_support::test(multi_thread)]
async fn trap_a_path_parameter_that_is_cut_off_before_the_check() {
    assert_eq!(Stand::traps(Flaw::ParameterCutOff).await, [Trap::PathParameter]);
}

#[test_support::test(multi_thread)]
async fn trap_a_leading_slash_that_is_added_for_the_check_alone() {
    assert_eq!(Stand::traps(Flaw::SlashAdded).await, [Trap::NoLeadingSlash]);
}

#[test_support::test(multi_thread)]
async fn trap_an_identity_header_that_is_left_out_is_the_clients_own() {
    let report = Stand::new(Flaw::IdentityLeftOut).await.report().await;
    assert_eq!(report.traps(), [Trap::ClientsIdentity]);
    assert!(report.findings[0].details.concat().contains("X-Auth-Username"));
}

#[test_support::test(multi_thread)]
async fn trap_underscore_twins_that_pass() {
    assert_eq!(Stand::traps(Flaw::TwinsPass).await, [Trap::UnderscoreTwins]);
}

#[test_support::test(multi_thread)]
async fn trap_identity_headers_that_the_clients_connection_header_removes() {
    assert_eq!(Stand::traps(Flaw::ClientRemoves).await, [Trap::IdentityTakenAway]);
}

#[test_support::test(multi_thread)]
async fn trap_two_authorization_headers_of_which_the_first_is_checked() {
    assert_eq!(Stand::traps(Flaw::FirstAuthorization).await, [Trap::TwoAuthorizations]);
}

#[test_support::test(multi_thread)]
async fn trap_a_joined_authorization_of_which_the_first_token_is_checked() {
    assert_eq!(Stand::traps(Flaw::JoinedIsSplit).await, [Trap::TwoAuthorizations]);
}

#[test_support::test(multi_thread)]
async fn trap_a_host_with_a_path_that_is_cut_for_the_check_alone() {
    assert_eq!(Stand::traps(Flaw::HostCut).await, [Trap::HostLaundering]);
}

#[test_support::test(multi_thread)]
async fn trap_a_bound_token_as_bearer_where_a_rule_is_on_trial() {
    let report = Stand::with(Flaw::None, "dry_run: true").await.report().await;
    let traps = report.traps();
    assert!(traps.contains(&Trap::BoundAsBearer) && traps.contains(&Trap::NoToken), "{traps:?}");
    let told = serde_json::to_string(&report).unwrap();
    assert!(!told.contains("the client's own"), "{told}");
}

#[test_support::test(multi_thread)]
async fn trap_failure_mode_allow_is_found_by_what_the_sidecar_cannot_answer() {
    let traps = Stand::traps(Flaw::FailsOpen).await;
    assert!(traps.contains(&Trap::FailureLetsThrough), "{traps:?}");
    assert!(!traps.contains(&Trap::NoToken), "{traps:?}");
}

#[test_support::test(multi_thread)]
async fn trap_failure_mode_allow_lets_everything_through_while_the_sidecar_is_down() {
    for (flaw, verdict) in
        [(Flaw::FailsOpen, Verdict::GotThrough), (Flaw::None, Verdict::CannotTell)]
    {
        let stand = Stand::new(flaw).await;
        stand.sidecar.end();
        let report = stand.report().await;
        assert_eq!(report.verdict(), verdict, "{report:#?}");
        let is_open = report.traps().contains(&Trap::NoToken);
        assert_eq!(is_open, verdict == Verdict::GotThrough);
    }
}

#[test_support::test(multi_thread)]
async fn trap_a_yes_that_is_cached_by_its_url() {
    assert_eq!(Stand::traps(Flaw::CachesByUrl).await, [Trap::CachedYes]);
}

#[test_support::test(multi_thread)]
async fn trap_no_keep_alive_to_the_sidecar_is_not_to_be_seen_from_outside() {
    let (kept, opened) = (Stand::new(Flaw::None).await, Stand::new(Flaw::NoKeepAlive).await);
    for stand in [&kept, &opened] {
        let report = stand.report().await;
        assert_eq!(report.verdict(), Verdict::Ok);
        assert!(report.unseen[0].contains("connections to the sidecar"));
    }
    let [kept, opened] = [kept, opened].map(|stand| stand.proxy.connections());
    assert!(kept * 4 < opened, "{kept} connections, and {opened} without keep-alive");
}
