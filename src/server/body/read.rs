//! Reads one body.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use tokio::time::{Instant, Sleep, sleep_until};

use super::budget::{Budget, Share};
use super::buffer::{Buffer, NoMemory};
use crate::server::limits::ORDINARY;
use crate::server::refusal::Refusal;
use crate::server::unanswered::Failed;

/// The limits on reading one body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The largest body in bytes.
    pub(crate) max_body: usize,
    /// While others wait, `pace` bytes of an incomplete body must arrive in this time.
    pub(crate) stall: Duration,
    pub(crate) pace: usize,
    /// When the response must be sent.
    pub(crate) deadline: Instant,
}

/// A complete body, and the memory that it holds.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    _share: Share,
}

impl Body {
    /// Returns whether it is small enough to be reviewed on the thread that read it.
    pub(crate) fn is_ordinary(&self) -> bool {
        self.bytes.len() <= ORDINARY
    }
}

/// Returns the length that the headers announce, in bytes; `None` for a chunked body.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// The connection that a body arrives on.
pub(crate) trait Sender {
    /// Returns whether another connection waits for a slot.
    fn is_awaited(&self) -> bool;

    /// Counts bytes of the body that were read.
    fn count(&self, bytes: usize);

    /// Makes sure that the connection is polled again at once.
    fn poll_again(&self, ctx: &Context<'_>);
}

/// Reads a body.
///
/// # Errors
/// The body is too large, is too slow while others wait, is truncated, or is not complete at the deadline. The error has
/// the uid, if it was in the part that arrived.
pub(crate) async fn read<B>(body: B, announced: Option<u64>, budget: &Budget, bounds: Bounds, sender: &impl Sender) -> Result<Body, Failed>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let announced = announced.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let size = announced.unwrap_or(bounds.max_body);
    if size > bounds.max_body {
        return Err(Refusal::TooLarge(bounds.max_body).into());
    }
    let lane = budget.lane(announced);
    let share = lane.take(size, bounds.deadline).await.ok_or(Refusal::Deadline)?;
    let timer = pin!(sleep_until((Instant::now() + bounds.stall).min(bounds.deadline)));
    let mut parts = Parts { body, bounds, moved: 0, timer };
    let mut length = 0;
    let mut all: Option<Buffer> = None;
    loop {
        let next = parts.next(sender, || lane.is_awaited()).await;
        let next = next.map_err(|refusal| Failed::with_body(refusal, all.as_ref().map(Buffer::bytes).unwrap_or_default()))?;
        let Some(part) = next else { break };
        sender.count(part.len());
        length += part.len();
        if length > size {
            let start = all.as_ref().map_or(&*part, Buffer::bytes);
            return Err(Failed::with_body(Refusal::TooLarge(bounds.max_body), start));
        }
        // Most bodies arrive in one part.
        if all.is_none() && announced == Some(length) {
            return Ok(Body { bytes: part, _share: share });
        }
        let no_memory = |NoMemory| Refusal::Memory;
        let buffer = match all.take() {
            Some(buffer) => buffer,
            None => Buffer::new(size).map_err(no_memory)?,
        };
        all.insert(buffer).append(&part).map_err(no_memory)?;
    }
    Ok(Body { bytes: all.map_or_else(Bytes::new, Buffer::freeze), _share: share })
}

/// The parts of a body as they arrive.
struct Parts<'t, B> {
    body: B,
    bounds: Bounds,
    /// Bytes that arrived in the current window.
    moved: usize,
    /// Fires when the window ends.
    timer: Pin<&'t mut Sleep>,
}

impl<B: hyper::body::Body<Data = Bytes> + Unpin> Parts<'_, B> {
    /// Returns the next part that is not empty; `None` at the end.
    async fn next(&mut self, sender: &impl Sender, is_memory_awaited: impl Fn() -> bool) -> Result<Option<Bytes>, Refusal> {
        loop {
            let Some(frame) = self.frame(sender).await else {
                self.check(is_memory_awaited() || sender.is_awaited())?;
                continue;
            };
            let Some(frame) = frame else { return Ok(None) };
            // Trailers are ignored: no verdict reads them.
            if let Some(part) = frame.map_err(|_| Refusal::Truncated)?.into_data().ok().filter(|part| !part.is_empty()) {
                self.moved += part.len();
                return Ok(Some(part));
            }
        }
    }

    /// Returns the next frame, or `None` if the window ends first. hyper passes on a frame that it has already read only
    /// when this task is polled again, so the timer is armed after that: most bodies never need it.
    async fn frame(&mut self, sender: &impl Sender) -> Option<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut is_first_poll = true;
        let mut next = self.body.frame();
        poll_fn(|ctx| {
            if let Poll::Ready(frame) = Pin::new(&mut next).poll(ctx) {
                return Poll::Ready(Some(frame));
            }
            if is_first_poll {
                is_first_poll = false;
                sender.poll_again(ctx);
                return Poll::Pending;
            }
            self.timer.as_mut().poll(ctx).map(|()| None)
        })
        .await
    }

    /// Begins the next window, unless the deadline has passed, or the body is too slow while others wait.
    fn check(&mut self, is_awaited: bool) -> Result<(), Refusal> {
        let now = Instant::now();
        if now >= self.bounds.deadline {
            return Err(Refusal::Deadline);
        }
        if self.moved < self.bounds.pace && is_awaited {
            return Err(Refusal::Stalled);
        }
        self.moved = 0;
        self.timer.as_mut().reset((now + self.bounds.stall).min(self.bounds.deadline));
        Ok(())
    }
}
