//! What is known of one connection while it is served: shared by the stream that its bytes pass, the
//! service that answers its requests, and the supervisor that ends it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One connection. Times are milliseconds since it began, so that they fit an atomic.
#[derive(Debug)]
pub(crate) struct Link {
    /// Whether it speaks HTTP/1.1, not HTTP/2.
    pub(crate) http1: bool,
    /// Whether the client proved who it is with a certificate.
    pub(crate) client_verified: bool,
    began: Instant,
    in_flight: AtomicU32,
    used: AtomicBool,
    idle_since: AtomicU64,
    /// When the head that is under way began, plus one; 0: none is.
    head_since: AtomicU64,
    two_lengths: AtomicBool,
    last: AtomicBool,
    at_rest: AtomicBool,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It has not sent a request yet; since when.
    Nothing(Instant),
    /// It is sending the head of a request; since when.
    Head(Instant),
    /// It is being answered.
    Busy,
    /// It waits for its next request; since when.
    Idle(Instant),
}

impl Link {
    pub(crate) fn new(http1: bool, client_verified: bool) -> Link {
        Link {
            http1,
            client_verified,
            began: Instant::now(),
            in_flight: AtomicU32::new(0),
            used: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            two_lengths: AtomicBool::new(false),
            last: AtomicBool::new(false),
            at_rest: AtomicBool::new(false),
        }
    }

    /// Marks a request as under way until the answer is dropped.
    pub(crate) fn begin(&self) -> Busy<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.used.store(true, Ordering::Relaxed);
        Busy(self)
    }

    pub(crate) fn doing(&self) -> Doing {
        let at = |millis: u64| self.began + Duration::from_millis(millis);
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return Doing::Busy;
        }
        match self.head_since.load(Ordering::Relaxed) {
            0 if self.used.load(Ordering::Relaxed) => Doing::Idle(at(self.idle_since.load(Ordering::Relaxed))),
            0 => Doing::Nothing(self.began),
            since => Doing::Head(at(since - 1)),
        }
    }

    /// Notes whether a head is under way.
    pub(crate) fn head_under_way(&self, under_way: bool) {
        if !under_way {
            self.head_since.store(0, Ordering::Relaxed);
        } else if self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.now() + 1, Ordering::Relaxed);
        }
    }

    /// Notes that a message states its length in two ways.
    pub(crate) fn saw_two_lengths(&self) {
        self.two_lengths.store(true, Ordering::Relaxed);
        self.saw_last();
    }

    /// Notes that the connection must end with the message that has come.
    pub(crate) fn saw_last(&self) {
        self.last.store(true, Ordering::Relaxed);
    }

    /// Whether a message has come that states its length in two ways.
    pub(crate) fn has_two_lengths(&self) -> bool {
        self.two_lengths.load(Ordering::Relaxed)
    }

    /// Whether the connection must end with the message that has come.
    pub(crate) fn is_last(&self) -> bool {
        self.last.load(Ordering::Relaxed)
    }

    /// Notes whether all that was written has gone out and nothing is there to be read.
    pub(crate) fn rests(&self, rests: bool) {
        self.at_rest.store(rests, Ordering::Relaxed);
    }

    /// Whether it has been answered, has got the whole answer, and has sent nothing since.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.at_rest.load(Ordering::Relaxed) && matches!(self.doing(), Doing::Idle(_))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Busy<'l>(&'l Link);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.now(), Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_from_nothing_to_busy_to_idle() {
        let link = Link::new(true, false);
        assert!(matches!(link.doing(), Doing::Nothing(_)));
        link.head_under_way(true);
        assert!(matches!(link.doing(), Doing::Head(_)));
        link.head_under_way(false);
        let busy = link.begin();
        assert_eq!(link.doing(), Doing::Busy);
        drop(busy);
        assert!(matches!(link.doing(), Doing::Idle(_)));
    }
}
