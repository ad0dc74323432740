//! What all bodies in flight may hold together: `--body-budget`, in two lanes.
//!
//! An ordinary body, which announced at most [`ORDINARY`] bytes, has a lane of its own, so that it never
//! waits behind a large one, nor a large one behind many ordinary ones. A body that announces nothing
//! (a chunked one) may become as large as any and counts as large.

use std::sync::Arc;

use super::lane::{Lane, Seat};

/// The largest body that counts as ordinary, in bytes: nearly every review is below 32 KiB.
pub const ORDINARY: usize = 256 << 10;

/// How many large bodies are in flight at most; the rest wait for a place.
const LARGE_PLACES: usize = 64;

/// The lanes.
#[derive(Debug)]
pub(crate) struct Budget {
    ordinary: Arc<Lane>,
    large: Arc<Lane>,
}

/// A budget that is too small for the largest body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a body budget of {budget} bytes leaves {left} for large bodies, less than one body of {max_body} bytes: make it {needed} or more")]
pub struct TooSmall {
    budget: usize,
    left: usize,
    max_body: usize,
    needed: usize,
}

impl Budget {
    /// Divides `budget` bytes: a quarter, at most 8 MiB, for ordinary bodies, the rest for large ones,
    /// of which each may be `max_body` bytes. At most `reviews` ordinary bodies are in flight at once.
    ///
    /// # Errors
    /// One of the lanes could not hold one of its bodies.
    pub(crate) fn new(budget: usize, max_body: usize, reviews: usize) -> Result<Budget, TooSmall> {
        let ordinary = (budget / 4).min(8 << 20);
        let left = budget - ordinary;
        if left < max_body || ordinary < max_body.min(ORDINARY) {
            let needed = (max_body + max_body.div_ceil(3)).max(max_body.min(ORDINARY) * 4);
            return Err(TooSmall { budget, left, max_body, needed });
        }
        Ok(Budget { ordinary: Arc::new(Lane::new(ordinary, reviews)), large: Arc::new(Lane::new(left, LARGE_PLACES)) })
    }

    /// Lets a body in that announced so many bytes, or nothing and is then at most `max_body`.
    pub(crate) fn enter(&self, announced: Option<usize>, max_body: usize) -> Seat {
        match announced {
            Some(bytes) if bytes <= ORDINARY => self.ordinary.enter(bytes),
            announced => self.large.enter(announced.unwrap_or(max_body)),
        }
    }

    /// The bytes that are held, and by how many bodies: of the ordinary ones, of the large ones.
    pub(crate) fn used(&self) -> [(usize, usize); 2] {
        [self.ordinary.used(), self.large.used()]
    }

    /// The sizes of the lanes in bytes: for ordinary bodies, for large ones.
    pub(crate) fn capacities(&self) -> [usize; 2] {
        [self.ordinary.capacity(), self.large.capacity()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit() {
        let budget = Budget::new(32 << 20, 16 << 20, 512).unwrap();
        assert_eq!(budget.capacities(), [8 << 20, 24 << 20]);
    }

    #[test]
    fn what_an_error_says_is_needed_is_enough() {
        for max_body in [1, 1000, ORDINARY, ORDINARY + 1, 1 << 20, 16 << 20, 100 << 20] {
            let error = Budget::new(1, max_body, 1).unwrap_err();
            assert!(Budget::new(error.needed, max_body, 1).is_ok(), "{error}");
        }
    }

    #[test]
    fn ordinary_bodies_never_wait_behind_large_ones() {
        use std::pin::pin;
        use std::task::{Context, Waker};
        let budget = Budget::new(32 << 20, 16 << 20, 512).unwrap();
        let ready = |seat: &mut Seat, bytes| pin!(seat.take(bytes)).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let mut hogs: Vec<Seat> = (0..100).map(|_| budget.enter(None, 16 << 20)).collect();
        let granted = hogs.iter_mut().filter_map(|hog| ready(hog, 8 << 20).then_some(())).count();
        assert!(granted < hogs.len());
        let mut ordinary = budget.enter(Some(14_000), 16 << 20);
        assert!(ready(&mut ordinary, 14_000));
    }
}
