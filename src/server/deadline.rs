//! The deadline of a response: the `?timeout=` of the request minus a margin.

use std::time::Duration;

use tokio::time::Instant;

use super::duration;

/// The timeout of a request without `?timeout=`.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest timeout, which is the longest that an API server allows for a webhook.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest margin for the transport of the response.
const MAX_MARGIN: Duration = Duration::from_millis(500);

/// Returns the deadline of the response to a request that arrived at `arrived` with the query string `query`.
/// A value that is not a duration is ignored: the API server enforces its own deadline.
pub fn of(query: Option<&str>, arrived: Instant) -> Instant {
    let asked = query.and_then(timeout_of).unwrap_or(DEFAULT_TIMEOUT).min(MAX_TIMEOUT);
    arrived + asked.saturating_sub((asked / 10).min(MAX_MARGIN))
}

fn timeout_of(query: &str) -> Option<Duration> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("timeout="))?;
    duration::parse(value).filter(|asked| !asked.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

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
