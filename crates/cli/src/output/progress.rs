//! A progress line on a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Drawn on stderr if that is a terminal, and not among data on the same terminal.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    bar: ProgressBar,
}

impl ProgressLine {
    /// `length` is that of the input, in bytes, if it is known.
    pub(crate) fn new(length: Option<u64>) -> Self {
        let seen = io::stderr().is_terminal() && !io::stdout().is_terminal();
        let target = match seen {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let template = match length {
            Some(_) => "{bar:24} {percent:>3} %  {msg}  {eta} left",
            None => "{spinner} {elapsed}  {msg}",
        };
        let bar = ProgressBar::with_draw_target(length, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        if seen {
            // The elapsed time moves on between answers.
            bar.enable_steady_tick(Duration::from_secs(1));
        }
        Self { bar }
    }

    /// Shows that `bytes` of the input are done; `rate_window` is what remains of the limit, and the
    /// limit.
    pub(crate) fn advance(
        &self,
        bytes: u64,
        active: u64,
        inactive: u64,
        rate_window: Option<(u64, u64)>,
    ) {
        if self.bar.is_hidden() {
            return;
        }
        let rate = (active + inactive) as f64 / self.bar.elapsed().as_secs_f64().max(1.0);
        let rate_window =
            rate_window.map(|(left, limit)| format!("  {left}/{limit} a minute left"));
        self.bar.set_position(bytes);
        self.bar.set_message(format!(
            "{active} active  {inactive} inactive  {rate:.0}/s{}",
            rate_window.unwrap_or_default()
        ));
    }

    /// Removes the line.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
