//! Whether a request may go out now.

pub(crate) mod circuit;
pub(crate) mod rate_window;
