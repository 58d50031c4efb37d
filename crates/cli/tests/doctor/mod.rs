//! `doctor` names the true cause of what is broken, and finds nothing where nothing is.

mod address;
mod case;
mod certificates;
mod healthy;
mod registrations;
mod report;
mod servers;
mod settings;
