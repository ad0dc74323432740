//! Files that people name, `-` among them.

use std::fs::File;
use std::io::{self, Read};

use anyhow::{Context as _, anyhow};

use super::exit::Failure;
use super::output::Streams;

/// The name of standard input.
pub const STDIN: &str = "-";

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 64 << 20;

/// A file as it was read.
#[derive(Debug)]
pub struct Input {
    /// What it is called in messages.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Reads files, all of them before anything is made of the first.
///
/// # Errors
/// The first that cannot be read, and why.
pub fn read(files: &[String], streams: &mut Streams) -> Result<Vec<Input>, Failure> {
    if files.iter().filter(|name| *name == STDIN).count() > 1 {
        return Err(Failure::input(anyhow!("standard input (-) is named twice, and can be read once")));
    }
    files
        .iter()
        .map(|name| read_one(name, streams).with_context(|| format!("cannot read {}", called(name))).map_err(Failure::input))
        .collect()
}

/// Answers what a file is called in messages.
pub fn called(name: &str) -> &str {
    if name == STDIN { "standard input" } else { name }
}

fn read_one(name: &str, streams: &mut Streams) -> anyhow::Result<Input> {
    let bytes = if name == STDIN { bounded(&mut streams.input) } else { open(name).and_then(bounded) }?;
    Ok(Input { name: called(name).to_owned(), bytes })
}

fn open(name: &str) -> io::Result<File> {
    let file = File::open(name)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder: name the files in it"));
    }
    Ok(file)
}

fn bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {} MiB: split it", MAX_FILE >> 20)));
    }
    Ok(bytes)
}
