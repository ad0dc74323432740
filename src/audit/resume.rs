//! Finds where a file's chain stands, from its end.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use super::chain::Chain;

/// How much is read at once.
const BLOCK: u64 = 64 << 10;

/// Answers the chain that ends with the last whole line of a file; none where there is no file or no such line.
pub(super) fn last_chain(path: &Path) -> io::Result<Option<Chain>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut start = file.metadata()?.len();
    // What was read of the line whose beginning is not found yet.
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
            } else if let Some(chain) = Chain::behind(line) {
                return Ok(Some(chain));
            }
        }
    }
    Ok(None)
}

/// Answers whether a file that is not empty ends without a newline.
pub(super) fn ends_in_a_piece(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
