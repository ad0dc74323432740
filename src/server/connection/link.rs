//! The state of one connection that its stream, its requests and its task share.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::tickets::{InFlight, Ticket};

/// Bytes that a client can send between two requests, in addition to bodies. HTTP/2 control frames count; the library has no
/// limit for some of them.
const MAX_EXCESS: i64 = 256 << 10;

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) ticket: Ticket,
    pub(super) is_http1: bool,
    /// Whether the client presented a certificate signed by the client CA.
    pub(crate) client_verified: bool,
    /// Bytes received since the last request started that belong to no body.
    excess: AtomicI64,
    is_proven: AtomicBool,
    has_unread_body: AtomicBool,
}

impl Link {
    pub(super) fn new(ticket: Ticket, is_http1: bool, client_verified: bool) -> Link {
        Link {
            ticket,
            is_http1,
            client_verified,
            excess: AtomicI64::new(0),
            is_proven: AtomicBool::new(false),
            has_unread_body: AtomicBool::new(false),
        }
    }

    /// Marks a request as in flight until the guard is dropped.
    pub(super) fn begin(&self) -> InFlight<'_> {
        self.excess.store(0, Ordering::Relaxed);
        self.ticket.begin()
    }

    /// Counts bytes that were received.
    pub(super) fn received(&self, bytes: usize) {
        self.excess.fetch_add(clamp(bytes), Ordering::Relaxed);
    }

    /// Subtracts bytes that belong to a body.
    pub(crate) fn count_body_bytes(&self, bytes: usize) {
        self.excess.fetch_sub(clamp(bytes), Ordering::Relaxed);
    }

    /// Returns whether the client sent too many bytes that belong to no request.
    pub(super) fn is_excessive(&self) -> bool {
        self.excess.load(Ordering::Relaxed) > MAX_EXCESS
    }

    /// Notes that a review was answered: a proven connection is the last to be displaced.
    pub(crate) fn prove(&self) {
        if !self.is_proven.swap(true, Ordering::Relaxed) {
            self.ticket.prove();
        }
    }

    /// Notes that the rest of a body will not be read.
    pub(super) fn leave_body_unread(&self) {
        self.has_unread_body.store(true, Ordering::Relaxed);
    }

    /// Returns whether the client may still send a body that was refused.
    pub(super) fn has_unread_body(&self) -> bool {
        self.has_unread_body.load(Ordering::Relaxed)
    }
}

fn clamp(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
