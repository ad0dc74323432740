//! The input files of commands; `-` is standard input.

use std::fs::File;
use std::io::{self, Read};

use anyhow::{Context as _, anyhow};

use super::exit::Failure;
use super::output::Streams;

/// The file name that means standard input.
pub const STDIN: &str = "-";

/// The maximum size of a file, in bytes.
pub const MAX_FILE: u64 = 64 << 20;

/// A file and its content.
#[derive(Debug)]
pub struct Input {
    /// The name that messages use.
    pub name: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Reads all files.
///
/// # Errors
/// Returns the first file that cannot be read, with the reason.
pub fn read(files: &[String], streams: &mut Streams) -> Result<Vec<Input>, Failure> {
    if files.iter().filter(|name| *name == STDIN).count() > 1 {
        return Err(Failure::input(anyhow!("standard input (-) can be read only once: name it once")));
    }
    files
        .iter()
        .map(|name| read_one(name, streams).with_context(|| format!("cannot read {}", display_name(name))).map_err(Failure::input))
        .collect()
}

/// Returns the name of a file in messages.
pub fn display_name(name: &str) -> &str {
    if name == STDIN { "standard input" } else { name }
}

fn read_one(name: &str, streams: &mut Streams) -> anyhow::Result<Input> {
    let bytes = if name == STDIN { read_limited(&mut streams.input) } else { open(name).and_then(read_limited) }?;
    Ok(Input { name: display_name(name).to_owned(), bytes })
}

fn open(name: &str) -> io::Result<File> {
    let file = File::open(name)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder: name the files in it"));
    }
    Ok(file)
}

fn read_limited(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {} MiB: split it", MAX_FILE >> 20)));
    }
    Ok(bytes)
}
