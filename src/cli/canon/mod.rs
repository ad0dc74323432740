//! `netpol canon`: works with canons.
//!
//! - `diff` compares two canons; `report` is its result in JSON, and `text` prints it.
//! - `effect` is what a difference opens or breaks.

mod diff;
mod effect;
mod report;
mod text;

use super::exit::CommandResult;
use super::output::Streams;

/// The arguments of `canon`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what one canon changes in comparison with another, as differences in meaning.
    Diff(diff::Args),
}

/// Runs a subcommand.
///
/// # Errors
/// Returns the error of the subcommand.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    match &args.command {
        Command::Diff(args) => diff::run(args, streams),
    }
}
