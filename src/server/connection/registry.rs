//! Decides which connections a port keeps and which one it closes for a newer one. No clock, no I/O.
//!
//! Three groups have separate size limits, so that none takes room from another: silent connections, handshakes,
//! and established connections. In the first two, a newer connection displaces the oldest one. An established
//! connection is displaced only while it is idle: first those on which no review was answered yet, longest-idle first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// The progress of a connection. The order is the order of displacement within a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Class {
    /// Accepted; no byte was received.
    Silent,
    /// The handshake started.
    Handshaking,
    /// The handshake is complete; the connection waits for a slot.
    Queued,
    /// The connection has a slot; no review was answered on it.
    Unproven,
    /// The connection has a slot; a review was answered on it.
    Proven,
}

/// The sizes of the groups, in connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) silent: usize,
    pub(super) handshakes: usize,
    pub(super) established: usize,
}

/// Identifies a connection of one registry.
pub(super) type Id = u64;

/// The connections of a port, each with a signal of type `T` that reaches its task.
#[derive(Debug)]
pub(super) struct Registry<T> {
    sizes: Sizes,
    next: Id,
    entries: HashMap<Id, Entry<T>>,
    /// Connections that can be displaced: of each class, the longest-idle one first.
    idle: BTreeMap<Class, BTreeSet<(Instant, Id)>>,
    silent: usize,
    /// Includes the queued ones.
    handshakes: usize,
    queued: usize,
    /// Includes the connections that were told to leave and are still open.
    established: usize,
    leaving: usize,
}

#[derive(Debug)]
struct Entry<T> {
    class: Class,
    /// When it was accepted; once established, since when it is idle.
    since: Instant,
    requests: u32,
    has_sent: bool,
    /// Whether it was told to leave.
    leaves: bool,
    signal: T,
}

/// The result of a request for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// The connection is established.
    Taken,
    /// All slots are in use. The caller tells `displaced` to leave and tries again when a slot is free.
    Full { displaced: Option<Id> },
}

/// What a connection's own task needs to know before it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Activity {
    /// A request is in flight.
    pub(super) is_busy: bool,
    /// At least one request was received.
    pub(super) has_sent: bool,
    /// A review was answered.
    pub(super) is_proven: bool,
}

impl<T> Registry<T> {
    pub(super) fn new(sizes: Sizes) -> Registry<T> {
        Registry {
            sizes,
            next: 0,
            entries: HashMap::new(),
            idle: BTreeMap::new(),
            silent: 0,
            handshakes: 0,
            queued: 0,
            established: 0,
            leaving: 0,
        }
    }

    /// Adds a connection that was accepted; also returns the silent connection that it displaces, if any.
    pub(super) fn admit(&mut self, signal: T, now: Instant) -> (Id, Option<Id>) {
        let id = self.next;
        self.next += 1;
        let entry = Entry { class: Class::Silent, since: now, requests: 0, has_sent: false, leaves: false, signal };
        self.entries.insert(id, entry);
        self.set_idle(Class::Silent, now, id);
        self.silent += 1;
        (id, if self.silent > self.sizes.silent { self.displace(Class::Silent, Class::Silent, Some(id)) } else { None })
    }

    /// Notes that the handshake started; returns the handshake that it displaces, if any.
    pub(super) fn start_handshake(&mut self, id: Id) -> Option<Id> {
        if !self.entries.get(&id).is_some_and(|entry| entry.class == Class::Silent && !entry.leaves) {
            return None;
        }
        self.reclassify(id, Class::Handshaking);
        if self.handshakes > self.sizes.handshakes { self.displace(Class::Handshaking, Class::Queued, Some(id)) } else { None }
    }

