//! `netpol certs`: issues certificates for development, and inspects certificates in use.
//!
//! - `issue` is `certs issue`, and `show` is `certs show`.
//! - `inspection` is the result of `show`; `served` reads the certificates that a server presents.

pub(crate) mod inspection;
mod issue;
pub(crate) mod served;
mod show;

use super::exit::CommandResult;
use super::output::Streams;

/// The arguments of `certs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one in a run")]
enum Command {
    /// Issue a certificate for development with its own CA.
    Issue(issue::Args),
    /// Inspect certificates and verify them against CAs.
    Show(Box<show::Args>),
}

/// Runs a subcommand.
///
/// # Errors
/// Returns the error of the subcommand.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    match &args.command {
        Command::Issue(args) => issue::run(args, streams),
        Command::Show(args) => show::run(args, streams),
    }
}
