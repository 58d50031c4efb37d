use super::*;
use crate::clock::{Clock, SystemClock};
use crate::support::random::{Random, SeededRandom};

const M: u64 = 1_796_000_000_000_000;
const FIRST: TimeScale = TimeScale([1; 16]);
const SECOND: TimeScale = TimeScale([2; 16]);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn on(scale: TimeScale, micros: u64) -> StoreTime {
    StoreTime { micros, scale }
}

/// A clock that was read at `at`, in a round trip of `millis`.
fn read_at(at: Instant, millis: u64) -> Scale {
    let mut scales = Scales::default();
    assert!(!scales.take(at, at + ms(millis), on(FIRST, M)));
    scales.current(at + ms(millis)).unwrap()
}

#[test]
fn a_time_is_known_to_the_round_trip_and_to_the_drift_since() {
    let sent = SystemClock.monotonic();
    let scale = read_at(sent, 2);
    let at = |seconds: u64| sent + ms(2 + 1_000 * seconds);
    // Half a millisecond a second, from the end that makes it more.
    assert_eq!(scale.earliest(at(30)), M + 30_000_000 - 15_000);
    assert_eq!(scale.latest(at(30)), M + 1 + 30_002_000 + 15_001);
    assert_eq!(scale.earliest(sent - ms(1_000)), M - 1_002_000 - 501);
    assert_eq!(scale.latest(sent - ms(1_000)), M + 1 - 1_000_000 + 500);
    let nanos = Duration::from_nanos;
    assert_eq!(scale.earliest_moment(M), Some(sent - nanos(1_001)));
    let minute = 60_000_000_000;
    let ahead = scale.earliest_moment(M + 60_000_000).unwrap() - sent;
    assert_eq!(ahead, nanos(minute - 1_000) - nanos((minute - 1_000).div_ceil(1_999)));
    let behind = sent - scale.earliest_moment(M - 60_000_000).unwrap();
    assert_eq!(behind, nanos(minute + 1_000) + nanos((minute + 1_000).div_ceil(1_999)));
}

/// A store's clock that runs wrong by up to 500 parts in a million.
struct Drifting {
    origin: Instant,
    parts: i128,
}

impl Drifting {
    fn shows(&self, at: Instant) -> u64 {
        let nanos = i128::try_from((at - self.origin).as_nanos()).unwrap();
        M + u64::try_from((nanos + nanos * self.parts / 1_000_000) / 1_000).unwrap()
    }
}

#[test]
fn what_is_true_lies_between_the_ends_and_neither_can_be_drawn_in() {
    let (origin, random) = (SystemClock.monotonic(), SeededRandom::new(7));
    let upto = |millis: u64| Duration::from_secs_f64(random.fraction() * millis as f64 / 1e3);
    let (mut least, mut most) = (Duration::MAX, Duration::MAX);
    for round in 0..20_000 {
        let parts = match round % 3 {
            0 => 500,
            1 => -500,
            _ => (random.fraction() * 1_000.0) as i128 - 500,
        };
        let clock = Drifting { origin, parts };
        let (sent, trip) = (origin + ms(100_000) + upto(60_000), upto(100));
        // At either end of the round trip, or between them.
        let read = sent + trip.mul_f64([0.0, 1.0, random.fraction()][round / 3 % 3]);
        let mut scales = Scales::default();
        scales.take(sent, sent + trip, on(FIRST, clock.shows(read)));
        let scale = scales.current(sent + trip).unwrap();
        let event = sent - ms(30_000) + upto(60_000);
        let shown = clock.shows(event);
        assert!(scale.earliest(event) <= shown && shown <= scale.latest(event), "{round}");
        assert!(scale.earliest_moment(shown).unwrap() <= event, "{round}");
        least = least.min(Duration::from_micros(shown - scale.earliest(event)));
        most = most.min(Duration::from_micros(scale.latest(event) - shown));
    }
    assert!(least <= Duration::from_micros(1) && most <= Duration::from_micros(1));
}

#[test]
fn a_clock_of_which_too_little_is_known_is_not_known() {
    let (mut scales, sent) = (Scales::default(), SystemClock.monotonic());
    let micro = Duration::from_micros(1);
    scales.take(sent, sent + ms(100) + micro, on(FIRST, M));
    assert!(scales.current(sent + ms(101)).is_none());
    scales.take(sent, sent + ms(100), on(FIRST, M));
    assert!(scales.current(sent + MAX_AGE).is_some());
    assert!(scales.current(sent + MAX_AGE + micro).is_none());
}

