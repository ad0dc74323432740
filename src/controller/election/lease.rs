//! Who may write: a Lease, as leader election in Kubernetes has it.
//!
//! Whether somebody else's Lease has run out is told by this process's own monotonic clock, since it last
//! saw the Lease change: what another machine's clock wrote into it proves nothing. Whoever holds it stops
//! by its own clock, too, and earlier than others may take it. That alone keeps nobody from writing who
//! was stopped in between two thoughts: every write is guarded by what it was decided on.

use std::time::Duration;

/// The times of an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a Lease that does not change keeps others off.
    pub lease: Duration,
    /// How long a leader that cannot renew goes on.
    pub renew_deadline: Duration,
    /// How often the Lease is looked at and renewed.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing { lease: Duration::from_secs(15), renew_deadline: Duration::from_secs(10), retry: Duration::from_secs(2) }
    }
}

/// The Lease as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen<'l> {
    /// Its resource version: another one is a change.
    pub(crate) version: &'l str,
    /// Who holds it; nobody where it was released or never taken.
    pub(crate) holder: Option<&'l str>,
}

/// What a process remembers. Times are of its own monotonic clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// The version that was seen last, and when it was seen first.
    observed: Option<(String, Duration)>,
    /// When this process last wrote the Lease as its own; none where it does not hold it.
    renewed: Option<Duration>,
}

/// What is to be done about the Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Write it as one's own: nobody holds it, or whoever did has let it run out.
    Take,
    /// Write it again.
    Renew,
    /// Look again later: somebody else holds it.
    Wait,
}

/// Decides, by the Lease as it was read at `now`.
pub(crate) fn decide(memory: &Memory, seen: &Seen<'_>, me: &str, now: Duration, timing: &Timing) -> (Memory, Act) {
    let since = match &memory.observed {
        Some((version, since)) if version == seen.version => *since,
        _ => now,
    };
    let observed = Some((seen.version.to_owned(), since));
    let is_held = |holder: &str| holder != me && now.saturating_sub(since) < timing.lease;
    match seen.holder.filter(|holder| !holder.is_empty()) {
        Some(holder) if holder == me => (Memory { observed, renewed: memory.renewed }, Act::Renew),
        Some(holder) if is_held(holder) => (Memory { observed, renewed: None }, Act::Wait),
        _ => (Memory { observed, renewed: None }, Act::Take),
    }
}

impl Memory {
    /// What is remembered after the Lease was written: `asked` is when the write was sent, `version` what
    /// came of it.
    #[must_use]
    pub(crate) fn written(version: &str, asked: Duration) -> Memory {
        Memory { observed: Some((version.to_owned(), asked)), renewed: Some(asked) }
    }

    /// What is remembered after somebody else wrote first, or after giving it back: it is not held.
    #[must_use]
    pub(crate) fn lost(&self) -> Memory {
        Memory { observed: self.observed.clone(), renewed: None }
    }

    /// Whether this process leads now.
    pub(crate) fn leads(&self, now: Duration, timing: &Timing) -> bool {
        self.renewed.is_some_and(|renewed| now.saturating_sub(renewed) < timing.renew_deadline)
    }

    /// When this process has to stop, if it leads.
    pub(crate) fn ends(&self, timing: &Timing) -> Option<Duration> {
        self.renewed.map(|renewed| renewed + timing.renew_deadline)
    }
}
