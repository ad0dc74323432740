//! `netpol audit`: reads audit logs.
//!
//! - `verify` checks the chain of a log.
//! - `show` selects the lines of a log; `table` prints them as text; `summary` counts them; `moment` parses their times.
//! - `logs` opens the files.

mod logs;
mod moment;
mod show;
mod summary;
mod table;
mod verify;

use super::exit::CommandResult;
use super::output::Streams;

/// The arguments of `audit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show who did what: the lines of an audit log as a table, filtered or counted.
    Show(Box<show::Args>),
    /// Check that no line of an audit log was changed, moved or removed.
    Verify(verify::Args),
}

/// Runs a command on audit logs.
///
/// # Errors
/// Returns an error if a file cannot be read or the output cannot be written.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    match &args.command {
        Command::Show(args) => show::run(args, streams),
        Command::Verify(args) => verify::run(args, streams),
    }
}
