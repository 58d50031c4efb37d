//! The command that reckons calls beforehand.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use okta_introspect::checker::SignalMode;

use crate::exit::Exit;

use super::duration::{duration, interval, poll_interval};
use super::shared::help;

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::PLAN_HELP, &[
    "plan --tokens 1000 --max-age 30s --instances 10",
    "plan --tokens 1000 --max-age 30s --instances 10 --shared --signals extend",
    "plan --tokens 5000 --max-age 5m --limit 1000 --json | jq .calls.expected",
]))]
pub(crate) struct PlanArgs {
    /// How many tokens are in use at a time, in the whole service
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    pub(crate) tokens: u64,
    /// How old an answer may be: 500ms, 5s, 10m, 2h; at least 100ms
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = interval, allow_negative_numbers = true)]
    pub(crate) max_age: Duration,
    /// How often one token is presented in a minute, to all instances together; default: so often
    /// that every instance always needs it
    #[arg(long, value_name = "COUNT", value_parser = rate, allow_negative_numbers = true)]
    pub(crate) checks: Option<f64>,
    /// How many instances there are
    #[arg(long, value_name = "COUNT", default_value = "1", allow_negative_numbers = true)]
    pub(crate) instances: u64,
    /// They share a store, such as Redis
    #[arg(long)]
    pub(crate) shared: bool,
    /// What signals of revocations do: off, purge, shadow or extend
    #[arg(long, value_name = "MODE", default_value = "off", value_parser = signal_mode())]
    pub(crate) signals: SignalMode,
    /// How old an extended answer may be
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) extension_limit: Duration,
    /// How long it takes between two questions to the System Log
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = poll_interval, allow_negative_numbers = true)]
    pub(crate) interval: Duration,
    /// How late the System Log tells of an event; `signals test` measures it
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) log_lag: Duration,
    /// How many calls a minute the server lets this app make; `doctor` tells it
    #[arg(long, value_name = "COUNT", default_value = "600", allow_negative_numbers = true)]
    pub(crate) limit: u64,
    /// What the checker may use of that, in per cent
    #[arg(long, value_name = "PERCENT", default_value = "90", value_parser = clap::value_parser!(u8).range(1..=100), allow_negative_numbers = true)]
    pub(crate) share: u8,
    /// How many calls a minute the server lets this app make to its System Log
    #[arg(long, value_name = "COUNT", default_value = "60", allow_negative_numbers = true)]
    pub(crate) log_limit: u64,
    /// Draw the calls over the bound into this file, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A number above zero, of which there may be parts.
fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or("give a number above 0")
}

fn signal_mode() -> impl TypedValueParser<Value = SignalMode> {
    PossibleValuesParser::new(SignalMode::NAMES).map(|name| {
        let modes = [SignalMode::Off, SignalMode::Purge, SignalMode::Shadow, SignalMode::Extend];
        let named = modes.into_iter().find(|mode| mode.as_str() == name);
        named.unwrap_or_default() // the parser lets only these names pass
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_above_zero() {
        assert_eq!((rate("0.5"), rate("1e3")), (Ok(0.5), Ok(1000.0)));
        for text in ["", "0", "-1", "nan", "inf", "1e999", "x"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
