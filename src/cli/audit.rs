//! `netpol audit`: what audit logs prove.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};

use anyhow::anyhow;

use super::exit::{Ended, Failure, Outcome};
use super::input::{STDIN, called};
use super::output::{BAD, Format, GOOD, OutputArgs, Streams, WARN};
use crate::audit::verify::{Verification, verify};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Prove that no line of an audit log was changed, moved or taken out.
    Verify(VerifyArgs),
}

/// The arguments of `audit verify`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The files of one log belong together: name them all, in any order.
A torn last line, as a crash leaves it, is passed over with a word.
What was cut off at the end, or rotated away at the beginning, no chain
can show: keep the hash of the last line elsewhere to prove the end.

Examples:
  netpol audit verify /var/log/netpol/audit.log*
  kubectl -n abcdesktop-netpol logs deploy/netpol | netpol audit verify -")]
struct VerifyArgs {
    /// The files of the log; - is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs it.
///
/// # Errors
/// A file cannot be read, or the output not written.
pub fn run(args: &Args, streams: &mut Streams) -> Ended {
    let What::Verify(args) = &args.what;
    let files: Vec<(String, io::Result<Box<dyn BufRead + '_>>)> = {
        let mut input = Some(&mut streams.input);
        args.files.iter().map(|name| (called(name).to_owned(), open(name, &mut input))).collect()
    };
    let report = verify(files).map_err(|(name, error)| Failure::input(anyhow!("cannot read {name}: {error}")))?;
    match args.output.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&report).map_err(Failure::ours)?;
            writeln!(streams.out, "{text}")?;
        }
        Format::Text => text(&report, streams)?,
    }
    Ok(if report.broken.is_empty() { Outcome::Clean } else { Outcome::Findings })
}

fn open<'i>(name: &str, input: &mut Option<&'i mut Box<dyn io::Read>>) -> io::Result<Box<dyn BufRead + 'i>> {
    if name == STDIN {
        let input = input.take().ok_or_else(|| io::Error::other("it is named twice, and can be read once"))?;
        return Ok(Box::new(BufReader::new(input)));
    }
    Ok(Box::new(BufReader::new(File::open(name)?)))
}

fn text(report: &Verification, streams: &mut Streams) -> io::Result<()> {
    let out = &mut streams.out;
    for note in &report.notes {
        writeln!(out, "{WARN}note{WARN:#}    {}, line {}: {}", note.file, note.line, note.message)?;
    }
    if let Some(first) = report.broken.first() {
        writeln!(out, "{BAD}broken{BAD:#}  {}, line {}: {}", first.file, first.line, first.message)?;
        match report.broken.len() - 1 {
            0 => {}
            1 => writeln!(out, "        and one place behind it: --output json names it")?,
            more => writeln!(out, "        and {more} places behind it: --output json names them")?,
        }
    }
    for chain in &report.chains {
        writeln!(out, "chain   {}: numbers {} to {}, the last with the hash {}", chain.chain, chain.first, chain.last, chain.hash)?;
    }
    if report.dropped > 0 {
        writeln!(out, "{WARN}dropped{WARN:#} {} decisions have no line, as the lines after them say", report.dropped)?;
    }
    let lines = count(report.lines, "line");
    let files = count(report.files, "file");
    if report.lines == 0 && report.broken.is_empty() {
        writeln!(out, "nothing to prove: no audit line in {files}")
    } else if report.broken.is_empty() {
        writeln!(out, "{GOOD}whole{GOOD:#}   {lines} in {files}, {}", count(report.chains.len(), "chain"))
    } else {
        writeln!(out, "{BAD}not whole{BAD:#}: {} broken among {lines} in {files}", count(report.broken.len(), "place"))
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
