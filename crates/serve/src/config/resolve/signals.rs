//! What tells of tokens that are no longer what they were.

use std::path::Path;
use std::time::Duration;

use okta_introspect::checker::{CheckerConfig, SignalMode};

use super::{receive, section, within};
use crate::config::document::{PollDocument, SignalsDocument};
use crate::config::faults::Faults;
use crate::config::resolved::{Address, ListenerConfig, OktaConfig, PollConfig, SignalsConfig};
use crate::config::tree::Node;
use crate::error::Fault;

const INTERVAL: Duration = Duration::from_secs(2);

const MIN_INTERVAL: Duration = Duration::from_secs(1);

const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// The sources; what comes of their signals goes to the settings of the checker.
pub(super) fn resolve(
    root: &mut Node,
    faults: &mut Faults,
    folder: &Path,
    (listeners, management): (&[(String, ListenerConfig)], &Address),
    checker: &mut CheckerConfig,
) -> SignalsConfig {
    let Some(written) = section::<SignalsDocument>(root, "signals", faults) else {
        return SignalsConfig::default();
    };
    checker.signals = written.mode.map_or(checker.signals, Into::into);
    let most = checker.max_age_limit;
    let limit = written.extension_limit;
    if let Some(limit) = within("signals.extension_limit", limit, Duration::ZERO, most, faults) {
        checker.extension_limit = limit;
    }
    check_mode(checker.signals, written.poll.is_some(), faults);
    let receive = written.receive;
    SignalsConfig {
        poll: written.poll.map(|poll| of_poll(poll, folder, faults)),
        receive: receive.and_then(|it| receive::resolve(it, faults, folder, listeners, management)),
    }
}

fn of_poll(written: PollDocument, folder: &Path, faults: &mut Faults) -> PollConfig {
    let place = "signals.poll.interval";
    let interval = within(place, written.interval, MIN_INTERVAL, MAX_INTERVAL, faults);
    let cursor = written.cursor.map(|path| folder.join(path));
    PollConfig { interval: interval.unwrap_or(INTERVAL), cursor }
}

/// The log tells of the tokens of its own org alone.
pub(super) fn check_issuers(okta: &OktaConfig, mode: SignalMode, faults: &mut Faults) {
    let Some(issuer) = &okta.issuer else { return };
    if !matches!(mode, SignalMode::Shadow | SignalMode::Extend) {
        return;
    }
    let places = okta.further_issuers.iter().enumerate();
    for (index, _) in places.filter(|(_, further)| further.org() != issuer.org()) {
        let fault = Fault::new(format!(
            "at another address than {}, whose System Log is followed: what is revoked here may not be in it",
            issuer.org()
        ));
        let cure = "write `signals: {mode: purge}`, or have a sidecar for each";
        faults.error(&format!("okta.further_issuers[{index}]"), fault.advise(cure));
    }
}

/// What the modes need to do what they are for.
fn check_mode(mode: SignalMode, is_polled: bool, faults: &mut Faults) {
    let needs = |what: &str| {
        Fault::new(format!(
            "{what} only where the System Log is followed, the one source that is complete"
        ))
        .advise("add `poll: {}`, or write `mode: purge`")
    };
    match mode {
        SignalMode::Extend if !is_polled => {
            faults.error("signals.mode", needs("answers are extended"));
        }
        SignalMode::Shadow if !is_polled => {
            faults.error("signals.mode", needs("what ends without a signal is counted"));
        }
        SignalMode::Off if is_polled => faults.warn(
            "signals.mode",
            Fault::new(
                "without effect is what the System Log tells, which is followed all the same",
            )
            .advise("leave `poll` out, or write `mode: purge`"),
        ),
        _ => {}
    }
}
