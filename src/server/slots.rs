//! How many connections there are at most, and which of them goes when another is wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Whether somebody waits for a slot now.
    awaited: AtomicBool,
    /// Told of every slot that is given back.
    freed: Arc<Notify>,
}

/// A connection's slot, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    freed: Arc<Notify>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.permit = None;
        self.freed.notify_waiters();
    }
}

impl Slots {
    pub(crate) fn new(total: u32) -> Slots {
        Slots {
            total,
            free: Arc::new(Semaphore::new(total as usize)),
            wanted: Notify::new(),
            awaited: AtomicBool::new(false),
            freed: Arc::default(),
        }
    }

    /// Takes a slot, asking idle connections to go where there is none.
    pub(crate) async fn take(&self) -> Slot {
        loop {
            let taking = Arc::clone(&self.free).acquire_owned();
            if let Ok(permit) = timeout(if self.is_full() { ASK_EVERY } else { Duration::MAX }, taking).await {
                self.awaited.store(false, Ordering::Relaxed);
                return self.slot(permit.ok());
            }
            self.awaited.store(true, Ordering::Relaxed);
            self.relieve();
        }
    }

    /// Answers whether somebody has waited for a slot for a while. There is one who accepts, so one who waits.
    pub(crate) fn are_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }

    /// Takes a slot if there is one.
    pub(crate) fn try_take(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(self.slot(Some(permit)))
    }

    fn slot(&self, permit: Option<OwnedSemaphorePermit>) -> Slot {
        Slot { permit, freed: Arc::clone(&self.freed) }
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

    /// Waits until there are none. New ones may come all the while.
    pub(crate) async fn all_free(&self) {
        loop {
            let freed = self.freed.notified();
            if self.used() == 0 {
                return;
            }
            freed.await;
        }
    }
}