    /// Gives a slot to a connection whose handshake is complete, if one is free.
    pub(super) fn establish(&mut self, id: Id, now: Instant) -> Slot {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| !entry.leaves) else { return Slot::Full { displaced: None } };
        if entry.class >= Class::Unproven {
            return Slot::Taken;
        }
        if self.established < self.sizes.established {
            self.reclassify(id, Class::Unproven);
            self.rest(id, now);
            return Slot::Taken;
        }
        self.reclassify(id, Class::Queued);
        let displaced = if self.leaving < self.queued { self.displace(Class::Unproven, Class::Proven, None) } else { None };
        Slot::Full { displaced }
    }

    /// Notes that a request was received.
    pub(super) fn begin(&mut self, id: Id) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.requests += 1;
        entry.has_sent = true;
        let (class, since) = (entry.class, entry.since);
        self.remove_idle(class, since, id);
    }

    /// Notes that a request was answered or abandoned; returns whether a queued connection should try again.
    pub(super) fn end(&mut self, id: Id, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else { return false };
        entry.requests = entry.requests.saturating_sub(1);
        if entry.requests == 0 && !entry.leaves {
            self.rest(id, now);
        }
        self.queued > 0
    }

    /// Notes that a review was answered.
    pub(super) fn prove(&mut self, id: Id) {
        if self.entries.get(&id).is_some_and(|entry| entry.class == Class::Unproven) {
            self.reclassify(id, Class::Proven);
        }
    }

    /// Removes a connection that ended; returns whether a queued connection should try again.
    pub(super) fn remove(&mut self, id: Id) -> bool {
        let Some(entry) = self.entries.remove(&id) else { return false };
        self.remove_idle(entry.class, entry.since, id);
        if entry.class >= Class::Unproven || !entry.leaves {
            self.count(entry.class, -1);
        }
        if entry.class >= Class::Unproven && entry.leaves {
            self.leaving -= 1;
        }
        self.queued > 0
    }

    /// Tells the least valuable connection to leave, and returns it.
    pub(super) fn relieve(&mut self) -> Option<Id> {
        self.displace(Class::Silent, Class::Proven, None)
    }

    /// Returns the connections that have been idle, or in their handshake, for too long. They count as told to leave.
    pub(super) fn expire(&mut self, now: Instant, handshake: Duration, idle: Duration) -> Vec<Id> {
        let mut late = Vec::new();
        for (class, idle_ones) in &self.idle {
            let limit = if *class < Class::Unproven { handshake } else { idle };
            let is_late = |since: Instant| now.saturating_duration_since(since) >= limit;
            late.extend(idle_ones.iter().take_while(|(since, _)| is_late(*since)).map(|(_, id)| *id));
        }
        for id in &late {
            self.dismiss(*id);
        }
        late
    }

    /// Returns the signal of a connection.
    pub(super) fn signal(&self, id: Id) -> Option<&T> {
        self.entries.get(&id).map(|entry| &entry.signal)
    }

    /// Returns the signals of all connections.
    pub(super) fn signals(&self) -> impl Iterator<Item = &T> {
        self.entries.values().map(|entry| &entry.signal)
    }

    pub(super) fn activity(&self, id: Id) -> Activity {
        self.entries.get(&id).map_or_else(Activity::default, |entry| Activity {
            is_busy: entry.requests > 0,
            has_sent: entry.has_sent,
            is_proven: entry.class == Class::Proven,
        })
    }

    /// Returns the number of connections whose task has not ended.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number of connections that wait for a slot.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Tells the first idle connection of these classes to leave; returns it. `newcomer` is not considered.
    fn displace(&mut self, from: Class, to: Class, newcomer: Option<Id>) -> Option<Id> {
        let mut candidates = self.idle.range(from..=to).flat_map(|(_, idle_ones)| idle_ones);
        let id = candidates.find(|(_, id)| Some(*id) != newcomer).map(|(_, id)| *id)?;
        self.dismiss(id);
        Some(id)
    }

    fn dismiss(&mut self, id: Id) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.leaves = true;
        let (class, since) = (entry.class, entry.since);
        self.remove_idle(class, since, id);
        if class < Class::Unproven {
            self.count(class, -1);
        } else {
            // It keeps its slot until its task ends, so that the group never exceeds its size.
            self.leaving += 1;
        }
    }

    fn reclassify(&mut self, id: Id, class: Class) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let before = std::mem::replace(&mut entry.class, class);
        let since = entry.since;
        if self.remove_idle(before, since, id) {
            self.set_idle(class, since, id);
        }
        self.count(before, -1);
        self.count(class, 1);
    }

    fn rest(&mut self, id: Id, now: Instant) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let (class, before) = (entry.class, std::mem::replace(&mut entry.since, now));
        self.remove_idle(class, before, id);
        self.set_idle(class, now, id);
    }

    fn set_idle(&mut self, class: Class, since: Instant, id: Id) {
        self.idle.entry(class).or_default().insert((since, id));
    }

    /// Removes a connection from the idle ones. Returns whether it was one of them.
    fn remove_idle(&mut self, class: Class, since: Instant, id: Id) -> bool {
        self.idle.get_mut(&class).is_some_and(|idle_ones| idle_ones.remove(&(since, id)))
    }

    fn count(&mut self, class: Class, change: isize) {
        let add = |count: &mut usize| *count = count.saturating_add_signed(change);
        match class {
            Class::Silent => add(&mut self.silent),
            Class::Handshaking => add(&mut self.handshakes),
            Class::Queued => {
                add(&mut self.handshakes);
                add(&mut self.queued);
            }
            Class::Unproven | Class::Proven => add(&mut self.established),
        }
    }
}
