//! How fast a key elsewhere signs, and what that leaves of the rate limit.

use std::num::NonZeroU32;
use std::time::Duration;

use okta_introspect::{BoxError, Client, Clock as _, Endpoint, Signer, SystemClock};
use okta_introspect_settings::Key;
use tokio::task::JoinSet;

use super::examination::Examination;
use super::finding::Finding;

/// As many are made one by one, and then at once.
const SIGNATURES: u32 = 10;

/// What is signed: no header and no claims that anybody would take.
const INPUT: &[u8] = b"doctor.doctor";

/// How fast a signer is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Speed {
    /// How long one signature takes by itself.
    latency: Duration,
    per_second: f64,
    declared: Option<NonZeroU32>,
}

impl Examination<'_> {
    /// Times the signatures of a key that is not in this process. One that is signs faster than any
    /// server answers.
    pub(super) async fn signer(&mut self, client: &Client, key: Option<&Key>) {
        let Some(key) = key.filter(|key| key.local().is_none()) else { return };
        let finding = match speed(key).await {
            Ok(speed) => {
                let limit = client.rate_limit(Endpoint::Introspection).map(|stated| stated.limit);
                judge(speed, limit)
            }
            Err(error) => Finding::failed("signer", "the key does not sign")
                .because(error.to_string())
                .cure("see the signer's own messages"),
        };
        self.found(finding);
    }
}

async fn speed(key: &Key) -> Result<Speed, BoxError> {
    let begun = SystemClock.monotonic();
    for _ in 0..SIGNATURES {
        key.sign(INPUT).await?;
    }
    let one_by_one = SystemClock.monotonic().saturating_duration_since(begun);
    let begun = SystemClock.monotonic();
    let mut signatures = JoinSet::new();
    for _ in 0..SIGNATURES {
        let key = key.clone();
        signatures.spawn(async move { key.sign(INPUT).await.map(drop) });
    }
    while let Some(signed) = signatures.join_next().await {
        signed??;
    }
    let at_once = SystemClock.monotonic().saturating_duration_since(begun);
    let fastest = one_by_one.min(at_once).max(Duration::from_micros(1));
    Ok(Speed {
        latency: one_by_one / SIGNATURES,
        per_second: f64::from(SIGNATURES) / fastest.as_secs_f64(),
        declared: key.limits().max_per_second,
    })
}

/// Holds the speed against the introspections that the server allows in a minute.
fn judge(speed: Speed, limit: Option<u64>) -> Finding {
    let millis = speed.latency.as_secs_f64() * 1000.0;
    let declared = speed.declared.map(|rate| format!(", {rate} by its settings"));
    let declared = declared.unwrap_or_default();
    let seen = format!(
        "{} signatures take {millis:.1} ms each, and {:.0} can be made in a second{declared}",
        2 * SIGNATURES,
        speed.per_second
    );
    let rate =
        speed.declared.map_or(speed.per_second, |most| speed.per_second.min(most.get().into()));
    let a_minute = (rate * 60.0) as u64; // saturates
    let capped = format!("{seen}: {a_minute} introspections a minute");
    match limit {
        Some(limit) if a_minute < limit => {
            Finding::warn("signer", format!("{capped}, and the server allows {limit}"))
                .because("each introspection takes a signature of its own")
                .cure(
                    "let a service reuse its assertions for a while (`AssertionConfig::reuse`): a minute's calls \
                     then take one signature, and whoever sees an assertion can use it for as long",
                )
        }
        Some(limit) => Finding::ok("signer", format!("{capped}, of {limit} that the server allows")),
        None => Finding::ok("signer", capped),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Status;

    fn speed(per_second: f64, declared: Option<u32>) -> Speed {
        let declared = declared.and_then(NonZeroU32::new);
        Speed { latency: Duration::from_micros(2500), per_second, declared }
    }

    #[test]
    fn what_signatures_leave_of_the_rate_limit_is_said() {
        for (speed, limit, status, says) in [
            (
                speed(400.0, None),
                Some(600),
                Status::Ok,
                "take 2.5 ms each, and 400 can be made in a second: 24000 introspections a minute, of 600",
            ),
            (speed(10.0, None), Some(600), Status::Ok, "600 introspections a minute, of 600"),
            (
                speed(9.98, None),
                Some(600),
                Status::Warn,
                "598 introspections a minute, and the server allows 600",
            ),
            (
                speed(400.0, Some(5)),
                Some(600),
                Status::Warn,
                "5 by its settings: 300 introspections a minute, and the server allows 600",
            ),
            (speed(2.0, None), None, Status::Ok, "120 introspections a minute"),
            (speed(f64::MAX, None), Some(u64::MAX), Status::Ok, "introspections a minute"),
        ] {
            let finding = judge(speed, limit);
            assert_eq!(finding.status, status, "{}", finding.seen);
            assert!(finding.seen.contains(says), "{}", finding.seen);
        }
    }
}
