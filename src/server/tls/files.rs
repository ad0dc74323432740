//! Reads small files that another process may replace at the same time, and replaces files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

/// The maximum size of a file, in bytes. A chain of many certificates has about 10 KiB.
const MAX_BYTES: u64 = 1 << 20;

/// The maximum number of attempts to read two files that change while they are read.
const ATTEMPTS: usize = 5;

/// The contents of two files.
pub(super) type Contents = (Vec<u8>, Vec<u8>);

/// SHA-256 of the contents of some files.
pub(super) type Digest = [u8; 32];

/// Reads a file.
///
/// # Errors
/// The file cannot be read or is too large. The message follows the name of the file.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES { Err(format!("is larger than {MAX_BYTES} bytes")) } else { Ok(bytes) }
}

/// Reads two files that belong together until two reads agree, so that a replacement between the two files does not look
/// like a pair. After the last attempt, returns what was read last.
///
/// # Errors
/// The file that cannot be read, and what is wrong. The message follows the name of the file.
pub(super) fn read_both<'p>(first: &'p Path, second: &'p Path) -> Result<Contents, (&'p Path, String)> {
    let both = || Ok((read(first).map_err(|reason| (first, reason))?, read(second).map_err(|reason| (second, reason))?));
    let mut before = both();
    for _ in 1..ATTEMPTS {
        let now = both();
        if now == before {
            break;
        }
        before = now;
    }
    before
}

/// Returns a digest of contents that also depends on where each of them ends.
pub(super) fn digest_of(contents: &[&[u8]]) -> Digest {
    let mut all = Vec::new();
    for content in contents {
        all.extend_from_slice(digest(&SHA256, content).as_ref());
    }
    let mut sum = Digest::default();
    sum.copy_from_slice(digest(&SHA256, &all).as_ref());
    sum
}

/// Replaces a file atomically.
///
/// # Errors
/// The file cannot be written.
pub(super) fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // A leftover of an earlier run, or a link that another user put there.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)
}
