//! Reads the lines of a log, one at a time, without what `kubectl logs` and container runtimes add to them.

use std::borrow::Cow;
use std::io::{self, BufRead, Read as _};

use super::framing::Framing;

/// The maximum length of a line, in bytes: several times the largest entry that fits in the queue.
const MAX_LINE: u64 = 128 << 20;

/// A line that a process wrote.
pub(super) enum Line<'l> {
    /// Its content, without a newline. It is not empty.
    Content(Cow<'l, [u8]>),
    /// It is longer than any audit line.
    TooLong,
}

/// Calls `take` with each line and its number in the file, from 1. The lines of a file are not held together in memory.
pub(super) fn each(mut reader: impl BufRead, mut take: impl FnMut(u64, Line<'_>) -> io::Result<()>) -> io::Result<()> {
    let mut number = 0;
    let mut line = Vec::new();
    let mut framing = Framing::default();
    loop {
        line.clear();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return framing.rest().filter(|start| !start.is_empty()).try_for_each(|start| take(number, Line::Content(start.into())));
        }
        number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if u64::try_from(line.len()).is_ok_and(|length| length >= MAX_LINE) {
            take(number, Line::TooLong)?;
            reader.skip_until(b'\n')?;
            continue;
        }
        if line.is_empty() {
            continue;
        }
        // The writer begins with a newline after a line that it could not complete: in a frame, its content is empty.
        if let Some(content) = framing.content(&line).filter(|content| !content.is_empty()) {
            take(number, Line::Content(content))?;
        }
    }
}
