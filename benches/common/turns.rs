//! In which order variants take their turns.

/// The variants' order in a round. They go round, each round begins one further on, and every
/// other round goes the other way round. What ran before leaves a machine warm or idle, awake or
/// asleep, which at one call at a time is worth a third; so each comes after any other as often as
/// that one after it. The balance is whole after twice as many rounds as there are variants.
#[allow(unreachable_pub)] // a module of several benchmarks
pub fn order(round: usize, variants: usize) -> impl Iterator<Item = usize> {
    let first = round / 2;
    (0..variants).map(move |turn| {
        let step = if round.is_multiple_of(2) { turn } else { variants - turn };
        (first + step) % variants
    })
}
