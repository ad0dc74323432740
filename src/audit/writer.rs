//! The writer: the one thread that touches the disk.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::chain::{Chain, Position};
use super::output::Output;
use super::queue::{Batch, Sealed, Turn};
use super::sink::Shared;

pub(super) struct Writer {
    output: Box<dyn Output>,
    chain: Chain,
    shared: Arc<Shared>,
    retry: Duration,
    lines: Lines,
}

/// How long entries gather that come one upon another. Meanwhile nobody waits for the queue, so that whoever
/// offers one wakes nobody: waking this thread costs as much as its line.
const GATHER: Duration = Duration::from_millis(2);

/// The most bytes of several lines that are written at once.
const MOST_AT_ONCE: usize = 64 << 10;

/// Thirty-two times the first wait.
const MOST_DOUBLINGS: u32 = 5;

impl Writer {
    pub(super) fn new(output: Box<dyn Output>, chain: Chain, shared: Arc<Shared>, retry: Duration) -> Writer {
        Writer { output, chain, shared, retry, lines: Lines::default() }
    }

    /// Writes what comes out of the queue until that is closed.
    pub(super) fn run(mut self) {
        let mut batch = Batch::default();
        loop {
            match self.shared.queue.take(&mut batch) {
                Turn::Write => {
                    self.output.look_again();
                    self.write(&batch);
                    thread::park_timeout(GATHER);
                }
                Turn::Sleep => thread::park(),
                Turn::End => break,
            }
        }
        self.output.finish();
    }

    /// Writes entries, as often as it takes. While the log cannot be written the oldest entries are
    /// held and the newest are dropped, so that the beginning of what happened meanwhile is on record.
    fn write(&mut self, batch: &Batch) {
        let mut next = 0;
        let mut doublings = 0;
        let mut dropped = self.shared.unsaid.swap(0, Ordering::Relaxed);
        while next < batch.len() {
            let (out, result) = self.attempt(batch, next, dropped);
            for entry in (next..next + out).filter_map(|position| batch.get(position)) {
                self.shared.done(entry.weight());
                self.shared.written.fetch_add(1, Ordering::Relaxed);
            }
            next += out;
            if out > 0 {
                dropped = self.shared.unsaid.swap(0, Ordering::Relaxed);
                doublings = 0;
            }
            let Err(error) = result else { continue };
            if !self.shared.failing.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, "the audit log cannot be written; entries wait in memory until they are too many, then they are dropped and counted");
            }
            if self.shared.closing.load(Ordering::Relaxed) {
                self.give_up(batch, next);
                break;
            }
            thread::park_timeout(self.retry.saturating_mul(1 << doublings));
            doublings = (doublings + 1).min(MOST_DOUBLINGS);
        }
        self.shared.unsaid.fetch_add(dropped, Ordering::Relaxed);
    }

    /// Makes lines of the entries from `next` on and writes them. Answers how many are out: more than none,
    /// or there is an error. `dropped` is for the first of them to say.
    fn attempt(&mut self, batch: &Batch, next: usize, dropped: u64) -> (usize, io::Result<()>) {
        let Writer { output, chain, shared, lines, .. } = self;
        lines.clear();
        let mut entries = (next..).map_while(|position| batch.get(position));
        let Some(first) = entries.next() else { return (0, Ok(())) };
        lines.push(chain, &first, dropped);
        let room = match output.ready(lines.bytes.len()) {
            Ok(room) => room.min(MOST_AT_ONCE),
            Err(error) => return (0, Err(error)),
        };
        // Where writing fails, lines are tried one by one, so that each says what was dropped until then.
        let more = if shared.failing.load(Ordering::Relaxed) { 0 } else { usize::MAX };
        for entry in entries.take(more) {
            lines.push(chain, &entry, shared.unsaid.swap(0, Ordering::Relaxed));
            if lines.bytes.len() > room {
                lines.unsay(lines.made.len() - 1, shared);
                break;
            }
        }
        let (out, result) = lines.write(output.as_mut(), shared);
        if let Some(last) = out.checked_sub(1).and_then(|last| lines.made.get(last)) {
            chain.advance(last.behind);
            if shared.failing.swap(false, Ordering::Relaxed) {
                tracing::info!(dropped = shared.dropped.load(Ordering::Relaxed), "the audit log is written again");
            }
            shared.losing.store(false, Ordering::Relaxed);
        }
        lines.unsay(out.max(1), shared);
        (out, result)
    }

    /// Counts the entries from `next` on as dropped.
    fn give_up(&self, batch: &Batch, next: usize) {
        for entry in (next..).map_while(|position| batch.get(position)) {
            self.shared.drop_one();
            self.shared.done(entry.weight());
        }
    }
}

/// Lines that are written at once.
#[derive(Default)]
struct Lines {
    /// A newline, then each line with one of its own. The first ends a piece of a line, where one stands there.
    bytes: Vec<u8>,
    made: Vec<Made>,
}

/// One of them.
struct Made {
    /// Where its newline ends.
    end: usize,
    /// Where the chain stands behind it.
    behind: Position,
    /// How many drops it says.
    dropped: u64,
}

impl Lines {
    fn clear(&mut self) {
        if self.bytes.capacity() > 2 * MOST_AT_ONCE {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.bytes.push(b'\n');
        self.made.clear();
    }

    fn push(&mut self, chain: &Chain, entry: &Sealed<'_>, dropped: u64) {
        let (start, at) = self.made.last().map_or((1, chain.position()), |last| (last.end, last.behind));
        chain.line(at, entry, dropped, &mut self.bytes);
        let behind = at.behind(self.bytes.get(start..).unwrap_or_default());
        self.bytes.push(b'\n');
        self.made.push(Made { end: self.bytes.len(), behind, dropped });
    }

    /// Takes back all but the first `count` lines: others will say what they said.
    fn unsay(&mut self, count: usize, shared: &Shared) {
        for line in self.made.drain(count.min(self.made.len())..) {
            shared.unsaid.fetch_add(line.dropped, Ordering::Relaxed);
        }
        self.bytes.truncate(self.made.last().map_or(1, |last| last.end));
    }

    /// Writes them; answers how many are out. A line that fails half-way leaves a piece; the next attempt
    /// begins with a newline, so that the piece stands alone.
    fn write(&self, output: &mut dyn Output, shared: &Shared) -> (usize, io::Result<()>) {
        let start = usize::from(!output.owes_newline());
        let mut at = start;
        let result = loop {
            let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) else { break Ok(()) };
            match output.write(rest) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(count) => at += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A pipe that somebody made non-blocking: what is written stays the beginning of this line.
                Err(error) if error.kind() == ErrorKind::WouldBlock && !shared.closing.load(Ordering::Relaxed) => {
                    thread::park_timeout(Duration::from_millis(20));
                }
                Err(error) => break Err(error),
            }
        };
        if at > start {
            output.owe_newline(self.bytes.get(..at).is_some_and(|out| !out.ends_with(b"\n")));
        }
        // One of which all but the newline is out counts, and must not come twice.
        let out = self.made.iter().take_while(|line| line.end <= at + 1).count();
        (out, if out == self.made.len() { Ok(()) } else { result })
    }
}
