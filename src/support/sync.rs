//! The locks and atomics of what several threads touch: the standard library's, or those of a
//! scheduler that tries interleavings (`--cfg shuttle`, see `checker::interleavings`).

#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, atomic};

#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, atomic};
