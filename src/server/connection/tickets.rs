//! The connections of a port: the registry behind a lock, and the orders that reach each connection's task.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::registry::{Activity, Id, Registry, Sizes, Slot};

/// Silent connections for each established one. They cost little, and a legitimate client is silent only briefly: the
/// larger this group, the faster a flood must be to displace such a client in that time.
const SILENT: usize = 4;

/// The minimum sizes of the groups of silent connections and of handshakes.
const MIN_SILENT: usize = 256;
const MIN_HANDSHAKES: usize = 64;

/// The number of connections that leave at once if the system has no room for a new one.
const RELIEF: usize = 16;

/// What a connection must do. A later order replaces an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Keep serving.
    Serve,
    /// The server ends: ask the client to close.
    SayFarewell,
    /// The server ends: close when no request is in flight.
    Close,
    /// Another connection needs the slot.
    MakeWay,
    /// The connection was idle, or its handshake took, for too long.
    Expire,
    /// The server is over.
    Drop,
}

/// The connections of one port. The lock is held for a few instructions.
#[derive(Debug)]
pub(crate) struct Connections {
    registry: Mutex<Registry<watch::Sender<Order>>>,
    /// Wakes connections that wait for a slot, first come first served.
    freed: Notify,
    queued: AtomicUsize,
    count: watch::Sender<usize>,
    /// The order for connections that are accepted from now on.
    order: watch::Sender<Order>,
}

/// A connection's entry in the registry, removed when this is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    connections: Arc<Connections>,
    id: Id,
    orders: watch::Receiver<Order>,
}

impl Connections {
    /// Makes room for `established` connections, four times as many silent ones, and half as many handshakes.
    pub(crate) fn new(established: u32) -> Connections {
        let established = established as usize;
        let sizes = Sizes {
            silent: established.saturating_mul(SILENT).max(MIN_SILENT),
            handshakes: (established / 2).max(MIN_HANDSHAKES),
            established,
        };
        Connections {
            registry: Mutex::new(Registry::new(sizes)),
            freed: Notify::new(),
            queued: AtomicUsize::new(0),
            count: watch::Sender::new(0),
            order: watch::Sender::new(Order::Serve),
        }
    }

    /// Adds a connection that was accepted. If there are too many silent ones, the oldest one leaves.
    pub(super) fn admit(self: &Arc<Self>) -> Ticket {
        let order = watch::Sender::new(*self.order.borrow());
        let orders = order.subscribe();
        let mut registry = self.lock();
        let (id, displaced) = registry.admit(order, Instant::now());
        tell(&registry, displaced, Order::MakeWay);
        self.count.send_replace(registry.len());
        Ticket { connections: Arc::clone(self), id, orders }
    }

    /// Tells the least valuable connections to leave.
    pub(super) fn relieve(&self) {
        let mut registry = self.lock();
        for _ in 0..RELIEF {
            let displaced = registry.relieve();
            tell(&registry, displaced, Order::MakeWay);
        }
    }

    /// Tells connections to leave that were idle, or in their handshake, for too long.
    pub(super) fn expire(&self, handshake: Duration, idle: Duration) {
        let mut registry = self.lock();
        for id in registry.expire(Instant::now(), handshake, idle) {
            tell(&registry, Some(id), Order::Expire);
        }
    }

    /// Gives an order to all connections, and to those that will be accepted.
    pub(super) fn announce(&self, order: Order) {
        let registry = self.lock();
        self.order.send_replace(order);
        for signal in registry.signals() {
            give(signal, order);
        }
    }

    /// Returns whether a connection waits for a slot.
    pub(crate) fn are_awaited(&self) -> bool {
        self.queued.load(Ordering::Relaxed) > 0
    }

    /// Returns the number of connections.
    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until there is no connection.
    pub(crate) async fn all_closed(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    fn lock(&self) -> MutexGuard<'_, Registry<watch::Sender<Order>>> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_queued(&self, is_awaited: bool) {
        if is_awaited {
            self.freed.notify_one();
        }
    }
}

fn tell(registry: &Registry<watch::Sender<Order>>, id: Option<Id>, order: Order) {
    if let Some(signal) = id.and_then(|id| registry.signal(id)) {
        give(signal, order);
    }
}

fn give(signal: &watch::Sender<Order>, order: Order) {
    signal.send_if_modified(|current| {
        let is_later = order > *current;
        *current = (*current).max(order);
        is_later
    });
}

impl Ticket {
    /// Notes that the first bytes arrived. If there are too many handshakes, the oldest one leaves.
    pub(super) fn start_handshake(&self) {
        let mut registry = self.connections.lock();
        let displaced = registry.start_handshake(self.id);
        tell(&registry, displaced, Order::MakeWay);
        self.connections.queued.store(registry.queued(), Ordering::Relaxed);
    }

    /// Waits for a slot among the established connections, for which the longest-idle one leaves.
    pub(super) async fn establish(&self) {
        loop {
            let mut freed = std::pin::pin!(self.connections.freed.notified());
            // Registered before the check, so that no slot that is freed in between is missed.
            freed.as_mut().enable();
            {
                let mut registry = self.connections.lock();
                let slot = registry.establish(self.id, Instant::now());
                self.connections.queued.store(registry.queued(), Ordering::Relaxed);
                match slot {
                    Slot::Taken => return,
                    Slot::Full { displaced } => tell(&registry, displaced, Order::MakeWay),
                }
            }
            freed.await;
        }
    }

    /// Marks a request as in flight until the guard is dropped.
    pub(super) fn begin(&self) -> InFlight<'_> {
        self.connections.lock().begin(self.id);
        InFlight(self)
    }

    /// Notes that a review was answered.
    pub(super) fn prove(&self) {
        self.connections.lock().prove(self.id);
    }

    pub(super) fn activity(&self) -> Activity {
        self.connections.lock().activity(self.id)
    }

    /// Returns the current order.
    pub(super) fn order(&self) -> Order {
        *self.orders.borrow()
    }

    /// Returns the orders, for the task of the connection.
    pub(super) fn orders(&self) -> watch::Receiver<Order> {
        self.orders.clone()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut registry = self.connections.lock();
        let is_awaited = registry.remove(self.id);
        self.connections.queued.store(registry.queued(), Ordering::Relaxed);
        self.connections.count.send_replace(registry.len());
        drop(registry);
        self.connections.wake_queued(is_awaited);
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight<'t>(&'t Ticket);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let Ticket { connections, id, .. } = self.0;
        let is_awaited = connections.lock().end(*id, Instant::now());
        connections.wake_queued(is_awaited);
    }
}
