//! The stages of a server's life, from the first connection to the last.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// Where a server is in its life. It only ever goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stage {
    /// It serves.
    Serving,
    /// It serves, but says that it is not ready, so that endpoints forget it.
    Draining,
    /// It serves, and tells each client to close.
    Farewell,
    /// It takes no more connections, closes idle ones, and finishes what is in flight.
    Closing,
    /// Whatever is still there is dropped.
    Over,
}

impl Stage {
    const ALL: [Stage; 5] = [Stage::Serving, Stage::Draining, Stage::Farewell, Stage::Closing, Stage::Over];

    /// The stage behind this one; the last one is its own.
    pub(crate) fn next(self) -> Stage {
        Stage::ALL.into_iter().find(|stage| *stage > self).unwrap_or(Stage::Over)
    }
}

/// A server's stage, for many to see and to wait for.
///
/// Each stage has a bell of its own that rings once, after the stage can be seen. So whoever has seen a
/// stage and waits for the next one is not woken by a ring that is late, and need not look again.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    now: AtomicU8,
    bells: [Notify; Stage::ALL.len()],
}

impl Lifecycle {
    pub(crate) fn new() -> Lifecycle {
        Lifecycle { now: AtomicU8::new(Stage::Serving as u8), bells: Default::default() }
    }

    /// Goes on to a stage, if it has not been reached yet.
    pub(crate) fn advance(&self, to: Stage) {
        let before = self.now.fetch_max(to as u8, Ordering::AcqRel);
        for (stage, bell) in Stage::ALL.into_iter().zip(&self.bells) {
            if stage as u8 > before && stage <= to {
                bell.notify_waiters();
            }
        }
    }

    /// Answers the stage.
    pub(crate) fn stage(&self) -> Stage {
        let now = self.now.load(Ordering::Acquire);
        Stage::ALL.into_iter().find(|stage| *stage as u8 == now).unwrap_or(Stage::Over)
    }

    /// Answers whether a stage has been reached.
    pub(crate) fn is(&self, stage: Stage) -> bool {
        self.stage() >= stage
    }

    /// Waits until a stage is reached.
    pub(crate) async fn reached(&self, stage: Stage) {
        let Some(bell) = self.bells.get(stage as usize) else { return };
        // Made before the look, so that it hears a ring in between.
        let ring = bell.notified();
        if !self.is(stage) {
            ring.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn has_come(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_life_only_goes_forward() {
        let lifecycle = Lifecycle::new();
        assert!(lifecycle.is(Stage::Serving) && !lifecycle.is(Stage::Draining));
        lifecycle.advance(Stage::Closing);
        lifecycle.advance(Stage::Draining);
        assert!(lifecycle.is(Stage::Closing) && !lifecycle.is(Stage::Over));
        for stage in [Stage::Closing, Stage::Over] {
            lifecycle.advance(stage);
            assert_eq!(lifecycle.stage(), stage);
        }
    }

    #[test]
    fn whoever_waits_for_a_stage_is_woken_by_it_or_by_one_behind_it() {
        let lifecycle = Lifecycle::new();
        let (mut draining, mut closing) = (pin!(lifecycle.reached(Stage::Draining)), pin!(lifecycle.reached(Stage::Closing)));
        assert!(!has_come(draining.as_mut()) && !has_come(closing.as_mut()));
        lifecycle.advance(Stage::Farewell);
        assert!(has_come(draining) && !has_come(closing.as_mut()));
        lifecycle.advance(Stage::Over);
        assert!(has_come(closing));
        assert!(has_come(pin!(lifecycle.reached(Stage::Draining))));
    }

    #[test]
    fn a_late_ring_of_a_stage_that_was_seen_wakes_nobody() {
        let lifecycle = Lifecycle::new();
        // As `advance` does it, but stopped between the stage and its bell.
        lifecycle.now.store(Stage::Draining as u8, Ordering::Release);
        let mut next = pin!(lifecycle.reached(lifecycle.stage().next()));
        assert!(!has_come(next.as_mut()));
        lifecycle.bells[Stage::Draining as usize].notify_waiters();
        assert!(!has_come(next.as_mut()));
        lifecycle.advance(Stage::Farewell);
        assert!(has_come(next));
    }
}
