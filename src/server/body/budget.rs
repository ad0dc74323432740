//! The memory that all bodies in flight share: `--body-budget`, in two lanes.
//!
//! An *ordinary* body announces at most [`ORDINARY`] bytes. Ordinary bodies have their own lane, so that they never
//! wait for a large one. A body that announces no length (a chunked one) can become as large as any and counts as large.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::server::limits::ORDINARY;

/// Size of the lane for ordinary bodies in bytes.
const ORDINARY_LANE: usize = 8 << 20;

/// The number of bytes that one permit represents.
const PERMIT: usize = 1 << 10;

/// The two lanes.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) ordinary: Arc<Lane>,
    pub(crate) large: Arc<Lane>,
}

/// A budget that is too small for the largest body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"--body-budget\" is {budget} bytes, which is too small for bodies of {max_body} bytes (\"--max-body\"): set it to {needed} or more"
)]
pub struct TooSmall {
    budget: usize,
    max_body: usize,
    needed: usize,
}

impl Budget {
    /// Divides `budget` bytes: 8 MiB for ordinary bodies, of which at most `reviews` are read or reviewed at the same
    /// time; the rest for large ones.
    ///
    /// # Errors
    /// The budget cannot hold a body of `max_body` bytes in addition to the ordinary ones.
    pub(crate) fn new(budget: usize, max_body: usize, reviews: usize) -> Result<Budget, TooSmall> {
        let needed = max_body.saturating_add(ORDINARY_LANE);
        if budget < needed {
            return Err(TooSmall { budget, max_body, needed });
        }
        let reviews = reviews.min(Semaphore::MAX_PERMITS);
        Ok(Budget {
            ordinary: Arc::new(Lane::new(ORDINARY_LANE, reviews)),
            large: Arc::new(Lane::new(budget - ORDINARY_LANE, Semaphore::MAX_PERMITS)),
        })
    }

    /// Returns the lane of a body that announced a length in bytes, or none.
    pub(crate) fn lane(&self, announced: Option<usize>) -> &Arc<Lane> {
        if announced.is_some_and(|bytes| bytes <= ORDINARY) { &self.ordinary } else { &self.large }
    }
}

/// Memory for bodies of one kind.
#[derive(Debug)]
pub(crate) struct Lane {
    permits: usize,
    memory: Arc<Semaphore>,
    reviews: Arc<Semaphore>,
    bodies: AtomicUsize,
    waiting: AtomicUsize,
}

/// A share of a lane, returned when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    _review: OwnedSemaphorePermit,
    _memory: OwnedSemaphorePermit,
    _body: Counted,
}

