//! Audit lines about requests that get an HTTP error instead of a verdict.
//!
//! With `failurePolicy: Fail` the API server rejects such a request, so the line belongs to every level of the log. With
//! `--client-ca`, only API servers can send requests, and each such request has a line. Without it, any client that
//! reaches the port can cause errors, with a few bytes each, so the number of lines is limited.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::refusal::Refusal;
use crate::admission::stated_uid;
use crate::audit::{Omitted, Sink, Unanswered};
use crate::verdict::Stage;

/// The number of lines that clients without a verified certificate can cause at once.
const BURST: u32 = 30;

/// The time after which they can cause one more line: 8,640 lines a day, which are about 4 MB, and
/// as many with the number of the others, which are about 3 MB.
const REFILL: Duration = Duration::from_secs(10);

/// The number of bytes at the start of a body to search for its uid. An API server writes about 120 bytes before it.
const SEARCHED: usize = 512;

/// A request that got an error.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) refusal: Refusal,
    /// The uid, if it is known.
    pub(crate) uid: Option<String>,
}

impl Failed {
    /// Returns an error for a request whose body begins with `start`.
    pub(crate) fn with_body(refusal: Refusal, start: &[u8]) -> Failed {
        Failed { refusal, uid: stated_uid(start.get(..SEARCHED).unwrap_or(start)) }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Failed {
        Failed { refusal, uid: None }
    }
}

/// What the server knows about the request besides its error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    pub(crate) stage: Stage,
    pub(crate) latency: Duration,
    pub(crate) client_verified: bool,
}

/// Writes a line about a request that got an error, if the limit permits it.
pub(crate) fn note(failed: Failed, of: Circumstances, sink: &Sink, quota: &Quota) {
    let Circumstances { stage, latency, client_verified } = of;
    let Some(omitted) = (if client_verified { Some(0) } else { quota.take(Instant::now()) }) else { return };
    let Failed { refusal, uid } = failed;
    let is_queued = sink.offer_unanswered(&Unanswered {
        time: jiff::Timestamp::now(),
        omitted,
        uid,
        stage: match stage {
            Stage::Mutate => "mutate",
            Stage::Validate => "validate",
        },
        cause: refusal.cause(),
        status: refusal.status().as_u16(),
        messages: [refusal.to_string()],
        client_verified,
        latency,
    });
    if !is_queued {
        quota.put_back(omitted);
    }
}

/// Writes the number of requests that got no line, as soon as the limit permits a line. Every review calls it, so it only
/// reads one number if there are none.
pub(crate) fn note_omitted(now: Instant, sink: &Sink, quota: &Quota) {
    if let Some(omitted) = quota.take_omitted(now)
        && !sink.offer_omitted(&Omitted::new(omitted))
    {
        quota.put_back(omitted);
    }
}

/// Writes the number of requests that got no line before the audit log is closed.
pub(crate) fn note_last(sink: &Sink, quota: &Quota) {
    let omitted = quota.rest();
    if omitted > 0 && !sink.offer_omitted(&Omitted::new(omitted)) {
        tracing::warn!(omitted, "requests got an HTTP error and have no line in the audit log");
    }
}

/// The limit on lines that clients without a verified certificate cause.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    lines: Mutex<Lines>,
    /// Requests without a line since the last line.
    omitted: AtomicU64,
}

#[derive(Debug, Default)]
struct Lines {
    /// Lines that were written and do not count as refilled yet.
    used: u32,
    /// When the last one counted as refilled; `None` if there is none to refill.
    since: Option<Instant>,
}

impl Quota {
    /// Takes one line; returns the number of requests that had none since the last one, or `None` if this request has none.
    fn take(&self, now: Instant) -> Option<u64> {
        let mut lines = self.lines();
        if !lines.has_one(now) {
            self.omitted.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        lines.used += 1;
        Some(self.rest())
    }

    /// Returns the number of requests that had no line, if there are any and the limit permits a line again. It takes no line,
    /// so that a request that gets an error next has its own: there are at most two lines for one that refills.
    fn take_omitted(&self, now: Instant) -> Option<u64> {
        if self.omitted.load(Ordering::Relaxed) == 0 || !self.lines().has_one(now) {
            return None;
        }
        // Another thread may have taken it meanwhile.
        Some(self.rest()).filter(|omitted| *omitted > 0)
    }

    /// Returns the number of requests that had no line, without regard to the limit.
    fn rest(&self) -> u64 {
        self.omitted.swap(0, Ordering::Relaxed)
    }

    /// Counts requests again whose number could not be written.
    fn put_back(&self, omitted: u64) {
        self.omitted.fetch_add(omitted, Ordering::Relaxed);
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Returns whether the limit permits a line.
    fn has_one(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let refilled = u32::try_from(now.saturating_duration_since(since).as_secs() / REFILL.as_secs()).unwrap_or(u32::MAX);
        self.used = self.used.saturating_sub(refilled);
        self.since = if self.used == 0 { Some(now) } else { since.checked_add(REFILL.saturating_mul(refilled)) };
        self.used < BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_requests_without_a_line_is_written_once_and_never_lost() {
        let quota = Quota::default();
        let start = Instant::now();
        assert_eq!(quota.take_omitted(start), None, "there are none");
        assert!((0..30).all(|_| quota.take(start) == Some(0)));
        assert!((0..7).all(|_| quota.take(start).is_none()));
        assert_eq!(quota.take_omitted(start + Duration::from_millis(9_999)), None);
        let refilled = start + REFILL;
        assert_eq!((quota.take_omitted(refilled), quota.take_omitted(refilled)), (Some(7), None));
        // The queue was full.
        quota.put_back(7);
        assert_eq!((quota.take(refilled), quota.take(refilled)), (Some(7), None), "the line was not taken");
        assert_eq!((quota.rest(), quota.rest()), (1, 0));
    }

    #[test]
    fn a_flood_has_thirty_lines_and_then_one_every_ten_seconds() {
        let quota = Quota::default();
        let start = Instant::now();
        let at = |millis: u64| quota.take(start + Duration::from_millis(millis));
        assert!((0..30).all(|_| at(0) == Some(0)));
        assert!((0..7).all(|_| at(9_999).is_none()));
        assert_eq!((at(10_000), at(10_000)), (Some(7), None));
        // No time is lost between two lines, and no more than the burst is saved.
        assert_eq!((at(19_999), at(20_000), at(25_000)), (None, Some(2), None));
        let later = 10_000_000;
        assert_eq!(at(later), Some(1));
        assert!((0..29).all(|_| at(later) == Some(0)));
        assert_eq!(at(later), None);
    }
}
