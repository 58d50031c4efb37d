//! Real tokens: SoftHSM, a TPM in software, and OpenSC's spy before one. Each test has a process of its
//! own, since a module has one state and one environment for a whole process.

#![cfg(unix)]

mod faults;
mod recovery;
mod requests;
mod signatures;
mod token;
mod traffic;
