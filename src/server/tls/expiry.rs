//! Logs that the certificate is about to expire, and that it has expired.

use std::time::{Duration, SystemTime};

use crate::certificates::pair::Pair;
use crate::certificates::when;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The remaining time that is short for every certificate.
const SHORT: Duration = Duration::from_secs(14 * 24 * 3600);

/// A certificate expires soon if less than a fifth of its lifetime remains: automatic renewal, usually after two thirds, is overdue.
const FIFTH: u32 = 5;

/// The minimum time between two lines about the same certificate in the same state.
const REPEAT: Duration = DAY;

/// Watches the expiry of the certificate that is served.
#[derive(Debug)]
pub(crate) struct ExpiryWatch {
    /// A sentence with what to do.
    cure: String,
    logged: Option<Logged>,
}

/// The last line about expiry.
#[derive(Debug)]
struct Logged {
    at: SystemTime,
    not_after: SystemTime,
    expiry: Expiry,
}

/// A certificate that needs attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expiry {
    Soon,
    Expired,
}

impl ExpiryWatch {
    pub(super) fn new(cure: String) -> ExpiryWatch {
        ExpiryWatch { cure, logged: None }
    }

    /// Logs the state of a certificate if it expires soon or has expired, at most once a day.
    pub(crate) fn check(&mut self, pair: &Pair, now: SystemTime) {
        let at = when(pair.not_after);
        match self.due(pair.not_before, pair.not_after, now) {
            None => {}
            Some(Expiry::Soon) => {
                let left = rough(pair.not_after.duration_since(now).unwrap_or_default());
                tracing::warn!(until = at, "the certificate expires in {left}; API servers then refuse it. {}", self.cure);
            }
            Some(Expiry::Expired) => {
                tracing::error!(until = at, "the certificate expired at {at}; API servers refuse it. {}", self.cure);
            }
        }
    }

    /// Returns what to log now about a certificate that is valid between two times.
    fn due(&mut self, not_before: SystemTime, not_after: SystemTime, now: SystemTime) -> Option<Expiry> {
        let expiry = expiry(not_before, not_after, now)?;
        // If the clock was set back, the last line is not in the past.
        let is_recent = |at: SystemTime| now.duration_since(at).is_ok_and(|since| since < REPEAT);
        let is_logged = |last: &Logged| last.expiry == expiry && last.not_after == not_after && is_recent(last.at);
        if self.logged.as_ref().is_some_and(is_logged) {
            return None;
        }
        self.logged = Some(Logged { at: now, not_after, expiry });
        Some(expiry)
    }
}

fn expiry(not_before: SystemTime, not_after: SystemTime, now: SystemTime) -> Option<Expiry> {
    let Ok(left) = not_after.duration_since(now) else { return Some(Expiry::Expired) };
    let life = not_after.duration_since(not_before).unwrap_or_default();
    match left {
        Duration::ZERO => Some(Expiry::Expired),
        left if left < SHORT.min(life / FIFTH) => Some(Expiry::Soon),
        _ => None,
    }
}

/// Returns a duration in days, or in hours if it is shorter than two days.
fn rough(left: Duration) -> String {
    match (left.as_secs() / DAY.as_secs(), left.as_secs() / HOUR.as_secs()) {
        (days @ 2.., _) => format!("{days} days"),
        (_, 0) => "less than an hour".to_owned(),
        (_, 1) => "1 hour".to_owned(),
        (_, hours) => format!("{hours} hours"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// Returns a time in days.
    fn day(days: u32) -> SystemTime {
        UNIX_EPOCH + DAY * days
    }

    #[test]
    fn a_certificate_expires_soon_in_its_last_14_days_or_in_the_last_fifth_of_its_life() {
        for (life, first) in [(365, 351), (90, 76), (30, 24), (10, 8)] {
            let at = |now: SystemTime| expiry(day(0), day(life), now);
            assert_eq!(at(day(first)), None, "{life}");
            assert_eq!(at(day(first) + Duration::from_secs(1)), Some(Expiry::Soon), "{life}");
            assert_eq!(at(day(life) - Duration::from_secs(1)), Some(Expiry::Soon), "{life}");
            assert_eq!(at(day(life)), Some(Expiry::Expired), "{life}");
        }
    }

    #[test]
    fn a_line_is_repeated_daily_until_there_is_another_certificate() {
        let mut watch = ExpiryWatch::new(String::new());
        let mut due = |not_after: u32, now: SystemTime| watch.due(day(0), day(not_after), now);
        assert_eq!(due(90, day(50)), None);
        assert_eq!(due(90, day(80)), Some(Expiry::Soon));
        assert_eq!(due(90, day(80) + HOUR * 23), None);
        assert_eq!(due(90, day(81)), Some(Expiry::Soon));
        assert_eq!(due(90, day(89) + HOUR * 23), Some(Expiry::Soon));
        assert_eq!(due(90, day(90)), Some(Expiry::Expired), "at once");
        assert_eq!(due(90, day(90) + HOUR), None);
        assert_eq!(due(90, day(91)), Some(Expiry::Expired));
        assert_eq!(due(180, day(91)), None);
        assert_eq!(due(100, day(91)), Some(Expiry::Soon), "another certificate");
        assert_eq!(due(100, day(90)), Some(Expiry::Soon), "the clock was set back");
    }

    #[test]
    fn the_remaining_time_is_in_days_or_hours() {
        let texts = [DAY * 13 + HOUR, DAY * 2, HOUR * 47, HOUR, Duration::from_secs(59)].map(rough);
        assert_eq!(texts, ["13 days", "2 days", "47 hours", "1 hour", "less than an hour"]);
    }
}
