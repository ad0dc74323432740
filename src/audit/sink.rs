//! The bounded queue before the writer. Offering an entry neither waits, nor calls the system for more
//! than a wake-up, nor lets memory grow: what does not fit is counted, and the next line says how many.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use super::Entry;
use super::chain::Chain;
use super::output::{FileOutput, Output, StreamOutput};
use super::queue::{self, Offered, Queue, Sealed};
use super::writer::Writer;

/// The most entries that wait for the writer.
pub const QUEUE_ENTRIES: usize = 8192;

/// The most memory that waiting entries may hold, about, in bytes. One whose record alone is larger as
/// JSON never gets through: it is counted.
pub const QUEUE_BYTES: usize = 16 << 20;

/// The size in bytes past which a file is rotated: before the line that would make it larger is written.
pub const ROTATE_BYTES: u64 = 64 << 20;

/// How many rotated files are kept: `audit.log.1`, the youngest, to `audit.log.9`.
pub const ROTATE_KEEP: u32 = 9;

/// How long the writer waits before it tries a line again that could not be written. It doubles with each
/// failure, to thirty-two times this.
pub const RETRY: Duration = Duration::from_millis(125);

/// Where the log goes: `--audit-log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `-`
    Stdout,
    /// A file, a FIFO or a device.
    File(PathBuf),
}

impl FromStr for Destination {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Destination::Stdout } else { Destination::File(text.into()) })
    }
}

/// How a sink writes. [`Options::new`] gives the documented limits.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to.
    pub destination: Destination,
    /// What the chain is named after, if a new one must be begun: drawn at random, so that no two have one name.
    pub chain: [u8; 8],
    /// [`QUEUE_ENTRIES`]
    pub queue_entries: usize,
    /// [`QUEUE_BYTES`]
    pub queue_bytes: usize,
    /// [`ROTATE_BYTES`]
    pub rotate_bytes: u64,
    /// [`ROTATE_KEEP`]
    pub rotate_keep: u32,
    /// [`RETRY`]
    pub retry: Duration,
}

impl Options {
    /// The documented limits.
    pub fn new(destination: Destination, chain: [u8; 8]) -> Options {
        Options {
            destination,
            chain,
            queue_entries: QUEUE_ENTRIES,
            queue_bytes: QUEUE_BYTES,
            rotate_bytes: ROTATE_BYTES,
            rotate_keep: ROTATE_KEEP,
            retry: RETRY,
        }
    }
}

/// What queue and writer share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) written: AtomicU64,
    pub(super) dropped: AtomicU64,
    /// Drops that no line has said yet.
    pub(super) unsaid: AtomicU64,
    pub(super) failing: AtomicBool,
    /// Whether an entry was dropped since the last line.
    pub(super) losing: AtomicBool,
    pub(super) closing: AtomicBool,
    pub(super) queue: Queue,
    queued_entries: AtomicUsize,
    queued_bytes: AtomicUsize,
}

impl Shared {
    /// Counts an entry that gets no line.
    pub(super) fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        self.losing.store(true, Ordering::Relaxed);
    }

    /// Notes that the writer is done with an entry.
    pub(super) fn done(&self, weight: usize) {
        self.queued_entries.fetch_sub(1, Ordering::Relaxed);
        self.queued_bytes.fetch_sub(weight, Ordering::Relaxed);
    }
}

/// The audit log's near end. Share it by reference or `Arc`; [`Sink::close`] it before the process ends.
#[derive(Debug)]
pub struct Sink {
    shared: Arc<Shared>,
    queue_entries: usize,
    queue_bytes: usize,
    writer: Thread,
    finished: Mutex<Receiver<()>>,
}

impl Sink {
    /// Opens the log and starts its writer. A file's chain continues behind its last whole line. A FIFO or a
    /// device is opened by the writer, since that may wait for a reader.
    ///
    /// # Errors
    /// The file cannot be opened, read or created, or another process writes to it; no thread can be had.
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

    pub(super) fn start(output: Box<dyn Output>, chain: Chain, entries: usize, bytes: usize, retry: Duration) -> io::Result<Sink> {
        let shared = Arc::new(Shared::default());
        let (finish, finished) = channel();
        let writer = Writer::new(output, chain, Arc::clone(&shared), retry);
        let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || {
            writer.run();
            // Nobody listens any more where `close` has given up.
            let _ = finish.send(());
        })?;
        let writer = thread.thread().clone();
        Ok(Sink { shared, queue_entries: entries, queue_bytes: bytes, writer, finished: Mutex::new(finished) })
    }

    /// Offers an entry. Never waits for the writer; what does not fit is counted.
    pub fn offer(&self, entry: Entry) {
        let sealed = queue::seal(&entry);
        // Its many small pieces of memory serve for the next one.
        drop(entry);
        let Ok((seal, record)) = sealed else { return self.shared.drop_one() };
        self.push(&Sealed { seal, record: queue::fields(&record) });
    }

    fn push(&self, entry: &Sealed<'_>) {
        let weight = entry.weight();
        let bytes = self.shared.queued_bytes.fetch_add(weight, Ordering::Relaxed).saturating_add(weight);
        let entries = self.shared.queued_entries.fetch_add(1, Ordering::Relaxed) + 1;
        // The entry that is being written waits no more.
        let fits = bytes <= self.queue_bytes && entries <= self.queue_entries.saturating_add(1);
        match if fits { self.shared.queue.push(entry) } else { Offered::Refused } {
            Offered::Waits => {}
            Offered::Wakes => self.writer.unpark(),
            Offered::Refused => {
                self.shared.done(weight);
                self.shared.drop_one();
            }
        }
    }

    /// Lines written since the start.
    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// Entries that got no line since the start.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Entries that wait for the writer now.
    pub fn queued(&self) -> usize {
        self.shared.queued_entries.load(Ordering::Relaxed)
    }

    /// Answers whether the last attempt to write failed, or entries were dropped since the last line.
    pub fn failing(&self) -> bool {
        self.shared.failing.load(Ordering::Relaxed) || self.shared.losing.load(Ordering::Relaxed)
    }

    /// Takes no more entries, writes those that wait, and ends the writer. An entry that cannot be written is
    /// tried once more, then counted as dropped. Waits at most `wait`; answers whether the writer has ended.
    /// Where it has not (nobody reads the FIFO), what waits is lost with the process.
    pub fn close(&self, wait: Duration) -> bool {
        self.end();
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(finished.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
    }

    fn end(&self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        self.shared.queue.close();
        // Between two attempts the writer waits; now it gives up after one more.
        self.writer.unpark();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.end();
    }
}
