//! Whether signals of revocations reach this app: the System Log, how often it may be asked, and how
//! late it tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use okta_introspect::signals::{Feed, Subject, SystemLog};
use okta_introspect::{AccessToken, Client, Clock, Resource, ResourceCall, Scopes, SystemClock};

use crate::command::times::later;

use super::calls::{ReadError, describe};
use super::examination::Examination;
use super::finding::Finding;

const SCOPE: &str = "signals scope";
const POLL: &str = "signals poll";
const LIMIT: &str = "signals limit";
const LAG: &str = "signals lag";

/// The checks, in their order.
pub(super) const CHECKS: [&str; 4] = [SCOPE, POLL, LIMIT, LAG];

/// For so long a revocation is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A log that is later than this is worth a look.
const LATE: Duration = Duration::from_secs(5);

/// So many of the calls that are gone may be ours: other checks read the log too.
const OWN: u64 = 5;

const SHARE: &str = "raise this app's share of /api/v1/logs, or give it a service app of its own";

impl Examination<'_> {
    /// All of them; those after the first that fails say so.
    pub(super) async fn signals(&mut self) {
        let mut done = 0;
        if let Err(finding) = self.try_signals(&mut done).await {
            self.found(*finding);
            done += 1;
        }
        self.skip(&CHECKS[done.min(CHECKS.len())..]);
    }

    async fn try_signals(&mut self, done: &mut usize) -> Result<(), Box<Finding>> {
        let mut ok = |examination: &mut Self, finding| {
            examination.found(finding);
            *done += 1;
        };
        let (client, scope) = self.of_log().map_err(|error| failed(SCOPE, error))?;
        let token = client.request_token(&scope).await;
        let token = token.map_err(|error| failed(SCOPE, error.into()))?;
        let seen = format!("{} with {}", describe(&token), SystemLog::SCOPE);
        ok(self, Finding::ok(SCOPE, seen));
        let logs = client.resource(scope);
        let answer = logs.call(&ResourceCall::get("/api/v1/logs?limit=1")).await;
        let answer = answer.map_err(|error| failed(POLL, error.into()))?;
        ok(self, Finding::ok(POLL, "the System Log answers"));
        ok(self, limit(&answer.headers));
        let lag = lag(&client, logs, &token).await.map_err(|error| failed(LAG, error))?;
        ok(self, lag);
        Ok(())
    }

    fn of_log(&self) -> Result<(Client, Scopes), ReadError> {
        Ok((self.settings.org_client()?, Scopes::parse(SystemLog::SCOPE)?))
    }
}

fn failed(check: &str, error: ReadError) -> Box<Finding> {
    Box::new(match error {
        ReadError::Settings(failure) => Finding::failure(check, failure),
        ReadError::Call(error) => Finding::error(check, &error),
    })
}

/// What is left of the log's rate limit, and how often that lets this app ask.
fn limit(headers: &HeaderMap) -> Finding {
    let all = |name: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let values = values.flat_map(|value| value.split(','));
        values.map(|value| value.trim().parse::<u64>().ok()).collect::<Option<Vec<_>>>()
    };
    let (Some(limits), Some(left)) = (all("x-rate-limit-limit"), all("x-rate-limit-remaining"))
    else {
        return Finding::skipped(LIMIT, "the server states no limit");
    };
    // That of the org and that of the app may both be there.
    let Some((limit, left)) = limits.into_iter().zip(left).min_by_key(|(_, left)| *left) else {
        return Finding::skipped(LIMIT, "the server states no limit");
    };
    let others = limit.saturating_sub(left).saturating_sub(OWN);
    let room = limit.saturating_sub(others);
    let every = 60_u64.div_ceil(room.max(1));
    let seen = match room {
        0 => format!("none of {limit} calls a minute is left beside other programs"),
        _ => format!(
            "{left} of {limit} calls are left in this minute; beside others that lets it ask every {every} s"
        ),
    };
    match every <= 2 && room > 0 {
        true => Finding::ok(LIMIT, seen),
        false => Finding::warn(LIMIT, seen)
            .because("other programs read the log too, or the app's share is small; one app has half of 120 by default")
            .cure(format!("{SHARE}; an interval of 1 s needs 60 calls a minute"))
            .hint("Admin Console > Reports > Rate Limits"),
    }
}

