//! The writer: the one thread that touches the disk.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use super::Entry;
use super::chain::Chain;
use super::output::Output;
use super::sink::{Message, Shared};

pub(super) struct Writer {
    output: Box<dyn Output>,
    chain: Chain,
    shared: Arc<Shared>,
    retry: Duration,
}

/// How long entries gather that come one upon another. Meanwhile nobody waits for the queue, so that whoever
/// offers one wakes nobody: waking this thread costs as much as its line.
const GATHER: Duration = Duration::from_millis(2);

/// Thirty-two times the first wait.
const MOST_DOUBLINGS: u32 = 5;

impl Writer {
    pub(super) fn new(output: Box<dyn Output>, chain: Chain, shared: Arc<Shared>, retry: Duration) -> Writer {
        Writer { output, chain, shared, retry }
    }

    /// Writes what comes out of the queue until it is told to stop.
    pub(super) fn run(mut self, queue: &Receiver<Message>) {
        while let Ok(message) = queue.recv() {
            let mut next = Some(message);
            while next.is_some() {
                self.output.look_again();
                while let Some(message) = next {
                    let Message::Entry { entry, weight } = message else {
                        self.output.finish();
                        return;
                    };
                    // The entry's memory counts until it is written: while the disk is away, it is held.
                    self.write(&entry);
                    self.shared.taken(weight);
                    next = queue.try_recv().ok();
                }
                thread::park_timeout(GATHER);
                next = queue.try_recv().ok();
            }
        }
        self.output.finish();
    }

    /// Writes one entry, as often as it takes. While the log cannot be written the oldest entries are
    /// held and the newest are dropped, so that the beginning of what happened meanwhile is on record.
    fn write(&mut self, entry: &Entry) {
        let dropped = self.shared.unsaid.swap(0, Ordering::Relaxed);
        let Ok(line) = self.chain.line(entry, dropped) else {
            self.shared.unsaid.fetch_add(dropped, Ordering::Relaxed);
            self.shared.drop_one();
            return;
        };
        let mut doublings = 0;
        while let Err(error) = write_line(self.output.as_mut(), &line, &self.shared) {
            if !self.shared.failing.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, "the audit log cannot be written; entries wait in memory until they are too many, then they are dropped and counted");
            }
            if self.shared.closing.load(Ordering::Relaxed) {
                self.shared.unsaid.fetch_add(dropped, Ordering::Relaxed);
                self.shared.drop_one();
                return;
            }
            thread::park_timeout(self.retry.saturating_mul(1 << doublings));
            doublings = (doublings + 1).min(MOST_DOUBLINGS);
        }
        if self.shared.failing.swap(false, Ordering::Relaxed) {
            tracing::info!(dropped = self.shared.dropped.load(Ordering::Relaxed), "the audit log is written again");
        }
        self.shared.losing.store(false, Ordering::Relaxed);
        self.chain.advance(&line);
        self.shared.written.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes one line and its newline. A line that fails half-way leaves a piece; the next attempt begins
/// with a newline, so that the piece stands alone.
fn write_line(output: &mut dyn Output, line: &[u8], shared: &Shared) -> io::Result<()> {
    output.ready(line.len() + 2)?;
    let newline_first = output.owes_newline();
    let mut bytes = Vec::with_capacity(line.len() + 2);
    if newline_first {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line);
    bytes.push(b'\n');
    let whole = bytes.len() - 1;

    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        let error = match output.write(rest) {
            Ok(0) => ErrorKind::WriteZero.into(),
            Ok(count) => {
                done += count;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // A pipe that somebody made non-blocking: what is written stays the beginning of this line.
            Err(error) if error.kind() == ErrorKind::WouldBlock && !shared.closing.load(Ordering::Relaxed) => {
                thread::park_timeout(Duration::from_millis(20));
                continue;
            }
            Err(error) => error,
        };
        if done > 0 {
            output.owe_newline(true);
        }
        // All but the newline is out: the line counts, and must not come twice.
        return if done == whole { Ok(()) } else { Err(error) };
    }
    output.owe_newline(false);
    Ok(())
}
