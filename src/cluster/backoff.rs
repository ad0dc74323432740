//! Pauses between attempts.

use std::time::Duration;

/// The longest pause after repeated failures.
const MAX: Duration = Duration::from_secs(30);

/// Returns the pause after a number of consecutive failures: it doubles with each one, up to 30 s.
pub fn backoff(pause: Duration, failures: u32) -> Duration {
    (pause * 2u32.saturating_pow(failures.min(5))).min(MAX)
}

/// Changes a pause randomly by up to 10 %, so that replicas do not call the API server at the same time.
pub fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 1];
    // Without random numbers, there is no jitter.
    let _ = aws_lc_rs::rand::fill(&mut random);
    pause.mul_f64(0.9 + 0.2 * f64::from(u8::from_be_bytes(random)) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_with_each_failure_up_to_thirty_seconds() {
        let pauses: Vec<u64> = [0, 1, 2, 3, 4, 100].map(|failures| backoff(Duration::from_secs(2), failures).as_secs()).to_vec();
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn jitter_changes_a_pause_by_at_most_ten_percent() {
        let range = Duration::from_millis(900)..=Duration::from_millis(1100);
        assert!((0..100).all(|_| range.contains(&jittered(Duration::from_secs(1)))));
    }
}
