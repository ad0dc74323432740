//! The destination of the lines: a stream, or a file that is rotated.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::chain::Chain;
use super::resume;

/// The maximum number of bytes that one call may write to a pipe (`PIPE_BUF`): the system does not interleave
/// them with the bytes of another process.
const PIPE_BYTES: usize = 4096;

/// A destination of lines.
pub(super) trait Output: Send {
    /// Opens, reopens or rotates the destination, for a line of at most `length` bytes. Returns how many bytes the
    /// next lines may have before the next call: at least `length`.
    fn prepare(&mut self, length: usize) -> io::Result<usize>;
    /// Writes the start of `bytes` and returns the number of bytes written.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Returns whether the destination ends with a torn line.
    fn is_mid_line(&self) -> bool;
    /// Flushes the destination to the disk.
    fn finish(&mut self) {}
}

/// Writes to a file and updates `is_mid_line`.
fn write(mut file: &File, bytes: &[u8], is_mid_line: &mut bool) -> io::Result<usize> {
    let count = file.write(bytes)?;
    if let Some(last) = count.checked_sub(1).and_then(|last| bytes.get(last)) {
        *is_mid_line = *last != b'\n';
    }
    Ok(count)
}

/// Standard output.
pub(super) struct StreamOutput {
    file: File,
    is_mid_line: bool,
}

impl StreamOutput {
    /// Duplicates the descriptor of standard output, because the buffer of `std::io::stdout` splits lines.
    pub(super) fn stdout() -> io::Result<StreamOutput> {
        Ok(StreamOutput { file: io::stdout().as_fd().try_clone_to_owned()?.into(), is_mid_line: false })
    }
}

impl Output for StreamOutput {
    fn prepare(&mut self, length: usize) -> io::Result<usize> {
        Ok(length.max(PIPE_BYTES))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(&self.file, bytes, &mut self.is_mid_line)
    }

    fn is_mid_line(&self) -> bool {
        self.is_mid_line
    }
}

/// A path: a regular file, which is appended to and rotated, or a FIFO or device.
pub(super) struct FileOutput {
    path: PathBuf,
    rotate_bytes: u64,
    keep: u32,
    file: Option<File>,
    is_mid_line: bool,
    rotation_failed: bool,
}

impl FileOutput {
    /// Opens and locks a regular file and returns its chain. A FIFO or a device is opened by the first
    /// [`Output::prepare`].
    pub(super) fn open(path: PathBuf, rotate_bytes: u64, keep: u32) -> io::Result<(FileOutput, Option<Chain>)> {
        let mut output = FileOutput { path, rotate_bytes, keep: keep.max(1), file: None, is_mid_line: false, rotation_failed: false };
        let metadata = match fs::metadata(&output.path) {
            Ok(metadata) if metadata.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if metadata.is_some_and(|metadata| !metadata.is_file()) {
            return Ok((output, None));
        }
        output.reopen()?;
        let chain = match resume::last_chain(&output.path)? {
            Some(chain) => Some(chain),
            // The process ended between a rotation and the next line.
            None => resume::last_chain(&rotated(&output.path, 1))?,
        };
        Ok((output, chain))
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = None;
        // Opening a FIFO waits for its reader. Only the writer thread opens one.
        let file = OpenOptions::new().append(true).create(true).mode(0o640).open(&self.path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() {
            lock(&file)?;
            self.is_mid_line = metadata.len() > 0 && resume::ends_mid_line(&self.path)?;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Returns whether the path no longer names the open file, because another process moved it.
    fn is_moved(&self, open: &Metadata) -> bool {
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
    fn prepare(&mut self, length: usize) -> io::Result<usize> {
        let Some(file) = &self.file else { return self.reopen().map(|()| length) };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(length.max(PIPE_BYTES));
        }
        if self.is_moved(&metadata) {
            return self.reopen().map(|()| length);
        }
        let left = usize::try_from(self.rotate_bytes.saturating_sub(metadata.len())).unwrap_or(usize::MAX);
        if metadata.len() == 0 || length <= left {
            return Ok(left.max(length));
        }
        match self.rotate() {
            // A file that is too large is better than a missing line.
            Err(error) if self.file.is_some() => {
                if !self.rotation_failed {
                    tracing::warn!(%error, file = %self.path.display(), "cannot rotate the audit log; the file keeps growing");
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
        let Some(file) = &self.file else { return Err(ErrorKind::NotConnected.into()) };
        let result = write(file, bytes, &mut self.is_mid_line);
        if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            // The reader of the FIFO is gone. The next attempt waits for another one.
            self.file = None;
        }
        result
    }

    fn is_mid_line(&self) -> bool {
        self.is_mid_line
    }

    fn finish(&mut self) {
        if let Some(file) = &self.file {
            // A FIFO cannot be synchronized, and the process is about to end.
            let _ = file.sync_all();
        }
    }
}

/// Returns the path of a rotated file: `audit.log.1`.
pub(super) fn rotated(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Renames a file, if it exists.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Locks a file, because a second writer would fork the chain. A file system without locks is accepted.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::new(ErrorKind::ResourceBusy, "another process writes to this audit log")),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}
