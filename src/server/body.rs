//! Reads a body under its cap, the shared budget and the deadline.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};

use super::budget::{Budget, ORDINARY};
use super::buffer::{Buffer, NoMemory};
use super::lane::Seat;
use super::pool::Pool;
use super::refusal::Refusal;
use super::slots::Slots;

/// How much more a large body takes at a time than it needs at once, in bytes.
const STEP: usize = 256 << 10;

/// What bounds the reading of one body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The largest body in bytes.
    pub(crate) max_body: usize,
    /// How long a body may stand still while others wait.
    pub(crate) stall: Duration,
    /// How many bytes must arrive in that time, or the body counts as standing still.
    pub(crate) pace: usize,
    /// When its request arrived.
    pub(crate) arrived: Instant,
    /// When the answer must be on its way.
    pub(crate) deadline: Instant,
}

/// Where bodies are read into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room<'d> {
    /// What they may hold together.
    pub(crate) budget: &'d Budget,
    /// What an ordinary one is gathered in.
    pub(crate) pool: &'d Arc<Pool>,
    /// The connections, for one of which somebody may wait.
    pub(crate) slots: &'d Slots,
}

/// A body that was read whole, and the memory that it holds.
#[derive(Debug)]
pub(crate) struct Held {
    /// The bytes.
    pub(crate) bytes: Bytes,
    _seat: Seat,
}

impl Held {
    /// Whether it is small enough to be judged where it was read.
    pub(crate) fn is_ordinary(&self) -> bool {
        self.bytes.len() <= ORDINARY
    }
}

/// Reads what the headers announce; `None` where they announce nothing, as a chunked message does.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Reads a body.
///
/// # Errors
/// It is too large, stands still while others wait, breaks off, or is not there at the deadline.
pub(crate) async fn read<B>(body: B, announced: Option<u64>, room: Room<'_>, bounds: Bounds) -> Result<Held, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = announced.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if announced.is_some_and(|bytes| bytes > bounds.max_body) {
        return Err(Refusal::TooLarge(bounds.max_body));
    }
    let mut seat = room.budget.enter(announced, bounds.max_body);
    let (window, last) = (bounds.arrived, bounds.arrived);
    let reader = Reader { body, seat: &mut seat, room, bounds, announced, granted: 0, moved: 0, has_moved: false, window, last };
    let bytes = reader.read().await?;
    seat.complete();
    Ok(Held { bytes, _seat: seat })
}

struct Reader<'s, B> {
    body: B,
    seat: &'s mut Seat,
    room: Room<'s>,
    bounds: Bounds,
    announced: Option<usize>,
    granted: usize,
    /// Bytes that arrived in the window.
    moved: usize,
    /// Whether bytes arrived since the clock was last looked at.
    has_moved: bool,
    /// When the window began.
    window: Instant,
    /// When it was last seen to move.
    last: Instant,
}

impl<B: Body<Data = Bytes> + Unpin> Reader<'_, B> {
    async fn read(mut self) -> Result<Bytes, Refusal> {
        let total = self.announced.unwrap_or(self.bounds.max_body);
        let mut all = None;
        while let Some(part) = self.part().await? {
            let length = all.as_ref().map_or(0, Buffer::len) + part.len();
            if length > self.bounds.max_body {
                return Err(Refusal::TooLarge(self.bounds.max_body));
            }
            if length > self.granted {
                // Of an ordinary body as much again as is there: what it announced is not memory yet.
                let ahead = if total <= ORDINARY { length } else { STEP };
                self.take((length + ahead).min(total).max(length) - self.granted).await?;
            }
            // Most ordinary bodies come in one part.
            if all.is_none() && self.announced == Some(length) {
                return Ok(part);
            }
            let all = all.get_or_insert_with(|| Buffer::new(self.room.pool));
            all.append(&part, total, self.announced.is_some()).map_err(|NoMemory| Refusal::Memory)?;
        }
        Ok(all.map_or_else(Bytes::new, Buffer::freeze))
    }

    /// Answers the next part; `None` at the end. One that is there already costs neither a look at the clock nor
    /// a timer: whoever is too late or too slow is found out when it is waited for.
    async fn part(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            let frame = match soon(pin!(self.body.frame())).await {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    let until = self.look()?;
                    let Ok(frame) = timeout_at(until, self.body.frame()).await else { continue };
                    frame
                }
            };
            let Some(frame) = frame else { return Ok(None) };
            // Trailers say nothing that a verdict reads.
            if let Some(part) = frame.map_err(|_| Refusal::Broken)?.into_data().ok().filter(|part| !part.is_empty()) {
                self.moved += part.len();
                self.has_moved = true;
                return Ok(Some(part));
            }
        }
    }

    /// Looks at the clock and answers when to look again, if nothing comes until then.
    fn look(&mut self) -> Result<Instant, Refusal> {
        let now = Instant::now();
        if std::mem::take(&mut self.has_moved) {
            self.last = now;
        }
        self.check(now)?;
        Ok((self.last.min(self.window) + self.bounds.stall).min(self.bounds.deadline))
    }

    /// Refuses a body that is too late, or stands still or nearly so while others wait for its memory or its connection.
    fn check(&mut self, now: Instant) -> Result<(), Refusal> {
        if now >= self.bounds.deadline {
            return Err(Refusal::Deadline);
        }
        let still = now >= self.last + self.bounds.stall;
        let window_is_over = now >= self.window + self.bounds.stall;
        if (still || window_is_over && self.moved < self.bounds.pace) && (self.seat.is_contended() || self.room.slots.are_awaited()) {
            return Err(Refusal::Stalled);
        }
        if window_is_over {
            (self.moved, self.window) = (0, now);
        }
        if still {
            // Nobody waits; the next look is as far away as the first one was.
            self.last = now;
        }
        Ok(())
    }

    async fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        let mut taking = pin!(self.seat.take(bytes));
        if now(taking.as_mut()).await.is_pending() {
            timeout_at(self.bounds.deadline, taking).await.map_err(|_| Refusal::Deadline)?;
            // Its client may have been held up by us: only from here on is standing still its own doing.
            (self.moved, self.window, self.last) = (0, Instant::now(), Instant::now());
        }
        self.granted += bytes;
        Ok(())
    }
}

/// Polls once, and once more after everything else of this task: hyper passes a part on only when it was asked for it.
async fn soon<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    let mut asked = false;
    poll_fn(|ctx| match future.as_mut().poll(ctx) {
        Poll::Pending if !asked => {
            asked = true;
            ctx.waker().wake_by_ref();
            Poll::Pending
        }
        polled => Poll::Ready(polled),
    })
    .await
}

/// Polls once.
async fn now<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|ctx| Poll::Ready(future.as_mut().poll(ctx))).await
}
