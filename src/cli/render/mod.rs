//! `netpol render`: prints manifests for a cluster.
//!
//! - `policies`, `canon`, `install` and `registration` are the subcommands.
//! - `print` writes manifests; `send` is the flag for new pods that are sent; `suggest` suggests a name for an unknown one.

mod canon;
mod install;
mod policies;
mod print;
mod registration;
mod send;
mod suggest;

use super::exit::CommandResult;
use super::output::Streams;

/// The arguments of `render`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the canonical NetworkPolicies.
    Policies(policies::Args),
    /// Print a canon whole, with its Grants and comments, as the start of your own.
    Canon(canon::Args),
    /// Print what the Helm chart installs, for installations without Helm.
    Install(Box<install::Args>),
    /// Print the webhook configurations that register netpol with the API server.
    Registration(Box<registration::Args>),
}

/// Runs a subcommand.
///
/// # Errors
/// Returns the error of the subcommand.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    match &args.command {
        Command::Policies(args) => policies::run(args, streams),
        Command::Canon(args) => canon::run(args, streams),
        Command::Install(args) => install::run(args, streams),
        Command::Registration(args) => registration::run(args, streams),
    }
}
