//! `netpol reach --diff`: which connections two sets of policies allow differently.
//!
//! - `sides` reads both and gives them the same endpoints; `changes` compares; `print` prints.

mod changes;
mod print;
mod sides;

use super::args::{Args, Format};
use super::refer;
use crate::analysis::Endpoint;
use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::output::Streams;
use anyhow::anyhow;
use changes::Changes;
use sides::Sides;

/// Compares what two sources allow.
///
/// # Errors
/// Returns an error, and writes nothing, if a source cannot be read or an endpoint is not known.
pub(super) fn run(args: &Args, [before, after]: [&str; 2], streams: &mut Streams) -> CommandResult {
    if !matches!(args.output, Format::Text | Format::Json | Format::Markdown) {
        return Err(Failure::input(anyhow!("--diff prints text, json or markdown")));
    }
    let sides = Sides::read(&args.source, [before, after], streams)?;
    let all = sides.together();
    let named = |texts: &[String]| -> Result<Option<Vec<Endpoint>>, Failure> {
        let found = texts.iter().map(|text| refer::endpoints(text, &all)).collect::<Result<Vec<_>, Failure>>()?;
        Ok((!texts.is_empty()).then(|| found.into_iter().flatten().collect()))
    };
    let (from, to) = (named(&args.from)?, named(&args.to)?);
    let changes = Changes::new(&sides, &all, (from.as_deref(), to.as_deref()), (args.port.as_ref(), args.by));
    match args.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&changes.report()).map_err(Failure::internal)?;
            writeln!(streams.out, "{text}")?;
        }
        Format::Markdown => print::markdown(&changes, &mut streams.out)?,
        _ => print::text(&changes, &mut streams.out)?,
    }
    Ok(if changes.is_empty() { Status::Clean } else { Status::Findings })
}
