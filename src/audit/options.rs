//! Which decisions a log has, where it is written, and its limits.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The maximum number of entries in the queue.
pub const QUEUE_ENTRIES: usize = 8192;

/// The maximum memory of the entries that are not written yet, in bytes. A larger entry is dropped and counted.
pub const QUEUE_BYTES: usize = 16 << 20;

/// The maximum size of a file, in bytes. The file is rotated before the line that would exceed it.
pub const ROTATE_BYTES: u64 = 64 << 20;

/// The number of rotated files to keep: `audit.log.1`, the newest, to `audit.log.9`.
pub const ROTATE_KEEP: u32 = 9;

/// The wait before the first retry after a failed write. It doubles with each failure, up to 32 times this value.
pub const RETRY: Duration = Duration::from_millis(125);

/// The decisions that the log has (`--audit-level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Denied and softened requests, and uses of break-glass.
    Denied,
    /// Also requests that are admitted with a warning.
    Warned,
    /// All requests.
    All,
}

/// The destination of the log (`--audit-log`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output: `-`.
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

/// How a sink writes. [`Options::new`] sets the documented limits.
#[derive(Debug, Clone)]
pub struct Options {
    /// The destination.
    pub destination: Destination,
    /// The name of the chain if a new one begins. It must be random, so that no two chains have the same name.
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
    /// Returns options with the documented limits.
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
