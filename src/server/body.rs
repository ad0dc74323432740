//! Reads a body under its cap, the shared budget and the deadline.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};

use super::budget::{Budget, ORDINARY};
use super::buffer::{Buffer, NoMemory};
use super::lane::Seat;
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
    /// When the answer must be on its way.
    pub(crate) deadline: Instant,
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
pub(crate) async fn read<B>(body: B, announced: Option<u64>, budget: &Budget, slots: &Slots, bounds: Bounds) -> Result<Held, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = announced.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if announced.is_some_and(|bytes| bytes > bounds.max_body) {
        return Err(Refusal::TooLarge(bounds.max_body));
    }
    let mut seat = budget.enter(announced, bounds.max_body);
    let reader =
        Reader { body, seat: &mut seat, slots, bounds, announced, granted: 0, moved: 0, window: Instant::now(), last: Instant::now() };
    let bytes = reader.read().await?;
    seat.complete();
    Ok(Held { bytes, _seat: seat })
}

struct Reader<'s, B> {
    body: B,
    seat: &'s mut Seat,
    slots: &'s Slots,
    bounds: Bounds,
    announced: Option<usize>,
    granted: usize,
    /// Bytes that arrived in the window.
    moved: usize,
    /// When the window began.
    window: Instant,
    /// When it was last seen to move.
    last: Instant,
}

impl<B: Body<Data = Bytes> + Unpin> Reader<'_, B> {
    async fn read(mut self) -> Result<Bytes, Refusal> {
        let total = self.announced.unwrap_or(self.bounds.max_body);
        // Most ordinary bodies come in one part. Of one that does not, what it announced is not memory yet.
        let ahead = if total <= ORDINARY { 0 } else { STEP };
        let mut all = Buffer::new();
        while let Some(part) = self.part().await? {
            let length = all.len() + part.len();
            if length > self.bounds.max_body {
                return Err(Refusal::TooLarge(self.bounds.max_body));
            }
            if length > self.granted {
                self.take((length + ahead).min(total).max(length) - self.granted).await?;
            }
            if all.len() == 0 && self.announced == Some(length) {
                return Ok(part);
            }
            all.append(&part, total, self.announced.is_some()).map_err(|NoMemory| Refusal::Memory)?;
        }
        Ok(all.freeze())
    }

    /// Answers the next part; `None` at the end.
    async fn part(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            let until = (self.last.min(self.window) + self.bounds.stall).min(self.bounds.deadline);
            let frame = match timeout_at(until, self.body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Refusal::Broken),
                Ok(Some(Ok(frame))) => Some(frame),
                Err(_) => None,
            };
            // Trailers say nothing that a verdict reads.
            let part = frame.and_then(|frame| frame.into_data().ok()).filter(|part| !part.is_empty());
            let now = Instant::now();
            if let Some(part) = &part {
                self.last = now;
                self.moved += part.len();
            }
            self.check(now)?;
            if part.is_some() {
                return Ok(part);
            }
        }
    }

    /// Refuses a body that is too late, or stands still or nearly so while others wait for its memory or its connection.
    fn check(&mut self, now: Instant) -> Result<(), Refusal> {
        if now >= self.bounds.deadline {
            return Err(Refusal::Deadline);
        }
        let still = now >= self.last + self.bounds.stall;
        let window_is_over = now >= self.window + self.bounds.stall;
        if (still || window_is_over && self.moved < self.bounds.pace) && (self.seat.is_contended() || self.slots.are_awaited()) {
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
        timeout_at(self.bounds.deadline, self.seat.take(bytes)).await.map_err(|_| Refusal::Deadline)?;
        self.granted += bytes;
        // Its client may have been held up by us: only from here on is standing still its own doing.
        (self.moved, self.window, self.last) = (0, Instant::now(), Instant::now());
        Ok(())
    }
}
