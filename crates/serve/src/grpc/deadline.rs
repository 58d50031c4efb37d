//! How long the proxy waits for a call.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

/// How long an answer may take: nine tenths of what the proxy says that it waits
/// (`grpc-timeout`), since its clock began earlier. `None` if it does not say.
pub(super) fn of(headers: &HeaderMap) -> Option<Duration> {
    let waits = headers.get("grpc-timeout").and_then(parse)?;
    Some(waits.saturating_sub(waits / 10))
}

/// At most eight digits and a unit, as
/// [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests) has it.
fn parse(value: &HeaderValue) -> Option<Duration> {
    let (digits, unit) = value.to_str().ok()?.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_take_nine_tenths_of_what_the_proxy_waits() {
        for (written, micros) in [
            ("200m", Some(180_000)),
            ("1S", Some(900_000)),
            ("2M", Some(108_000_000)),
            ("1H", Some(3_240_000_000)),
            ("200000u", Some(180_000)),
            ("99999999n", Some(90_000)),
            ("0m", Some(0)),
            ("123456789m", None),
            ("+5m", None),
            ("m", None),
            ("5", None),
            ("5x", None),
            ("", None),
        ] {
            let headers = [("grpc-timeout".parse().unwrap(), written.parse().unwrap())];
            let found = of(&headers.into_iter().collect()).map(|found| found.as_micros());
            assert_eq!(found, micros, "{written}");
        }
        assert_eq!(of(&HeaderMap::new()), None);
    }
}
