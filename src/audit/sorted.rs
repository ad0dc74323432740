//! Sorts the lines of a log by time: `kubectl logs` prints one pod after the other. Beyond a size, the lines wait in a
//! temporary file; memory has only their times and places.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use jiff::Timestamp;
use tempfile::SpooledTempFile;

/// The size up to which the lines are kept in memory, in bytes.
const IN_MEMORY: usize = 16 << 20;

/// Lines to sort.
#[derive(Debug)]
pub struct Sorted {
    lines: SpooledTempFile,
    end: u64,
    /// The time of each line, where it begins, and its length.
    places: Vec<(Timestamp, u64, usize)>,
}

impl Default for Sorted {
    fn default() -> Self {
        Sorted { lines: SpooledTempFile::new(IN_MEMORY), end: 0, places: Vec::new() }
    }
}

impl Sorted {
    /// Adds a line.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn add(&mut self, time: Timestamp, line: &[u8]) -> io::Result<()> {
        self.lines.write_all(line)?;
        self.places.push((time, self.end, line.len()));
        self.end += line.len() as u64;
        Ok(())
    }

    /// Calls `take` with each line, the oldest first. Lines of the same time keep their order.
    ///
    /// # Errors
    /// The temporary file cannot be read, or the error of `take`.
    pub fn each(mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.places.sort_by_key(|(time, ..)| *time);
        let mut line = Vec::new();
        for (_, start, length) in self.places {
            line.resize(length, 0);
            self.lines.seek(SeekFrom::Start(start))?;
            self.lines.read_exact(&mut line)?;
            take(&line)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_by_time_in_memory_and_in_a_file() {
        for limit in [0, IN_MEMORY] {
            let mut sorted = Sorted { lines: SpooledTempFile::new(limit), ..Sorted::default() };
            for (second, line) in [(3, "c"), (1, "first"), (2, ""), (1, "second")] {
                sorted.add(Timestamp::from_second(second).unwrap(), line.as_bytes()).unwrap();
            }
            let mut found = Vec::new();
            let mut take = |line: &[u8]| found.push(String::from_utf8(line.to_vec()).unwrap());
            sorted
                .each(|line| {
                    take(line);
                    Ok(())
                })
                .unwrap();
            assert_eq!(found, ["first", "second", "", "c"]);
        }
    }
}
