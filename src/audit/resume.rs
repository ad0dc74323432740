//! Reads the end of an existing file, so that its chain continues.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use super::chain::Chain;

/// The number of bytes to read at once.
const BLOCK: u64 = 64 << 10;

/// Returns the chain of the last complete line in a file, or `None` if there is no file or no such line.
pub(super) fn last_chain(path: &Path) -> io::Result<Option<Chain>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut start = file.metadata()?.len();
    // The end of a line that begins in an earlier block.
    let mut tail = Vec::new();
    while start > 0 {
        let length = start.min(BLOCK);
        start -= length;
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.by_ref().take(length).read_to_end(&mut block)?;
        block.append(&mut tail);
        let mut lines = block.rsplit(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            if lines.peek().is_none() && start > 0 {
                tail = line.to_vec();
            } else if let Some(chain) = Chain::after(line) {
                return Ok(Some(chain));
            }
        }
    }
    Ok(None)
}

/// Returns whether a file ends without a newline. The file must not be empty.
pub(super) fn ends_mid_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
