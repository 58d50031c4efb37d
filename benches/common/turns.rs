//! In which order variants take their turns.

use std::time::Duration;

/// The variants' order in a round. What ran before leaves a machine warm or cold, awake or asleep,
/// which at one call at a time is worth a third. So they go round, each second round begins one
/// further on, and the one between goes the other way round: after twice as many rounds as there
/// are variants, any two have changed places with all the others where they were.
pub(crate) fn order(round: usize, variants: usize) -> impl Iterator<Item = usize> {
    let first = round / 2;
    (0..variants).map(move |turn| {
        let step = if round.is_multiple_of(2) { turn } else { variants - turn };
        (first + step) % variants
    })
}

/// Lets the machine forget what the round before ended with: a real wait, as only a benchmark may.
pub(crate) fn rest() {
    std::thread::sleep(Duration::from_millis(5));
}
