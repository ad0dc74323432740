//! The thread that writes to the disk.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::chain::{Chain, MAX_FRAME, Position};
use super::counters::Counters;
use super::entry::QueuedEntry;
use super::output::Output;

/// How long entries gather after a write. Entries that arrive meanwhile do not wake this thread: waking it costs
/// as much as a line.
const GATHER: Duration = Duration::from_millis(2);

/// The maximum size of lines that one call writes, in bytes, unless a single line is larger.
const MAX_WRITE: usize = 64 << 10;

/// How many times the wait between two attempts doubles.
const MAX_DOUBLINGS: u32 = 5;

/// How long to wait for a non-blocking pipe that is full.
const PIPE_WAIT: Duration = Duration::from_millis(20);

/// Writes the entries of a queue until the queue is closed and empty.
pub(super) struct Writer {
    output: Box<dyn Output>,
    chain: Chain,
    queue: Receiver<QueuedEntry>,
    counters: Arc<Counters>,
    retry: Duration,
    /// Entries that left the queue and are not written yet, oldest first.
    pending: VecDeque<QueuedEntry>,
    lines: Lines,
}

impl Writer {
    pub(super) fn new(
        output: Box<dyn Output>,
        chain: Chain,
        queue: Receiver<QueuedEntry>,
        counters: Arc<Counters>,
        retry: Duration,
    ) -> Writer {
        Writer { output, chain, queue, counters, retry, pending: VecDeque::new(), lines: Lines::default() }
    }

    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(entry) = self.queue.blocking_recv() {
            self.pending.push_back(entry);
            self.write_pending();
            // Closing the sink ends this wait.
            thread::park_timeout(GATHER);
        }
        self.output.finish();
    }

    /// Writes the pending entry, then those that gathered in the queue. While the log cannot be written, the oldest
    /// entries are kept and the newest are dropped, so that the log shows how an incident began.
    fn write_pending(&mut self) {
        // While writing fails, the queue keeps its entries, so that its limits hold.
        let mut is_writable = false;
        let mut doublings = 0;
        loop {
            let (written, result) = self.attempt(is_writable);
            if written > 0 {
                doublings = 0;
            }
            let Err(error) = result else {
                if is_writable && self.pending.is_empty() {
                    return;
                }
                is_writable = true;
                continue;
            };
            is_writable = false;
            if !self.counters.failing.swap(true, Relaxed) {
                tracing::warn!(%error, "cannot write the audit log; retrying, and dropping entries when the queue is full");
            }
            if self.queue.is_closed() {
                return self.drop_all();
            }
            thread::park_timeout(self.retry.saturating_mul(1 << doublings));
            doublings = (doublings + 1).min(MAX_DOUBLINGS);
        }
    }

    /// Writes the pending entries and, with `take`, as many from the queue as one call may write. Returns the number
    /// of entries written.
    fn attempt(&mut self, take: bool) -> (usize, io::Result<()>) {
        let Some(first) = entry(&mut self.pending, &mut self.queue, 0, take) else { return (0, Ok(())) };
        let length = first.fields().len() + MAX_FRAME;
        let room = match self.output.prepare(length) {
            Ok(room) => room.min(MAX_WRITE),
            Err(error) => return (0, Err(error)),
        };
        let dropped = self.counters.dropped.load(Relaxed);
        self.make_lines(room, dropped.saturating_sub(self.counters.reported.load(Relaxed)), take);
        let (written, result) = self.lines.write(self.output.as_mut(), &self.queue);
        if let Some(position) = self.lines.position_after(written) {
            self.chain.advance(position);
            let size = self.pending.drain(..written).map(|entry| entry.size()).sum();
            self.counters.queued_bytes.fetch_sub(size, Relaxed);
            self.counters.written.fetch_add(written as u64, Relaxed);
            self.counters.reported.store(dropped, Relaxed);
            if self.counters.failing.swap(false, Relaxed) {
                tracing::info!(dropped, "writing to the audit log works again");
            }
        }
        (written, result)
    }

    /// Makes lines of at most `room` bytes, but at least one line. The first reports the number of dropped
    /// entries.
    fn make_lines(&mut self, room: usize, mut dropped: u64, take: bool) {
        let Writer { chain, queue, pending, lines, .. } = self;
        lines.clear();
        for index in 0.. {
            let Some(entry) = entry(pending, queue, index, take) else { return };
            lines.push(chain, entry, std::mem::take(&mut dropped));
            if index > 0 && lines.bytes.len() > room {
                return lines.pop();
            }
        }
    }

    /// Drops and counts every entry that is not written.
    fn drop_all(&mut self) {
        let queue = std::iter::from_fn(|| self.queue.try_recv().ok());
        for entry in self.pending.drain(..).chain(queue) {
            self.counters.dropped.fetch_add(1, Relaxed);
            self.counters.queued_bytes.fetch_sub(entry.size(), Relaxed);
        }
    }
}

/// Returns a pending entry. With `take`, the next entry of the queue follows the last pending one.
fn entry<'p>(
    pending: &'p mut VecDeque<QueuedEntry>,
    queue: &mut Receiver<QueuedEntry>,
    index: usize,
    take: bool,
) -> Option<&'p QueuedEntry> {
    if take && index == pending.len() {
        pending.push_back(queue.try_recv().ok()?);
    }
    pending.get(index)
}

/// Lines that one call writes.
#[derive(Default)]
struct Lines {
    /// A newline, then each line with its own newline. The first newline ends a torn line, if the output has one.
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

struct Line {
    /// The index in `bytes` after the newline of the line.
    end: usize,
    /// The position of the chain after the line.
    position: Position,
}

impl Lines {
    fn clear(&mut self) {
        if self.bytes.capacity() > 2 * MAX_WRITE {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.bytes.push(b'\n');
        self.lines.clear();
    }

    fn push(&mut self, chain: &Chain, entry: &QueuedEntry, dropped: u64) {
        let (start, position) = self.lines.last().map_or((1, chain.position()), |last| (last.end, last.position));
        chain.write_line(position, entry, dropped, &mut self.bytes);
        let position = position.after(self.bytes.get(start..).unwrap_or_default());
        self.bytes.push(b'\n');
        self.lines.push(Line { end: self.bytes.len(), position });
    }

    fn pop(&mut self) {
        self.lines.pop();
        self.bytes.truncate(self.lines.last().map_or(1, |last| last.end));
    }

    /// Returns the position of the chain after the first `count` lines; `None` for no line.
    fn position_after(&self, count: usize) -> Option<Position> {
        Some(self.lines.get(count.checked_sub(1)?)?.position)
    }

    /// Writes the lines and returns how many were written. If a line fails halfway, the next attempt begins with
    /// a newline, so that the torn line stays separate.
    fn write(&self, output: &mut dyn Output, queue: &Receiver<QueuedEntry>) -> (usize, io::Result<()>) {
        let mut at = usize::from(!output.is_mid_line());
        let result = loop {
            let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) else { break Ok(()) };
            match output.write(rest) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(count) => at += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process made the pipe non-blocking. The next call continues the same line.
                Err(error) if error.kind() == ErrorKind::WouldBlock && !queue.is_closed() => thread::park_timeout(PIPE_WAIT),
                Err(error) => break Err(error),
            }
        };
        // A line that lacks only its newline counts as written: writing it again would repeat it.
        let written = self.lines.iter().take_while(|line| line.end <= at + 1).count();
        (written, if written == self.lines.len() { Ok(()) } else { result })
    }
}
