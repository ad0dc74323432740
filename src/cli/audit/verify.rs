//! `netpol audit verify`.

use std::io::{self, Write as _};

use anyhow::anyhow;

use super::logs::{cannot_read, open_all};
use crate::audit::verify::{Verification, verify};
use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::manifests::display::Count;
use crate::cli::output::{BAD, Format, GOOD, OutputArgs, Streams, WARN};

/// The arguments of `audit verify`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Specify all files of a log, in any order. An incomplete last line, which
a crash can leave, is skipped with a note. The chain cannot show that
lines were removed at the end of the log, or at its beginning by
rotation. To detect a shortened log, store the hash of its last line in
another place.

The log can be collected with the ordinary log of the servers, from several
pods, with the prefixes and timestamps of kubectl logs, or as containerd,
CRI-O and Docker store it. Lines that are not audit lines are counted. If
there are no others, the exit code is 2, as for a file that cannot be read.

Examples:
  netpol audit verify /var/log/netpol/audit.log*
  kubectl -n netpol-system logs deployment/abcdesktop-netpol --all-pods --ignore-errors |
    netpol audit verify -")]
pub(super) struct Args {
    /// File of the log; - is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Verifies an audit log and prints the report.
///
/// # Errors
/// Returns an error if a file cannot be read, if no file contains an audit line, or if the output cannot be written.
pub(super) fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let report = verify(open_all("verify", &args.files, &mut streams.input)).map_err(cannot_read)?;
    match args.output.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&report).map_err(Failure::internal)?;
            writeln!(streams.out, "{text}")?;
        }
        Format::Text => text(&report, streams)?,
    }
    if report.lines == 0 && report.broken.is_empty() {
        let files = Count(report.files, "file");
        let instead = "specify the file of --audit-log, or the output of kubectl logs";
        return Err(Failure::input(anyhow!("nothing to verify: no audit lines in {files}; {instead}")));
    }
    Ok(if report.broken.is_empty() { Status::Clean } else { Status::Findings })
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
            1 => writeln!(out, "        and 1 more place: --output json lists it")?,
            more => writeln!(out, "        and {more} more places: --output json lists them")?,
        }
    }
    for chain in &report.chains {
        writeln!(out, "chain   {}: numbers {} to {}, hash of the last line {}", chain.chain, chain.first, chain.last, chain.hash)?;
    }
    if report.dropped > 0 {
        writeln!(
            out,
            "{WARN}dropped{WARN:#} {} decisions have no line: they were dropped because they could not be written fast enough",
            report.dropped
        )?;
    }
    if report.other > 0 {
        writeln!(out, "skipped {}: not audit lines", Count(report.other, "other line"))?;
    }
    let lines = Count(report.lines, "line");
    let files = Count(report.files, "file");
    if report.lines == 0 && report.broken.is_empty() {
        Ok(())
    } else if report.broken.is_empty() {
        writeln!(out, "{GOOD}intact{GOOD:#}  {lines} in {files}, {}", Count(report.chains.len(), "chain"))
    } else {
        writeln!(out, "{BAD}not intact{BAD:#}: {} broken in {lines} of {files}", Count(report.broken.len(), "place"))
    }
}
