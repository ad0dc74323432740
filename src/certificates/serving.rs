//! What a replica serves, and how long it has seen what it waits for.

use std::time::{Duration, SystemTime};

use super::pair::Pair;
use super::plan::same;
use super::trust::{Ca, verify};

/// Whether every bundle trusts a certificate now.
pub fn is_trusted(pair: &Pair, published: &[Vec<Ca>], now: SystemTime) -> bool {
    published.iter().all(|bundle| verify(pair, bundle, None, now).is_ok())
}

/// Whether a stored certificate is to be served in the place of another: where every bundle trusts it, or
/// where nothing would be lost.
pub fn is_to_be_served(stored: &Pair, served: Option<&Pair>, published: &[Vec<Ca>], now: SystemTime) -> bool {
    match served {
        None => true,
        Some(served) if served.key.cert == stored.key.cert => false,
        Some(served) => is_trusted(stored, published, now) || !is_trusted(served, published, now),
    }
}

/// Since when one bundle has been everywhere. Times are of a monotonic clock.
#[derive(Debug, Clone, Default)]
pub struct Seen(Option<(Vec<Ca>, Duration)>);

impl Seen {
    /// Notes what is published now, beside what is stored.
    pub fn look(&mut self, stored: &[Ca], published: &[Vec<Ca>], now: Duration) {
        if !published.iter().all(|bundle| same(bundle, stored)) {
            self.0 = None;
        } else if !self.0.as_ref().is_some_and(|(bundle, _)| same(bundle, stored)) {
            self.0 = Some((stored.to_vec(), now));
        }
    }

    /// For how long it has been so.
    pub fn seen_for(&self, now: Duration) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |(_, since)| now.saturating_sub(*since))
    }
}
