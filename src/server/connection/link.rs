//! The state of one connection that its stream, its requests and its task share.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Poll};

use super::tickets::{InFlight, Ticket};

/// Bytes that a client can send between two requests, in addition to bodies. HTTP/2 control frames count; the library has no
/// limit for some of them.
const MAX_EXCESS: i64 = 256 << 10;

/// How often a connection is polled before other connections have their turn.
const MAX_POLLS: usize = 16;

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
    is_polled_again: AtomicBool,
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
            is_polled_again: AtomicBool::new(false),
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

    /// Makes sure that the task of a request is polled again at once. With HTTP/1.1 that is the task of the connection, which
    /// does so before the runtime turns to other connections: the bytes of the request are still in the caches then.
    pub(crate) fn poll_again(&self, ctx: &Context<'_>) {
        if self.is_http1 {
            self.is_polled_again.store(true, Ordering::Relaxed);
        } else {
            ctx.waker().wake_by_ref();
        }
    }

    /// Polls a connection, and polls it again as often as its request asks for it.
    pub(super) fn poll<F: Future>(&self, mut connection: Pin<&mut F>, ctx: &mut Context<'_>) -> Poll<F::Output> {
        for _ in 0..MAX_POLLS {
            let polled = connection.as_mut().poll(ctx);
            if polled.is_ready() || !self.is_polled_again.swap(false, Ordering::Relaxed) {
                return polled;
            }
        }
        // Other connections have their turn first.
        ctx.waker().wake_by_ref();
        Poll::Pending
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
