//! How many events are written about each object. Pure: the time is an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Events about one object: this many at once.
const BURST: f64 = 25.0;
/// Then one in this time.
const EVERY: Duration = Duration::from_secs(300);
/// The objects that are remembered. Those with the fewest events are forgotten first.
const OBJECTS: usize = 4096;

/// A token bucket.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Duration,
}

impl Bucket {
    fn full(size: f64, at: Duration) -> Bucket {
        Bucket { tokens: size, at }
    }

    /// Adds the tokens of the time that passed.
    fn fill(&mut self, size: f64, per_second: f64, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        (self.tokens, self.at) = ((self.tokens + passed * per_second).min(size), now.max(self.at));
    }

    fn has_token(&self) -> bool {
        self.tokens >= 1.0
    }
}

/// The events that may be written.
#[derive(Debug)]
pub(super) struct Quota<K> {
    objects: HashMap<K, Bucket>,
}

impl<K: Hash + Eq + Clone> Quota<K> {
    pub(super) fn new() -> Quota<K> {
        Quota { objects: HashMap::new() }
    }

    /// Returns whether an event about an object may be written at `now`, and counts it.
    pub(super) fn take(&mut self, object: &K, now: Duration) -> bool {
        let per_second = EVERY.as_secs_f64().recip();
        let known = self.objects.get(object).copied();
        let mut bucket = known.unwrap_or_else(|| Bucket::full(BURST, now));
        bucket.fill(BURST, per_second, now);
        let is_allowed = bucket.has_token();
        if is_allowed {
            bucket.tokens -= 1.0;
            if known.is_none() && self.objects.len() >= OBJECTS {
                self.forget(per_second, now);
            }
            self.objects.insert(object.clone(), bucket);
        }
        is_allowed
    }

    /// Forgets objects whose buckets are full again, and if there are none, the object with the most tokens.
    fn forget(&mut self, per_second: f64, now: Duration) {
        self.objects.retain(|_, bucket| {
            bucket.fill(BURST, per_second, now);
            bucket.tokens < BURST
        });
        if self.objects.len() >= OBJECTS {
            let fullest = self.objects.iter().max_by(|left, right| left.1.tokens.total_cmp(&right.1.tokens));
            if let Some(object) = fullest.map(|(object, _)| object.clone()) {
                self.objects.remove(&object);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn an_object_has_25_events_and_then_one_in_five_minutes() {
        let mut quota = Quota::new();
        let taken = (0..300).filter(|second| quota.take(&"policy", at(f64::from(*second)))).count();
        assert_eq!(taken, 25);
        let taken = (300..3_300).filter(|second| quota.take(&"policy", at(f64::from(*second)))).count();
        assert_eq!(taken, 10, "3,000 s");
        assert!(quota.take(&"another", at(3_300.0)));
    }

    #[test]
    fn a_flood_of_objects_takes_bounded_memory_and_frees_no_busy_object() {
        let mut quota = Quota::new();
        let mut busy = 0;
        for step in 0..20_000_u32 {
            let now = at(f64::from(step) / 5.0);
            busy += u32::from(quota.take(&u32::MAX, now));
            quota.take(&step, now);
        }
        assert!(quota.objects.len() <= OBJECTS);
        // 4,000 s: 25 and one in each five minutes.
        assert_eq!(busy, 25 + 13);
    }
}
