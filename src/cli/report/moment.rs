//! The time that the page shows.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Parses a time with its zone, or seconds since 1970, as `SOURCE_DATE_EPOCH` has them.
///
/// # Errors
/// Returns the expected form.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    let seconds = text.parse::<i64>().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let message = || "write a time with its zone, for example 2026-11-22T16:16:10Z, or seconds since 1970".to_owned();
    seconds.or_else(|| text.parse().ok()).ok_or_else(message)
}

/// Returns a time in words: `2026-11-22 16:16 UTC`.
pub(super) fn text(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_or_counted() {
        for (given, shown) in [
            ("2026-11-22T16:16:10Z", "2026-11-22 16:16 UTC"),
            ("2026-11-22T17:16:10+01:00", "2026-11-22 16:16 UTC"),
            ("1795364170", "2026-11-22 16:16 UTC"),
            ("0", "1970-01-01 00:00 UTC"),
        ] {
            assert_eq!(text(parse(given).unwrap()), shown, "{given}");
        }
        for wrong in ["", "yesterday", "2026-11-22", "1.5", "99999999999999999999"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
