//! Opens the files of a log.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use anyhow::anyhow;

use crate::cli::exit::Failure;
use crate::cli::input::{STDIN, display_name};

/// A log, or why it cannot be opened.
pub(super) type Log<'i> = io::Result<Box<dyn BufRead + 'i>>;

/// Opens logs, each with its name for messages.
pub(super) fn open_all<'i>(names: &[String], input: &'i mut Box<dyn Read>) -> Vec<(String, Log<'i>)> {
    let mut input = Some(input);
    names.iter().map(|name| (display_name(name).to_owned(), open(name, &mut input))).collect()
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
