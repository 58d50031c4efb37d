//! A line that tells how far it has come, for somebody who looks.

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
            // The rest of the time still passes while nothing is answered.
            bar.enable_steady_tick(Duration::from_secs(1));
        }
        Self { bar }
    }

    /// So many bytes of the input are dealt with; `budget` is what is left of the rate limit.
    pub(crate) fn advance(
        &self,
        bytes: u64,
        active: u64,
        inactive: u64,
        budget: Option<(u64, u64)>,
    ) {
        if self.bar.is_hidden() {
            return;
        }
        let rate = (active + inactive) as f64 / self.bar.elapsed().as_secs_f64().max(1.0);
        let budget = budget.map(|(left, limit)| format!("  {left}/{limit} a minute left"));
        self.bar.set_position(bytes);
        self.bar.set_message(format!(
            "{active} active  {inactive} inactive  {rate:.0}/s{}",
            budget.unwrap_or_default()
        ));
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
