//! Attacks on each receiver: what is answered, what is read, asked and remembered for it, and that
//! nothing is invalidated.

mod events;
mod flood;
mod hooks;
mod logout;
mod properties;
mod world;
