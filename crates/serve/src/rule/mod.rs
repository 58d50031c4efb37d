//! Which rule a request has to meet. Without one it is denied.

mod builder;
mod condition;
mod host;
mod overlap;
mod pattern;
mod rules;
mod table;
mod template;

#[cfg(test)]
mod tests;

pub use self::builder::RulesBuilder;
pub use self::pattern::{Pattern, Rule};
pub use self::rules::{Rules, UnknownRule};
