//! How many connections there are at most, and which of them goes when another is wanted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How often an idle connection is asked to go while somebody waits.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A bounded number of connections.
#[derive(Debug)]
pub(crate) struct Slots {
    total: u32,
    free: Arc<Semaphore>,
    /// Woken one by one, whoever has waited longest first: the connection that has been idle longest goes.
    wanted: Notify,
}

impl Slots {
    pub(crate) fn new(total: u32) -> Slots {
        Slots { total, free: Arc::new(Semaphore::new(total as usize)), wanted: Notify::new() }
    }

    /// Takes a slot, asking idle connections to go where there is none.
    pub(crate) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let taking = Arc::clone(&self.free).acquire_owned();
            match timeout(if self.is_full() { ASK_EVERY } else { Duration::MAX }, taking).await {
                Ok(slot) => return slot.ok(),
                Err(_) => self.relieve(),
            }
        }
    }

    /// Asks the connection that has been idle longest to go.
    pub(crate) fn relieve(&self) {
        self.wanted.notify_one();
    }

    /// Waits until this connection is asked to go. Connections wait only while they are idle.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Whether there is no slot left. A connection that was asked to go may find that there is one again.
    pub(crate) fn is_full(&self) -> bool {
        self.free.available_permits() == 0
    }

    /// How many connections there are.
    pub(crate) fn used(&self) -> usize {
        (self.total as usize).saturating_sub(self.free.available_permits())
    }

    /// Waits until there are none.
    pub(crate) async fn all_free(&self) {
        // Never closed, so it cannot fail.
        let _ = self.free.acquire_many(self.total).await;
    }
}
