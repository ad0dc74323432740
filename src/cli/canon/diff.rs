//! `netpol canon diff`.

use std::io::Write as _;

use super::report::Report;
use super::text;
use crate::canon::{Canon, Changes, Documents};
use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::judge_args::KindArgs;
use crate::cli::output::{Format, OutputArgs, Streams};
use crate::verdict::Settings;

/// The arguments of `canon diff`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Policies and grants are compared by what they mean. What is only spelled differently
is not a difference, nor is a policy or grant that has another name in B: it is a
note. Policies of other APIs are compared literally. Each other difference has a
connection as a witness. \"would break\" means that only A
allows the connection, \"opens\" that only B allows it. A difference that other policies
of the canon make up for is neither. Where a difference says \"canonical\", it means A.

The exit code is 0 if both canons mean the same, 1 if they differ, and 2 if a canon
cannot be read.

Examples:
  Show what release 4.4 changes:
    netpol canon diff abcdesktop-4.0 abcdesktop-4.4

  Show what your own canon changes before you install it:
    netpol canon diff abcdesktop-4.4 ./canon

  List the connections that would break:
    netpol canon diff --output json abcdesktop-4.4 ./canon | jq '.policies[].breaks'")]
pub(super) struct Args {
    /// Built-in canon, file or folder: the canon before the change.
    #[arg(value_name = "A")]
    from: String,

    /// Built-in canon, file or folder: the canon after the change.
    #[arg(value_name = "B")]
    to: String,

    #[command(flatten)]
    kinds: KindArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    // Any namespace: it replaces the one that a canon was written for, so that two canons can be compared.
    let namespaces = Settings::default().namespaces;
    let load = |source: &str| {
        let documents = Documents::read(source).map_err(Failure::input)?.with_kinds(&args.kinds.foreign_kinds);
        Canon::from_documents(&documents, &namespaces).map_err(Failure::input)
    };
    let (from, to) = (load(&args.from)?, load(&args.to)?);
    let changes = Changes::new(&from, &to, namespaces.first().map(String::as_str).unwrap_or_default());
    match args.output.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&Report::new(&from, &to, &changes)).map_err(Failure::internal)?;
            writeln!(streams.out, "{text}")?;
        }
        Format::Text => text::write(&from, &to, &changes, &mut streams.out)?,
    }
    Ok(if changes.is_empty() { Status::Clean } else { Status::Findings })
}
