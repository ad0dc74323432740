//! Bounded waits: a question asked again until it is answered.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take. Generous: a busy machine is slow, and a test that passes never waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Asks until there is an answer.
///
/// # Panics
/// Past [`PATIENCE`], naming `what` was waited for.
#[track_caller]
pub(crate) fn until<T>(what: &str, question: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, question).unwrap_or_else(|| panic!("waited {} s in vain: {what}", PATIENCE.as_secs()))
}

/// Asks until there is an answer or `time` is over.
pub(crate) fn within<T>(time: Duration, mut question: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(answer) = question() {
            return Some(answer);
        }
        if started.elapsed() >= time {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}
