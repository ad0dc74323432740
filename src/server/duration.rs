//! Durations as Go prints them: `10s`, `1h30m`, `1.5s`, `500ms`.

use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

/// Reads durations with units from hours down to nanoseconds.
const PARSER: SpanParser = SpanParser::new();

/// Returns the duration that `text` states, or `None` if it is not one. `0` needs no unit. Negative
/// durations, spaces and units longer than an hour are not accepted.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    // Go also accepts a leading dot, and the Greek letter for the micro sign.
    let zero = if text.starts_with('.') { "0" } else { "" };
    let text = format!("{zero}{text}").replace('\u{3bc}', "\u{b5}");
    if text.contains(char::is_whitespace) {
        return None;
    }
    PARSER.parse_unsigned_duration(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_as_go_prints_them() {
        for (text, millis) in [
            ("5s", 5000),
            ("1m30s", 90_000),
            ("1h0m0s", 3_600_000),
            ("1m1.5s", 61_500),
            ("500ms", 500),
            ("1.5s", 1500),
            (".5s", 500),
            ("1h", 3_600_000),
            ("1.5h", 5_400_000),
            ("0", 0),
            ("0s", 0),
            ("+2s", 2000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("250us"), Some(Duration::from_micros(250)));
        assert_eq!(parse("250\u{b5}s"), Some(Duration::from_micros(250)));
        assert_eq!(parse("250\u{3bc}s"), Some(Duration::from_micros(250)));
        assert_eq!(parse("100ns"), Some(Duration::from_nanos(100)));
    }

    #[test]
    fn other_text_is_not_a_duration() {
        for text in
            ["", "+", ".", "5", "s", "-5s", "+-5s", "5 s", "five", "5s5", "1..5s", "5d", "99999999999999999999h", "NaNs", "%35s", "PT5S"]
        {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
