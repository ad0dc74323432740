//! Opens the files of a log.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use anyhow::anyhow;

use crate::cli::exit::Failure;
use crate::cli::input::{STDIN, display_name};
use crate::documents::text::quoted;

/// A log, or why it cannot be opened.
pub(super) type Log<'i> = io::Result<Box<dyn BufRead + 'i>>;

/// The first bytes of a gzip file (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Opens logs for a command, each with its name for messages.
pub(super) fn open_all<'i>(command: &str, names: &[String], input: &'i mut Box<dyn Read>) -> Vec<(String, Log<'i>)> {
    let mut input = Some(input);
    let mut opened = |name: &str| readable(command, name, open(name, &mut input)?);
    names.iter().map(|name| (display_name(name).to_owned(), opened(name))).collect()
}

/// Returns a log, unless it is compressed.
fn readable<'i>(command: &str, name: &str, mut log: Box<dyn BufRead + 'i>) -> Log<'i> {
    if !log.fill_buf()?.starts_with(&GZIP) {
        return Ok(log);
    }
    let file = if name == STDIN { String::new() } else { format!("-c {} ", quoted(name)) };
    Err(io::Error::other(format!("it is compressed: gunzip {file}| netpol audit {command} -")))
}

fn open<'i>(name: &str, input: &mut Option<&'i mut Box<dyn Read>>) -> Log<'i> {
    if name == STDIN {
        let input = input.take().ok_or_else(|| io::Error::other("it can be read only once: specify it once"))?;
        return Ok(Box::new(BufReader::new(input)));
    }
    Ok(Box::new(BufReader::new(File::open(name)?)))
}

/// Returns the failure for a file that cannot be read.
pub(super) fn cannot_read((name, error): (String, io::Error)) -> Failure {
    Failure::input(anyhow!("cannot read {name}: {error}"))
}
