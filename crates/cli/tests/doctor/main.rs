//! `doctor` names the true cause of what is broken, and finds nothing where nothing is.

#[path = "../common/mod.rs"]
mod common;

mod address;
mod case;
mod certificates;
mod healthy;
mod registrations;
mod report;
mod servers;
mod settings;
