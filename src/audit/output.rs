//! Where lines go: a stream, or a file that rotates.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::chain::Chain;
use super::resume;

/// The most bytes that several lines may have which go into a pipe at once: those of another writer to the
/// same pipe never come between them (`PIPE_BUF`).
const UNDIVIDED: usize = 4096;

/// The far end of a sink.
pub(super) trait Output: Send {
    /// Makes ready for a line of at most `length` bytes: opens, re-opens, rotates. Answers how many bytes of
    /// lines may be written at once before it is asked again: at least those.
    fn ready(&mut self, length: usize) -> io::Result<usize>;
    /// Forgets what is known of the far end: others may have touched it.
    fn look_again(&mut self) {}
    /// Writes some of it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Answers whether a piece of a line stands at the end.
    fn owes_newline(&self) -> bool;
    /// Notes whether one does.
    fn owe_newline(&mut self, owes: bool);
    /// Hands everything to the disk, as far as it goes.
    fn finish(&mut self) {}
}

/// Standard output.
pub(super) struct StreamOutput {
    file: File,
    owes_newline: bool,
}

impl StreamOutput {
    /// A second handle, without the buffer of `std::io::stdout`, which would tear lines at its own length.
    pub(super) fn stdout() -> io::Result<StreamOutput> {
        Ok(StreamOutput { file: io::stdout().as_fd().try_clone_to_owned()?.into(), owes_newline: false })
    }
}

impl Output for StreamOutput {
    fn ready(&mut self, length: usize) -> io::Result<usize> {
        Ok(length.max(UNDIVIDED))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn owes_newline(&self) -> bool {
        self.owes_newline
    }

    fn owe_newline(&mut self, owes: bool) {
        self.owes_newline = owes;
    }
}

/// A path: a regular file that is appended to and rotated, or a FIFO or device that is only written to.
pub(super) struct FileOutput {
    path: PathBuf,
    rotate_bytes: u64,
    keep: u32,
    file: Option<File>,
    /// How long the file is, where that is known: asking costs as much as writing a line.
    length: Option<u64>,
    owes_newline: bool,
    rotation_failed: bool,
}

impl FileOutput {
    /// Opens a log. A regular file is opened and locked at once, and the chain in it is answered.
    pub(super) fn open(path: PathBuf, rotate_bytes: u64, keep: u32) -> io::Result<(FileOutput, Option<Chain>)> {
        let keep = keep.max(1);
        let mut output = FileOutput { path, rotate_bytes, keep, file: None, length: None, owes_newline: false, rotation_failed: false };
        let known = match fs::metadata(&output.path) {
            Ok(metadata) if metadata.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if known.is_some_and(|metadata| !metadata.is_file()) {
            return Ok((output, None));
        }
        output.reopen()?;
        let chain = match resume::last_chain(&output.path)? {
            Some(chain) => Some(chain),
            // The process ended between a rotation and its next line.
            None => resume::last_chain(&rotated(&output.path, 1))?,
        };
        Ok((output, chain))
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = None;
        self.length = None;
        // Opening a FIFO waits here for its reader: only the writer thread ever does.
        let file = OpenOptions::new().append(true).create(true).mode(0o640).open(&self.path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() {
            lock(&file)?;
            if metadata.len() > 0 {
                self.owes_newline = resume::ends_in_a_piece(&self.path)?;
            } else {
                self.owes_newline = false;
            }
        }
        self.file = Some(file);
        Ok(())
    }

    /// Answers whether the path still names the file that is open: others rotate too.
    fn moved_away(&self, open: &Metadata) -> bool {
        fs::metadata(&self.path).map_or(true, |named| (named.dev(), named.ino()) != (open.dev(), open.ino()))
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.keep).rev() {
            rename(&rotated(&self.path, number), &rotated(&self.path, number + 1))?;
        }
        rename(&self.path, &rotated(&self.path, 1))?;
        self.reopen()
    }
}

impl Output for FileOutput {
    fn ready(&mut self, length: usize) -> io::Result<usize> {
        let Some(file) = &self.file else { return self.reopen().map(|()| length) };
        let so_far = if let Some(length) = self.length {
            length
        } else {
            let metadata = file.metadata()?;
            if metadata.file_type().is_fifo() || !metadata.is_file() {
                return Ok(length.max(UNDIVIDED));
            }
            if self.moved_away(&metadata) {
                return self.reopen().map(|()| length);
            }
            *self.length.insert(metadata.len())
        };
        let left = usize::try_from(self.rotate_bytes.saturating_sub(so_far)).unwrap_or(usize::MAX);
        if so_far == 0 || length <= left {
            return Ok(left.max(length));
        }
        match self.rotate() {
            // A file that has grown too large is better than a line that is missing.
            Err(error) if self.file.is_some() => {
                if !self.rotation_failed {
                    tracing::warn!(%error, file = %self.path.display(), "the audit log cannot be rotated and grows on");
                }
                self.rotation_failed = true;
                Ok(length)
            }
            result => {
                self.rotation_failed = false;
                result.map(|()| length)
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Err(ErrorKind::NotConnected.into()) };
        let result = file.write(bytes);
        if let (Some(length), Ok(count)) = (&mut self.length, &result) {
            *length += *count as u64;
        }
        if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            // The reader of a FIFO is gone; the next attempt waits for another.
            self.file = None;
        }
        result
    }

    fn look_again(&mut self) {
        self.length = None;
    }

    fn owes_newline(&self) -> bool {
        self.owes_newline
    }

    fn owe_newline(&mut self, owes: bool) {
        self.owes_newline = owes;
    }

    fn finish(&mut self) {
        if let Some(file) = &self.file {
            // A FIFO cannot be synchronized, and nobody is left to tell about a disk that fails now.
            let _ = file.sync_all();
        }
    }
}

/// Names a rotated file: `audit.log.1`.
pub(super) fn rotated(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Two writers would fork the chain. A file system without locks is taken as it is.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::new(ErrorKind::ResourceBusy, "another process writes to this audit log")),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}
