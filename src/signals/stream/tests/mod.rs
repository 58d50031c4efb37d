//! Shared signals, piece by piece.
