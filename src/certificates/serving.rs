//! Which certificate a replica serves, and how long the stored bundle has been published.

use std::time::{Duration, SystemTime};

use super::pair::Pair;
use super::trust::{Ca, same_cas, verify};

/// Returns whether every published bundle trusts a certificate at `now`.
pub fn is_trusted(pair: &Pair, published: &[Vec<Ca>], now: SystemTime) -> bool {
    published.iter().all(|bundle| verify(pair, bundle, None, now).is_ok())
}

/// Returns whether the stored certificate should replace the served one: every bundle trusts the stored one, or the served one is
/// not trusted either.
pub fn should_serve(stored: &Pair, served: Option<&Pair>, published: &[Vec<Ca>], now: SystemTime) -> bool {
    match served {
        None => true,
        Some(served) if served.key.cert == stored.key.cert => false,
        Some(served) => is_trusted(stored, published, now) || !is_trusted(served, published, now),
    }
}

/// Tracks how long every webhook has had the same bundle as the Secret. Times are of a monotonic clock.
#[derive(Debug, Clone, Default)]
pub struct PublishedSince(Option<(Vec<Ca>, Duration)>);

impl PublishedSince {
    /// Records the stored bundle and the published ones at `now`.
    pub fn observe(&mut self, stored: &[Ca], published: &[Vec<Ca>], now: Duration) {
        if !published.iter().all(|bundle| same_cas(bundle, stored)) {
            self.0 = None;
        } else if !self.0.as_ref().is_some_and(|(bundle, _)| same_cas(bundle, stored)) {
            self.0 = Some((stored.to_vec(), now));
        }
    }

    /// Returns how long the stored bundle has been published everywhere; zero if it is not.
    pub fn duration(&self, now: Duration) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |(_, since)| now.saturating_sub(*since))
    }
}
