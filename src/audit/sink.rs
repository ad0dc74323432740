//! The entry point of the audit log: a bounded queue in front of the writer thread.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::mpsc;

use super::chain::Chain;
use super::counters::Counters;
use super::entry::{Entry, QueuedEntry};
use super::options::{Destination, Options};
use super::output::{FileOutput, Output, StreamOutput};
use super::unanswered::{Omitted, Unanswered};
use super::writer::Writer;

/// The audit log, as the server uses it. Share it by reference or [`Arc`], and call [`Sink::close`] before the
/// process ends.
#[derive(Debug)]
pub struct Sink {
    /// The queue; `None` once the sink is closed. Only closing takes the write lock.
    queue: RwLock<Option<mpsc::Sender<QueuedEntry>>>,
    max_bytes: usize,
    pub(super) counters: Arc<Counters>,
    writer: Thread,
    finished: Mutex<Receiver<()>>,
}

impl Sink {
    /// Opens the log and starts its writer. The chain of an existing file continues after its last complete
    /// line. The writer opens a FIFO or a device, because opening one may wait for a reader.
    ///
    /// # Errors
    /// The file cannot be opened, read or created; another process writes to it; the thread cannot be started.
    pub fn open(options: Options) -> io::Result<Sink> {
        let (output, chain): (Box<dyn Output>, Option<Chain>) = match options.destination {
            Destination::Stdout => (Box::new(StreamOutput::stdout()?), None),
            Destination::File(path) => {
                let (output, chain) = FileOutput::open(path, options.rotate_bytes, options.rotate_keep)?;
                (Box::new(output), chain)
            }
        };
        let chain = chain.unwrap_or_else(|| Chain::new(options.chain));
        Sink::start(output, chain, options.queue_entries, options.queue_bytes, options.retry)
    }

    pub(super) fn start(output: Box<dyn Output>, chain: Chain, max_entries: usize, max_bytes: usize, retry: Duration) -> io::Result<Sink> {
        let counters = Arc::new(Counters::default());
        // A queue must have room for at least one entry.
        let (queue, entries) = mpsc::channel(max_entries.max(1));
        let (finish, finished) = channel();
        let writer = Writer::new(output, chain, entries, Arc::clone(&counters), retry);
        let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || {
            writer.run();
            // `close` may have timed out and dropped its end.
            let _ = finish.send(());
        })?;
        let writer = thread.thread().clone();
        Ok(Sink { queue: RwLock::new(Some(queue)), max_bytes, counters, writer, finished: Mutex::new(finished) })
    }

    /// Adds an entry to the queue. Never waits: an entry that does not fit is counted as dropped, and the next
    /// line that is written reports the number.
    pub fn offer(&self, entry: Entry) {
        let queued = QueuedEntry::new(&entry);
        // Frees the small allocations of the record in the thread that made them.
        drop(entry);
        self.add(queued);
    }

    /// Adds a request without a verdict to the queue, as [`Sink::offer`] does. Returns whether it fits.
    pub fn offer_unanswered(&self, request: &Unanswered) -> bool {
        self.add(QueuedEntry::unanswered(request))
    }

    /// Adds the number of requests without a line to the queue. Returns whether it fits; if not, nothing is counted as
    /// dropped, and the caller keeps the number.
    pub fn offer_omitted(&self, omitted: &Omitted) -> bool {
        QueuedEntry::omitted(omitted).is_ok_and(|queued| self.enqueue(queued))
    }

    fn add(&self, queued: serde_json::Result<QueuedEntry>) -> bool {
        let is_queued = queued.is_ok_and(|queued| self.enqueue(queued));
        if !is_queued {
            self.counters.dropped.fetch_add(1, Relaxed);
        }
        is_queued
    }

    fn enqueue(&self, entry: QueuedEntry) -> bool {
        let size = entry.size();
        let bytes = self.counters.queued_bytes.fetch_add(size, Relaxed).saturating_add(size);
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        let is_queued = bytes <= self.max_bytes && queue.as_ref().is_some_and(|queue| queue.try_send(entry).is_ok());
        if !is_queued {
            self.counters.queued_bytes.fetch_sub(size, Relaxed);
        }
        is_queued
    }

    /// Returns the number of lines written since the start.
    pub fn written(&self) -> u64 {
        self.counters.written.load(Relaxed)
    }

    /// Returns the number of entries dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.counters.dropped.load(Relaxed)
    }

    /// Returns whether the last attempt to write failed, or no line has reported the latest dropped entry yet.
    pub fn failing(&self) -> bool {
        self.counters.failing.load(Relaxed) || self.dropped() > self.counters.reported.load(Relaxed)
    }

    /// Rejects further entries, writes those in the queue, and stops the writer. An entry that cannot be
    /// written is tried once more, then counted as dropped. Returns whether the writer stopped within `timeout`.
    /// If it did not (a FIFO without a reader), the process loses the remaining entries.
    pub fn close(&self, timeout: Duration) -> bool {
        self.close_queue();
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(finished.recv_timeout(timeout), Err(RecvTimeoutError::Timeout))
    }

    fn close_queue(&self) {
        *self.queue.write().unwrap_or_else(PoisonError::into_inner) = None;
        // Ends the wait between two attempts.
        self.writer.unpark();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.close_queue();
    }
}
