//! The deadline of a response: the `?timeout=` of the request, less a margin.

use std::time::Duration;

use tokio::time::Instant;

/// The timeout of a request without `?timeout=`.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest timeout, which is the longest that an API server allows for a webhook.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest margin for the transport of the response.
const MAX_MARGIN: Duration = Duration::from_millis(500);

/// Returns the deadline of the response to a request that arrived at `arrived` with the query string `query`.
/// A value that is no duration is ignored: the API server enforces its own deadline.
pub fn of(query: Option<&str>, arrived: Instant) -> Instant {
    let asked = query.and_then(timeout_of).unwrap_or(DEFAULT_TIMEOUT).min(MAX_TIMEOUT);
    arrived + asked.saturating_sub((asked / 10).min(MAX_MARGIN))
}

fn timeout_of(query: &str) -> Option<Duration> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("timeout="))?;
    parse(value).filter(|asked| !asked.is_zero())
}

/// Parses a duration in Go's syntax: `5s`, `1m30s`, `500ms`, `1.5s`; `0` needs no unit.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() || text.is_empty() {
        let number_ends = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, behind) = rest.split_at(number_ends);
        let unit_ends = behind.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_ends);
        let unit = match unit {
            "ns" => 1e-9,
            // The micro sign and the Greek letter.
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = behind;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_syntax_of_go() {
        for (text, millis) in
            [("5s", 5000), ("1m30s", 90_000), ("500ms", 500), ("1.5s", 1500), (".5s", 500), ("1h", 3_600_000), ("0", 0), ("+2s", 2000)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("250us"), Some(Duration::from_micros(250)));
        assert_eq!(parse("250\u{b5}s"), Some(Duration::from_micros(250)));
    }

    #[test]
    fn other_text_is_no_duration() {
        for text in ["", "5", "s", "-5s", "5 s", "five", "5s5", "1..5s", "5d", "99999999999999999999h", "NaNs", "%35s"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_deadline_has_a_margin_and_a_maximum() {
        let arrived = Instant::now();
        let left = |query| of(query, arrived) - arrived;
        assert_eq!(left(None), Duration::from_millis(9500));
        assert_eq!(left(Some("timeout=5s")), Duration::from_millis(4500));
        assert_eq!(left(Some("a=b&timeout=1s")), Duration::from_millis(900));
        assert_eq!(left(Some("timeout=1h")), Duration::from_millis(29_500));
        for nonsense in ["timeout=", "timeout=soon", "timeout=0s", "timeout=-1s", "", "xtimeout=1s"] {
            assert_eq!(left(Some(nonsense)), Duration::from_millis(9500), "{nonsense:?}");
        }
    }
}