impl Lane {
    fn new(bytes: usize, reviews: usize) -> Lane {
        let permits = (bytes / PERMIT).min(Semaphore::MAX_PERMITS);
        Lane {
            permits,
            memory: Arc::new(Semaphore::new(permits)),
            reviews: Arc::new(Semaphore::new(reviews)),
            bodies: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Takes memory for a body of `bytes`, first come first served. Returns `None` at the deadline.
    pub(crate) async fn take(self: &Arc<Self>, bytes: usize, deadline: Instant) -> Option<Share> {
        let body = Counted::new(self, |lane| &lane.bodies);
        // A body without bytes counts too.
        let permits = u32::try_from(bytes.div_ceil(PERMIT).max(1).min(self.permits)).unwrap_or(u32::MAX);
        let at_once = Arc::clone(&self.reviews)
            .try_acquire_owned()
            .and_then(|review| Ok((review, Arc::clone(&self.memory).try_acquire_many_owned(permits)?)));
        let (review, memory) = if let Ok(taken) = at_once {
            taken
        } else {
            let _waiting = Counted::new(self, |lane| &lane.waiting);
            let taking = async {
                let review = Arc::clone(&self.reviews).acquire_owned().await.ok()?;
                Some((review, Arc::clone(&self.memory).acquire_many_owned(permits).await.ok()?))
            };
            timeout_at(deadline, taking).await.ok()??
        };
        Some(Share { _review: review, _memory: memory, _body: body })
    }

    /// Returns whether a body waits for memory.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Returns the number of bodies, including waiting ones.
    pub(crate) fn bodies(&self) -> usize {
        self.bodies.load(Ordering::Relaxed)
    }

    /// Returns the memory in use, in bytes.
    pub(crate) fn used(&self) -> usize {
        self.permits.saturating_sub(self.memory.available_permits()) * PERMIT
    }

    /// Returns the size in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.permits * PERMIT
    }
}

/// Adds one to a counter of a lane until it is dropped.
#[derive(Debug)]
struct Counted {
    lane: Arc<Lane>,
    counter: fn(&Lane) -> &AtomicUsize,
}

impl Counted {
    fn new(lane: &Arc<Lane>, counter: fn(&Lane) -> &AtomicUsize) -> Counted {
        counter(lane).fetch_add(1, Ordering::Relaxed);
        Counted { lane: Arc::clone(lane), counter }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.counter)(&self.lane).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: usize = 1 << 20;

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    #[test]
    fn the_defaults_fit() {
        let budget = Budget::new(32 * MIB, 16 * MIB, 512).unwrap();
        assert_eq!((budget.ordinary.capacity(), budget.large.capacity()), (8 * MIB, 24 * MIB));
    }

    #[test]
    fn the_size_in_the_error_is_enough() {
        for max_body in [1, 1000, ORDINARY, ORDINARY + 1, MIB, 16 * MIB, 100 * MIB] {
            let error = Budget::new(max_body + ORDINARY_LANE - 1, max_body, 1).unwrap_err();
            assert_eq!(error.needed, max_body + ORDINARY_LANE);
            assert!(Budget::new(error.needed, max_body, 1).is_ok(), "{error}");
        }
    }

    #[test]
    fn ordinary_bodies_do_not_wait_for_large_ones() {
        run(async {
            let budget = Budget::new(32 * MIB, 16 * MIB, 512).unwrap();
            let large = budget.lane(None);
            let first = large.take(16 * MIB, soon()).await.unwrap();
            assert!(large.take(16 * MIB, soon()).await.is_none());
            let lane = budget.lane(Some(14_000));
            assert!(lane.take(14_000, soon()).await.is_some());
            drop(first);
            assert!(large.take(16 * MIB, soon()).await.is_some());
            assert_eq!((large.used(), large.bodies(), large.is_awaited()), (0, 0, false));
        });
    }

    #[test]
    fn a_share_is_whole_kibibytes_and_is_returned() {
        run(async {
            let lane = Arc::new(Lane::new(8 << 10, 3));
            let shares = [lane.take(0, soon()).await.unwrap(), lane.take(1025, soon()).await.unwrap()];
            assert_eq!((lane.used(), lane.bodies()), (3 << 10, 2));
            assert!(lane.take(6 << 10, soon()).await.is_none(), "memory is short");
            let third = lane.take(1, soon()).await.unwrap();
            assert!(lane.take(1, soon()).await.is_none(), "reviews are short");
            drop((shares, third));
            assert_eq!((lane.used(), lane.bodies()), (0, 0));
        });
    }

    #[test]
    fn a_body_waits_for_its_turn() {
        run(async {
            let lane = Arc::new(Lane::new(4 << 10, 10));
            let first = lane.take(3 << 10, soon()).await.unwrap();
            let waiting = tokio::spawn({
                let lane = Arc::clone(&lane);
                async move { lane.take(4 << 10, Instant::now() + Duration::from_secs(60)).await.is_some() }
            });
            while !lane.is_awaited() {
                tokio::task::yield_now().await;
            }
            // A smaller body does not overtake it.
            assert!(lane.take(1, soon()).await.is_none());
            drop(first);
            assert!(waiting.await.unwrap());
        });
    }
}
