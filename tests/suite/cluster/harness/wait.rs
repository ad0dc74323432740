//! Bounded waits: a condition is checked repeatedly.

use std::thread;
use std::time::{Duration, Instant};

/// The default timeout. It is long because a busy machine is slow; a passing test never waits for it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(90);

/// Calls `condition` until it returns a value.
///
/// # Panics
/// There is no value within [`TIMEOUT`]. The message contains `what`.
#[track_caller]
pub(crate) fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    within(TIMEOUT, condition).unwrap_or_else(|| panic!("no result within {} s: {what}", TIMEOUT.as_secs()))
}

/// Calls `condition` until it returns a value or `time` has passed.
pub(crate) fn within<T>(time: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(answer) = condition() {
            return Some(answer);
        }
        if started.elapsed() >= time {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}