#[test]
fn it_is_time_for_a_reading_after_1_2_4_and_at_most_30_seconds_and_soon_after_a_sign() {
    let (mut scales, begun) = (Scales::default(), SystemClock.monotonic());
    assert!(scales.begin_renewal(begun) && !scales.begin_renewal(begun));
    scales.end_renewal();
    let nano = Duration::from_nanos(1);
    let read = |scales: &mut Scales, at: Instant| {
        let micros = u64::try_from((at - begun).as_micros()).unwrap();
        assert!(!scales.take(at, at, on(FIRST, M + micros)));
    };
    read(&mut scales, begun);
    let mut at = begun;
    for pause in [1, 1, 2, 4, 8, 16, 30, 30, 30] {
        let due = at + pause * RENEW_SOON_AFTER;
        assert!(!scales.begin_renewal(due), "{pause}");
        assert!(scales.begin_renewal(due + nano), "{pause}");
        scales.end_renewal();
        read(&mut scales, due);
        at = due;
    }
    scales.note_sign();
    assert!(!scales.begin_renewal(at + RENEW_SOON_AFTER));
    assert!(scales.begin_renewal(at + RENEW_SOON_AFTER + nano));
    scales.end_renewal();
    read(&mut scales, at + RENEW_SOON_AFTER);
    assert!(!scales.begin_renewal(at + RENEW_SOON_AFTER + RENEW_AFTER));
}

/// Whether the scale goes on if a second reading, in no time, is off by so many microseconds after
/// 30 seconds.
fn goes_on(off: i64) -> bool {
    let (mut scales, sent) = (Scales::default(), SystemClock.monotonic());
    scales.take(sent, sent + ms(2), on(FIRST, M));
    let at = sent + ms(30_002);
    let again = scales.take(at, at, on(FIRST, (M + 30_000_000).saturating_add_signed(off)));
    assert_eq!(again, scales.broken() == Some(FIRST));
    !again && scales.current(at).is_some()
}

#[test]
fn what_drift_and_round_trip_explain_is_no_step_and_a_microsecond_more_is() {
    // The first was taken up to 2 ms before it came, and the clock may be 15 ms ahead or behind.
    let (behind, ahead) = (-15_000 - 1, 2_000 + 15_001 + 1);
    assert_eq!([behind - 1, behind, ahead, ahead + 1].map(goes_on), [false, true, true, false]);
    let hour = 3_600_000_000;
    assert_eq!([-hour, hour].map(goes_on), [false; 2]);
}

#[test]
fn a_step_that_may_be_drift_makes_answers_of_either_side_no_younger() {
    let (mut scales, sent) = (Scales::default(), SystemClock.monotonic());
    scales.take(sent, sent, on(FIRST, M));
    // Back by 10 ms, ten seconds before the next reading.
    let at = sent + ms(30_000);
    assert!(!scales.take(at, at, on(FIRST, M + 30_000_000 - 10_000)));
    let (scale, put) = (scales.current(at).unwrap(), sent + ms(19_000));
    let found = scale.earliest_moment(M + 19_000_000).unwrap();
    assert!(found <= put && put - found < ms(11), "{:?}", put - found);
}

#[test]
fn a_scale_is_replaced_and_not_returned_to() {
    let (mut scales, sent) = (Scales::default(), SystemClock.monotonic());
    let at = |seconds: u64| sent + ms(1_000 * seconds);
    scales.take(at(0), at(0), on(FIRST, M));
    assert!(!scales.take(at(1), at(1), on(SECOND, M)));
    assert_eq!((scales.current(at(1)).unwrap().id(), scales.changes()), (SECOND, 1));
    // An answer that was overtaken says nothing.
    assert!(!scales.take(at(0), at(0) + ms(50), on(FIRST, M)));
    assert_eq!(scales.current(at(1)).unwrap().id(), SECOND);
    let unknown = TimeScale([4; 16]);
    assert!(!scales.take(at(0), at(0) + ms(50), on(unknown, M)));
    assert_eq!(scales.current(at(1)).unwrap().id(), SECOND);
    // The store was made to return to the first one.
    assert!(scales.take(at(2), at(2), on(FIRST, M + 2_000_000)));
    assert!(scales.current(at(2)).is_none());
    assert_eq!(scales.broken(), Some(FIRST));
    let third = TimeScale([3; 16]);
    assert!(!scales.take(at(2), at(2), on(third, M)));
    assert_eq!((scales.current(at(2)).unwrap().id(), scales.broken()), (third, None));
    assert!(scales.take(at(3), at(3), on(SECOND, M + 3_000_000)));
}

#[test]
fn a_store_that_has_failed_is_read_again_before_it_counts() {
    let (mut scales, sent) = (Scales::default(), SystemClock.monotonic());
    scales.take(sent, sent, on(FIRST, M));
    let failed = sent + ms(1_000);
    scales.doubt(failed);
    assert!(scales.current(failed).is_none());
    // This was on its way when it failed.
    let before = failed - ms(1);
    scales.take(before, failed, on(FIRST, M + 999_000));
    assert!(scales.current(failed).is_none());
    scales.take(failed, failed, on(FIRST, M + 1_000_000));
    assert!(scales.current(failed).is_some());
}

#[test]
fn no_time_is_too_far_to_be_told() {
    let scale = read_at(SystemClock.monotonic(), 1);
    assert_eq!(scale.earliest_moment(u64::MAX), None);
    let far = scale.earliest_moment(0);
    assert!(far.is_none_or(|at| at < SystemClock.monotonic()));
}
