//! The stages of a server's life, from the first connection to the last.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

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

/// A server's stage, for many to see and to wait for.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    /// The stage again, so that a look at it costs a request no lock.
    now: AtomicU8,
    stage: watch::Sender<Stage>,
}

impl Lifecycle {
    pub(crate) fn new() -> Lifecycle {
        Lifecycle { now: AtomicU8::new(Stage::Serving as u8), stage: watch::Sender::new(Stage::Serving) }
    }

    /// Goes on to a stage, if it has not been reached yet.
    pub(crate) fn advance(&self, to: Stage) {
        self.stage.send_if_modified(|stage| {
            let forward = to > *stage;
            if forward {
                *stage = to;
                self.now.store(to as u8, Ordering::Release);
            }
            forward
        });
    }

    /// Answers whether a stage has been reached.
    pub(crate) fn is(&self, stage: Stage) -> bool {
        self.stage() >= stage
    }

    /// Answers the stage.
    pub(crate) fn stage(&self) -> Stage {
        match self.now.load(Ordering::Acquire) {
            0 => Stage::Serving,
            1 => Stage::Draining,
            2 => Stage::Farewell,
            3 => Stage::Closing,
            _ => Stage::Over,
        }
    }

    /// Waits until the stage is a later one.
    pub(crate) async fn beyond(&self, stage: Stage) {
        let _ = self.stage.subscribe().wait_for(|now| *now > stage).await;
    }

    /// Waits until a stage is reached.
    pub(crate) async fn reached(&self, stage: Stage) {
        // The sender is `self`: it cannot be gone.
        let _ = self.stage.subscribe().wait_for(|now| *now >= stage).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
