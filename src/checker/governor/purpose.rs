//! What calls are for, and how much is kept for each.

/// What a call is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    Recheck,
    Refresh,
    Newcomer,
}

/// What newcomers may always use of the limit, in per cent, so that new tokens
/// get in even then.
pub(super) const NEWCOMERS_PERCENT: u64 = 5;

/// A refresh can wait for the window's end: it goes only while this much of the limit is left, in
/// per cent.
pub(super) const REFRESH_PERCENT: u64 = 10;
