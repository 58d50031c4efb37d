//! A program that signs.
