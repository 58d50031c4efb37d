//! Shared signals, piece by piece. How instances get on with each other stands in `tests/checker/stream`.

mod batch;
mod follower;
