//! Timers in virtual time: a wheel of short ticks, since nearly all of them are of the next seconds.

use std::collections::BTreeMap;
use std::task::Waker;

/// Nanoseconds of a tick, as a power of two: the network's times are told apart, and what comes at
/// nearly one time to thousands comes at once.
const TICK: u32 = 16;

/// Ticks of the wheel, as a power of two: together some nine seconds.
const WHEEL: u32 = 17;

const MASK: u64 = (1 << WHEEL) - 1;

/// One timer. Whoever has set it gives it back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Timer {
    place: u32,
    /// Which of those is meant that had the place one after the other.
    owner: u32,
}

#[derive(Debug, Default)]
struct Place {
    waker: Option<Waker>,
    owner: u32,
    /// How often something was entered for this place. What a bucket has of earlier times counts no
    /// more.
    times: u32,
}

/// What a bucket has of a timer.
#[derive(Clone, Copy, Debug)]
struct Entry {
    place: u32,
    times: u32,
}

/// All timers. Those of one tick come in the order in which they were set.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The tick that is now.
    tick: u64,
    places: Vec<Place>,
    free: Vec<u32>,
    near: Vec<Vec<Entry>>,
    /// Which buckets have something, a bit for each.
    taken: Vec<u64>,
    far: BTreeMap<u64, Vec<Entry>>,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        let buckets = 1 << WHEEL;
        Self {
            tick: 0,
            places: Vec::new(),
            free: Vec::new(),
            near: vec![Vec::new(); buckets],
            taken: vec![0; buckets / 64],
            far: BTreeMap::new(),
        }
    }

    /// Wakes somebody at the first tick that is not before `nanos`, and not at once.
    pub(crate) fn set(&mut self, nanos: u64, waker: Waker) -> Timer {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            self.places.len() as u32 - 1
        });
        let held = &mut self.places[place as usize];
        held.waker = Some(waker);
        let timer = Timer { place, owner: held.owner };
        self.enter(nanos, place);
        timer
    }

    /// Has a timer come at another time; does nothing if it has come or was given back.
    pub(crate) fn move_to(&mut self, timer: Timer, nanos: u64) {
        let held = &self.places[timer.place as usize];
        if held.owner == timer.owner && held.waker.is_some() {
            self.enter(nanos, timer.place);
        }
    }

    /// Has another waker woken, unless the timer has come.
    pub(crate) fn wake_instead(&mut self, timer: Timer, waker: &Waker) {
        if let Some(held) = &mut self.places[timer.place as usize].waker {
            held.clone_from(waker);
        }
    }

    /// Whoever has set it does so once.
    pub(crate) fn give_back(&mut self, timer: Timer) {
        let held = &mut self.places[timer.place as usize];
        held.waker = None;
        held.owner = held.owner.wrapping_add(1);
        held.times = held.times.wrapping_add(1);
        self.free.push(timer.place);
    }

    fn enter(&mut self, nanos: u64, place: u32) {
        let held = &mut self.places[place as usize];
        held.times = held.times.wrapping_add(1);
        let entry = Entry { place, times: held.times };
        let tick = nanos.div_ceil(1 << TICK).max(self.tick + 1);
        if tick - self.tick > MASK {
            return self.far.entry(tick).or_default().push(entry);
        }
        let bucket = (tick & MASK) as usize;
        self.near[bucket].push(entry);
        self.taken[bucket / 64] |= 1 << (bucket % 64);
    }

    /// Goes on to the next tick that has a timer, and hands out whom to wake: nobody if there is none.
    pub(crate) fn turn(&mut self, woken: &mut Vec<Waker>) {
        while woken.is_empty() {
            let far = self.far.first_key_value().map(|(tick, _)| *tick);
            let near = self.next_near();
            let Some(tick) = far.into_iter().chain(near).min() else { return };
            self.tick = tick;
            if far == Some(tick)
                && let Some(bucket) = self.far.remove(&tick)
            {
                self.take(&bucket, woken);
            }
            if near == Some(tick) {
                let at = (tick & MASK) as usize;
                self.taken[at / 64] &= !(1 << (at % 64));
                let mut bucket = std::mem::take(&mut self.near[at]);
                self.take(&bucket, woken);
                bucket.clear();
                self.near[at] = bucket;
            }
        }
    }

    fn take(&mut self, bucket: &[Entry], woken: &mut Vec<Waker>) {
        for entry in bucket {
            let held = &mut self.places[entry.place as usize];
            if held.times == entry.times {
                woken.extend(held.waker.take());
            }
        }
    }

    /// The next tick of the wheel whose bucket has something.
    fn next_near(&self) -> Option<u64> {
        let begin = self.tick + 1;
        let (word, bit) = ((begin & MASK) as usize / 64, begin % 64);
        let words = self.taken.len();
        let first = self.taken[word] & (u64::MAX << bit);
        // The first word comes once more at the end, for what lies before the beginning.
        let others = (1..=words).map(|by| (by, self.taken[(word + by) % words]));
        let (by, taken) =
            std::iter::once((0, first)).chain(others).find(|(_, taken)| *taken != 0)?;
        let aligned = begin - bit;
        Some(aligned + by as u64 * 64 + u64::from(taken.trailing_zeros()))
    }

    /// Now, in nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        self.tick << TICK
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::task::Wake;

    use super::*;

    #[derive(Debug)]
    struct Noted(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for Noted {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[derive(Default)]
    struct Rig {
        woken: Arc<Mutex<Vec<usize>>>,
        next: AtomicUsize,
    }

    impl Rig {
        fn waker(&self) -> Waker {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            Arc::new(Noted(number, Arc::clone(&self.woken))).into()
        }

        /// Who is woken at the next tick, and when that is.
        fn turn(&self, wheel: &mut Wheel) -> (u64, Vec<usize>) {
            let mut wakers = Vec::new();
            wheel.turn(&mut wakers);
            wakers.into_iter().for_each(Waker::wake);
            (wheel.now(), std::mem::take(&mut self.woken.lock().unwrap()))
        }
    }

    const fn ticks(number: u64) -> u64 {
        number << TICK
    }

    #[test]
    fn timers_come_in_their_order_and_never_early() {
        let (rig, mut wheel) = (Rig::default(), Wheel::new());
        let far = ticks(3 << WHEEL);
        for at in
            [far, ticks(5), ticks(5) - 1, ticks(4) + 1, 0, far + 1, ticks(MASK), ticks(MASK + 1)]
        {
            wheel.set(at, rig.waker());
        }
        let expected = [
            (ticks(1), vec![4]),
            (ticks(5), vec![1, 2, 3]),
            (ticks(MASK), vec![6]),
            (ticks(MASK + 1), vec![7]),
            (far, vec![0]),
            (far + ticks(1), vec![5]),
        ];
        for next in expected {
            assert_eq!(rig.turn(&mut wheel), next);
        }
        assert_eq!(rig.turn(&mut wheel), (far + ticks(1), vec![]));
    }

    #[test]
    fn what_is_given_back_or_moved_does_not_come_as_it_was_set() {
        let (rig, mut wheel) = (Rig::default(), Wheel::new());
        let [first, second, third] = [7, 8, 9].map(|at| wheel.set(ticks(at), rig.waker()));
        wheel.give_back(first);
        wheel.move_to(first, ticks(2));
        wheel.move_to(second, ticks(3));
        // In the place of the first one.
        wheel.set(ticks(20), rig.waker());
        wheel.wake_instead(third, &rig.waker());
        assert_eq!(rig.turn(&mut wheel), (ticks(3), vec![1]));
        assert_eq!(rig.turn(&mut wheel), (ticks(9), vec![4]));
        assert_eq!(rig.turn(&mut wheel), (ticks(20), vec![3]));
    }
}