/// Revokes a token of ours, and looks how late the log tells.
async fn lag(client: &Client, logs: Resource, token: &AccessToken) -> Result<Finding, ReadError> {
    let names = Names::of(client, token).await?;
    let is_told = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&is_told);
    let feed = Feed::builder([]).on_signal(move |signal, _| {
        own.fetch_or(signal.subjects.iter().any(|subject| names.are(subject)), Ordering::Relaxed);
    });
    let mut log =
        SystemLog::builder(logs, feed.build()).interval(SystemLog::MIN_INTERVAL).build()?;
    log.read().await;
    client.revoke(token.token(), None).await?;
    let revoked = SystemClock.monotonic();
    let patience = later(revoked, PATIENCE);
    loop {
        let due = log.read().await;
        let took = SystemClock.monotonic() - revoked;
        if is_told.load(Ordering::Relaxed) {
            return Ok(told(took));
        }
        if due > patience {
            return match log.error().cloned() {
                Some(error) => Err(error.into()),
                None => Ok(not_told()),
            };
        }
        SystemClock.sleep_until(due).await;
    }
}

fn told(took: Duration) -> Finding {
    let seen = format!("a revocation was in the log {:.1} s later at most", took.as_secs_f64());
    match took <= LATE {
        true => Finding::ok(LAG, seen),
        false => Finding::warn(LAG, seen)
            .because("Okta writes its log late just now; it promises \"near real time\" and no figure")
            .cure("count it in: what is revoked elsewhere is refused that much later; see Okta's status page"),
    }
}

fn not_told() -> Finding {
    let seen = format!("a revocation was not in the log within {} s", PATIENCE.as_secs());
    Finding::warn(LAG, seen)
        .because("Okta writes its log late just now, or names the token otherwise than introspection does")
        .cure("see `okta-introspect signals watch --since 5m`; do not choose `extend` before it is told")
}

/// The names of a token in the log.
struct Names {
    jti: Option<String>,
    /// As the log has it, see [`Subject::Token`].
    hash: String,
}

impl Names {
    async fn of(client: &Client, token: &AccessToken) -> Result<Self, ReadError> {
        let answer = client.introspect(token.token(), None).await?;
        // The same in the other alphabet of Base64, and padded.
        let hash = token.token().fingerprint().replace('-', "+").replace('_', "/") + "=";
        Ok(Self { jti: answer.jti.map(|jti| jti.to_string()), hash })
    }

    fn are(&self, subject: &Subject) -> bool {
        let Subject::Token { jti, hash } = subject else { return false };
        jti.is_some() && *jti == self.jti || hash.as_ref() == Some(&self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Status;

    fn limit_of(pairs: &[(&'static str, &str)]) -> (Status, String) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        let finding = limit(&headers);
        (finding.status, finding.seen)
    }

    #[test]
    fn the_tightest_limit_counts_and_what_others_leave_of_it() {
        const L: &str = "x-rate-limit-limit";
        const R: &str = "x-rate-limit-remaining";
        let every = |left: u64, limit: u64, every: u64| {
            format!(
                "{left} of {limit} calls are left in this minute; beside others that lets it ask every {every} s"
            )
        };
        for (headers, status, seen) in [
            (&[(L, "60"), (R, "59")][..], Status::Ok, every(59, 60, 1)),
            (&[(L, "120"), (R, "40"), (L, "60"), (R, "59")], Status::Ok, every(40, 120, 2)),
            (&[(L, "120, 60"), (R, "119, 20")], Status::Warn, every(20, 60, 3)),
            (&[(L, "60"), (R, "25")], Status::Ok, every(25, 60, 2)),
            (&[(L, "60"), (R, "24")], Status::Warn, every(24, 60, 3)),
            (&[(L, "1"), (R, "0")], Status::Warn, every(0, 1, 60)),
        ] {
            assert_eq!(limit_of(headers), (status, seen), "{headers:?}");
        }
        for nothing in [&[][..], &[(L, "60")], &[(L, "x"), (R, "1")]] {
            assert_eq!(limit_of(nothing).0, Status::Skipped, "{nothing:?}");
        }
    }

    #[test]
    fn a_log_that_is_late_is_told_with_what_that_means() {
        assert_eq!(told(LATE).status, Status::Ok);
        let late = told(LATE + Duration::from_millis(100));
        assert_eq!(
            (late.status, late.seen.as_str()),
            (Status::Warn, "a revocation was in the log 5.1 s later at most")
        );
    }
}
