//! A point in time on the command line.

use std::time::Duration;

use jiff::Timestamp;

use crate::server::duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A time, or a duration before the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    At(Timestamp),
    Ago(Duration),
}

impl Moment {
    /// Returns the time, if the command runs at `now`. A duration that is too long means the earliest time.
    pub(super) fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Moment::At(time) => time,
            Moment::Ago(duration) => now.checked_sub(duration).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Parses a time: `2026-11-22T16:16:10Z`, `90m`, `7d`.
///
/// # Errors
/// Returns the expected form.
pub(super) fn parse(text: &str) -> Result<Moment, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()).and_then(|days| DAY.checked_mul(days));
    if let Some(ago) = days.or_else(|| duration::parse(text)) {
        return Ok(Moment::Ago(ago));
    }
    let time = text
        .parse()
        .map_err(|_| "write a time with its zone, for example 2026-11-22T16:16:10Z, or a duration, for example 2h, 90m or 7d")?;
    Ok(Moment::At(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_duration_before_now() {
        let now: Timestamp = "2026-11-22T16:00:00Z".parse().unwrap();
        for (text, time) in [
            ("2026-11-22T16:16:10Z", "2026-11-22T16:16:10Z"),
            ("2026-11-22T17:16:10.5+01:00", "2026-11-22T16:16:10.5Z"),
            ("2h", "2026-11-22T14:00:00Z"),
            ("1h30m", "2026-11-22T14:30:00Z"),
            ("2d", "2026-11-20T16:00:00Z"),
            ("0", "2026-11-22T16:00:00Z"),
        ] {
            assert_eq!(parse(text).unwrap().time(now), time.parse().unwrap(), "{text}");
        }
        assert_eq!(parse("4294967295d").unwrap().time(now), Timestamp::MIN);
        for wrong in ["", "yesterday", "2026-11-22", "16:16", "-2h", "2", "1.5d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
