//! Times in four bytes.

use chrono::{DateTime, Utc};

/// A time in whole seconds since 1970, as servers give it, or where to look for one that is not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Seconds(u32);

impl Seconds {
    const ABSENT: Self = Self(u32::MAX);
    /// There is a time, which does not fit here: with a fraction, before 1970 or after 2105.
    const ELSEWHERE: Self = Self(u32::MAX - 1);

    pub(crate) fn of(time: Option<DateTime<Utc>>) -> Self {
        let Some(time) = time else { return Self::ABSENT };
        let whole = u32::try_from(time.timestamp()).ok().map(Self);
        whole
            .filter(|whole| whole.0 < Self::ELSEWHERE.0 && time.timestamp_subsec_nanos() == 0)
            .unwrap_or(Self::ELSEWHERE)
    }

    /// Whether there is a time which is not here.
    pub(crate) fn is_elsewhere(self) -> bool {
        self == Self::ELSEWHERE
    }

    /// The time, if it is here.
    pub(crate) fn time(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.since_1970()?, 0)
    }

    /// The same as a number.
    #[inline]
    pub(crate) fn since_1970(self) -> Option<i64> {
        (self.0 < Self::ELSEWHERE.0).then(|| i64::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_here_only_if_nothing_of_it_is_lost() {
        let last = i64::from(u32::MAX);
        for (seconds, nanos, here) in [
            (0, 0, true),
            (1_795_211_259, 0, true),
            (last - 2, 0, true),
            (last - 1, 0, false),
            (last, 0, false),
            (last + 1, 0, false),
            (-1, 0, false),
            (1_795_211_259, 1, false),
        ] {
            let time = DateTime::from_timestamp(seconds, nanos);
            let kept = Seconds::of(time);
            assert_eq!((kept.time(), kept.is_elsewhere()), (time.filter(|_| here), !here));
        }
        let none = Seconds::of(None);
        assert_eq!((none.time(), none.is_elsewhere()), (None, false));
    }
}
