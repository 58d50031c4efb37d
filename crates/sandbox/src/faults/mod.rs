//! What can go wrong on purpose: faults, which requests they strike, and what becomes of those.

pub(crate) mod alter;
pub(crate) mod fault;
pub(crate) mod gate;
pub(crate) mod queue;
