//! Lengths of time as people type them.

use std::time::Duration;

/// No wait that somebody means is longer.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3_600);

/// What to give.
pub(crate) const NOTATION: &str =
    "give a number above 0 and its unit, such as 50ms, 5s, 10m, 2h or 1d";

/// Reads a whole number and its unit: `50ms`, `5s`, `10m`, `2h`, `1d`. A number alone counts
/// seconds, as it does for the other options. Nothing, and more than a year, is refused.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    let (number, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let millis = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(NOTATION),
    };
    let number: u64 = number.parse().map_err(|_| NOTATION)?;
    let length = Duration::from_millis(number.checked_mul(millis).ok_or(NOTATION)?);
    if length.is_zero() || length > LONGEST { Err(NOTATION) } else { Ok(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_unit_are_a_length_of_time() {
        for (text, millis) in [
            ("1ms", 1),
            ("50ms", 50),
            ("5", 5_000),
            ("5s", 5_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("366d", 31_622_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_none_or_nothing_or_endless_is_refused() {
        for text in ["", "s", "0", "0ms", "-1s", "+1s", "1.5s", "5 s", "5S", "5sec", "\u{0665}s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["367d", "18446744073709551615d", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
