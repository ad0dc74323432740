//! Decides what to do about the Lease. Pure: the Lease and the time are arguments.
//!
//! Each process measures by its own monotonic clock how long the Lease has not changed; times that other machines wrote into the
//! Lease are ignored. The holder stops leading before others may take the Lease. A process that was suspended between its
//! decision and its write could still write too late, so every write is also guarded by the resource version that was read.

use std::time::Duration;

use super::timing::Timing;

/// The Lease as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Observed<'l> {
    /// Its resource version.
    pub(super) version: &'l str,
    /// Its holder; none or empty if the Lease was released or never taken.
    pub(super) holder: Option<&'l str>,
}

/// What a process remembers between two reads. Times are of its own monotonic clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// The version that was read last, and when it was first read.
    observed: Option<(String, Duration)>,
    /// When this process last sent a successful write; none if it does not hold the Lease.
    renewed: Option<Duration>,
}

/// What to do about the Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Take the Lease: it has no holder, or it has expired.
    Take,
    /// Renew the Lease.
    Renew,
    /// Wait: another process holds the Lease.
    Wait,
}

/// Decides what to do about the Lease that was read at `now`.
pub(super) fn decide(memory: &Memory, lease: &Observed<'_>, identity: &str, now: Duration, timing: &Timing) -> (Memory, Action) {
    let since = match &memory.observed {
        Some((version, since)) if version == lease.version => *since,
        _ => now,
    };
    let observed = Some((lease.version.to_owned(), since));
    let is_held = now.saturating_sub(since) < timing.lease;
    match lease.holder.filter(|holder| !holder.is_empty()) {
        Some(holder) if holder == identity => (Memory { observed, renewed: memory.renewed }, Action::Renew),
        Some(_) if is_held => (Memory { observed, renewed: None }, Action::Wait),
        _ => (Memory { observed, renewed: None }, Action::Take),
    }
}

impl Memory {
    /// Returns the memory after a successful write: `sent` is when the write was sent, `version` the resulting resource version.
    #[must_use]
    pub(super) fn written(version: &str, sent: Duration) -> Memory {
        Memory { observed: Some((version.to_owned(), sent)), renewed: Some(sent) }
    }

    /// Returns the memory after a release or a write that was rejected: this process does not lead.
    #[must_use]
    pub(super) fn lost(&self) -> Memory {
        Memory { observed: self.observed.clone(), renewed: None }
    }

    /// Returns whether this process leads at `now`.
    pub(super) fn leads(&self, now: Duration, timing: &Timing) -> bool {
        self.renewed.is_some_and(|renewed| now.saturating_sub(renewed) < timing.renew_deadline)
    }

    /// Returns when this process must stop leading; none if it does not hold the Lease.
    pub(super) fn deadline(&self, timing: &Timing) -> Option<Duration> {
        self.renewed.map(|renewed| renewed + timing.renew_deadline)
    }
}
