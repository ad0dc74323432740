//! A value that is made at most once in a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// A value that is made on request. Requests that arrive while it is made share it.
#[derive(Debug)]
pub(super) struct Cache<T> {
    fresh: Duration,
    slot: Arc<Mutex<Option<(Instant, T)>>>,
}

impl<T: Clone + Send + 'static> Cache<T> {
    /// Returns a cache whose values are used for the time `fresh` after they were made.
    pub(super) fn new(fresh: Duration) -> Cache<T> {
        Cache { fresh, slot: Arc::new(Mutex::new(None)) }
    }

    /// Returns the value, which `make` makes if there is no fresh one; `None` if `make` panics.
    pub(super) async fn value(&self, make: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (slot, fresh) = (Arc::clone(&self.slot), self.fresh);
        // A client that goes away ends neither the making nor the lock: else each of its requests could start another one.
        let made = tokio::spawn(async move {
            let mut slot = slot.lock().await;
            if let Some((_, value)) = slot.as_ref().filter(|(at, _)| at.elapsed() < fresh) {
                return Some(value.clone());
            }
            let value = spawn_blocking(make).await.ok()?;
            *slot = Some((Instant::now(), value.clone()));
            Some(value)
        });
        made.await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn counting(count: &Arc<AtomicUsize>) -> impl FnOnce() -> usize + Send + 'static {
        let count = Arc::clone(count);
        move || {
            std::thread::sleep(Duration::from_millis(20));
            count.fetch_add(1, Ordering::SeqCst)
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn concurrent_requests_share_one_value() {
        let (cache, count) = (Arc::new(Cache::new(Duration::MAX)), Arc::new(AtomicUsize::new(0)));
        let ask = |_| {
            let (cache, make) = (Arc::clone(&cache), counting(&count));
            tokio::spawn(async move { cache.value(make).await })
        };
        for asked in (0..16).map(ask).collect::<Vec<_>>() {
            assert_eq!(asked.await.unwrap(), Some(0));
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_old_value_is_made_anew() {
        let (cache, count) = (Cache::new(Duration::ZERO), Arc::new(AtomicUsize::new(0)));
        assert_eq!(cache.value(counting(&count)).await, Some(0));
        assert_eq!(cache.value(counting(&count)).await, Some(1));
    }

    #[tokio::test]
    async fn a_client_that_goes_away_starts_no_second_making() {
        let (cache, count) = (Cache::new(Duration::MAX), Arc::new(AtomicUsize::new(0)));
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let waiting = || {
            let (gate, make) = (Arc::clone(&gate), counting(&count));
            move || {
                // It ends when the sender is dropped.
                let _ = gate.lock().unwrap().recv();
                make()
            }
        };
        for _ in 0..5 {
            assert!(tokio::time::timeout(Duration::ZERO, cache.value(waiting())).await.is_err(), "nothing is made yet");
        }
        drop(open);
        assert_eq!(cache.value(waiting()).await, Some(0));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_panic_is_no_value_and_is_not_kept() {
        let cache: Cache<u8> = Cache::new(Duration::MAX);
        assert_eq!(cache.value(|| panic!("a bug")).await, None);
        assert_eq!(cache.value(|| 1).await, Some(1));
    }
}
