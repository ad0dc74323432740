//! The phases of a server, from start to shutdown.

use tokio::sync::watch;

/// The phase of a server. It only advances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Serves reviews.
    Serving,
    /// Serves reviews, but reports not ready, so that traffic moves away.
    Draining,
    /// Serves reviews, and asks each client to close its connection.
    Farewell,
    /// Accepts no connections, closes idle ones, and finishes requests in flight.
    Closing,
    /// Drops every connection that is left.
    Over,
}

/// The phase of a server, shared by its tasks.
#[derive(Debug)]
pub(crate) struct Lifecycle(watch::Sender<Phase>);

impl Lifecycle {
    pub(crate) fn new() -> Lifecycle {
        Lifecycle(watch::Sender::new(Phase::Serving))
    }

    /// Advances to a phase, unless the server is past it.
    pub(crate) fn advance(&self, to: Phase) {
        self.0.send_if_modified(|phase| {
            let advances = to > *phase;
            *phase = (*phase).max(to);
            advances
        });
    }

    /// Returns whether a phase was reached.
    pub(crate) fn is(&self, phase: Phase) -> bool {
        *self.0.borrow() >= phase
    }

    /// Waits until a phase is reached.
    pub(crate) async fn reached(&self, phase: Phase) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.0.subscribe().wait_for(|now| *now >= phase).await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_done(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_lifecycle_only_advances() {
        let lifecycle = Lifecycle::new();
        assert!(lifecycle.is(Phase::Serving) && !lifecycle.is(Phase::Draining));
        lifecycle.advance(Phase::Closing);
        lifecycle.advance(Phase::Draining);
        assert!(lifecycle.is(Phase::Closing) && !lifecycle.is(Phase::Over));
    }

    #[test]
    fn a_task_that_waits_for_a_phase_is_woken_by_it_or_by_a_later_one() {
        let lifecycle = Lifecycle::new();
        let (mut draining, mut closing) = (pin!(lifecycle.reached(Phase::Draining)), pin!(lifecycle.reached(Phase::Closing)));
        assert!(!is_done(draining.as_mut()) && !is_done(closing.as_mut()));
        lifecycle.advance(Phase::Farewell);
        assert!(is_done(draining) && !is_done(closing.as_mut()));
        lifecycle.advance(Phase::Over);
        assert!(is_done(closing));
        assert!(is_done(pin!(lifecycle.reached(Phase::Draining))));
    }
}
