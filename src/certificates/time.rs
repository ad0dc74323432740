//! Dates in certificates.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long before the time of issue a certificate starts to be valid: clocks differ between machines.
pub const BACKDATED: Duration = Duration::from_secs(300);

/// Formats a time for messages, as RFC 3339 in UTC.
pub fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "a time out of range".to_owned(), |time| time.to_string())
}

/// Returns the time at which two thirds of a validity period have passed. Certificates are renewed then.
pub fn two_thirds(not_before: SystemTime, not_after: SystemTime) -> SystemTime {
    not_before + not_after.duration_since(not_before).unwrap_or_default() / 3 * 2
}

/// Converts a Unix timestamp in seconds, as an X.509 date has it.
pub fn from_unix(seconds: i64) -> SystemTime {
    let offset = Duration::from_secs(seconds.unsigned_abs());
    if seconds >= 0 { UNIX_EPOCH.checked_add(offset) } else { UNIX_EPOCH.checked_sub(offset) }.unwrap_or(UNIX_EPOCH)
}
