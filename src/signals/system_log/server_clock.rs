//! Whether an answer is of now.
//!
//! Something between may keep an answer and give it again. Such a page is complete, and says nothing
//! of what has happened since; its date tells.

use std::ops::Range;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::shifted;

/// The server's clock, as far as its answers tell.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    /// When an answer came, and its date: it was at least so late by then.
    seen: Option<(Instant, DateTime<Utc>)>,
}

/// What the date of an answer says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answered {
    /// It was made for this request.
    Now,
    /// It was made for an earlier one, or the server's clock was set back.
    Earlier,
    /// So for long: the clock counts from the next answer on.
    EarlierForLong,
}

impl ServerClock {
    /// Dates leave out the fraction of the second, and the clocks of a server's computers differ.
    const SLACK: TimeDelta = TimeDelta::seconds(5);

    /// After so long what was seen is replaced: no two clocks run alike.
    const RENEWED: Duration = Duration::from_secs(60);

    /// A clock that was set back is believed after so long.
    const PATIENCE: Duration = Duration::from_secs(600);

    /// Judges an answer by its date.
    pub(super) fn judge(&mut self, date: DateTime<Utc>, trip: &Range<Instant>) -> Answered {
        let Some((at, seen)) = self.seen else {
            self.seen = Some((trip.end, date));
            return Answered::Now;
        };
        let age = trip.start.saturating_duration_since(at);
        let least = shifted(seen, TimeDelta::from_std(age).unwrap_or(TimeDelta::days(90)));
        if least - date > Self::SLACK {
            if age <= Self::PATIENCE {
                return Answered::Earlier;
            }
            self.seen = None;
            return Answered::EarlierForLong;
        }
        if date >= least || age > Self::RENEWED {
            self.seen = Some((trip.end, date));
        }
        Answered::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_796_032_800_000 + millis).unwrap()
    }

    #[test]
    fn an_answer_that_was_kept_is_told_by_its_date_and_clocks_that_differ_a_little_are_not() {
        let start = SystemClock.monotonic();
        let judged = |dates: &[(u64, i64)]| {
            let mut clock = ServerClock::default();
            let judge = |(sent, date): &(u64, i64)| {
                let sent = start + Duration::from_millis(*sent);
                clock.judge(at(*date), &(sent..sent + Duration::from_millis(100)))
            };
            dates.iter().map(judge).collect::<Vec<_>>()
        };
        let (now, earlier) = (Answered::Now, Answered::Earlier);
        assert_eq!(judged(&[(0, 0), (1000, 0), (5100, 0), (5101, 0)]), [now, now, now, earlier]);
        assert_eq!(judged(&[(0, 9000), (1000, 4901), (2000, 11_000)]), [now, now, now]);
        // A clock that loses four seconds a minute, and one that wins as many.
        let loses: Vec<_> = (0..600).map(|second| (second * 1000, second as i64 * 933)).collect();
        let wins: Vec<_> = (0..600).map(|second| (second * 1000, second as i64 * 1066)).collect();
        assert!([loses, wins].iter().all(|dates| judged(dates).iter().all(|it| *it == now)));
        // One that was set back by a minute.
        let back: Vec<_> =
            (0..700).map(|second| (second * 1000, second as i64 * 1000 - 60_000)).collect();
        let judged = judged(&[&[(0, 0)], &back[1..]].concat());
        let long = judged.iter().position(|it| *it == Answered::EarlierForLong).unwrap();
        assert_eq!(long, 601);
        assert!(judged[1..long].iter().all(|it| *it == earlier));
        assert!(judged[long + 1..].iter().all(|it| *it == now));
    }
}
