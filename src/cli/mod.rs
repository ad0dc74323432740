//! The command line: one file a command, each its arguments and then one function.
//!
//! Arguments, environment, standard streams and the clock enter here and nowhere deeper. Every flag
//! that a verdict depends on is in [`judge_args`]; every exit code comes out of [`exit`].

pub mod audit;
pub mod certs;
pub mod check;
pub mod completions;
pub mod exit;
pub mod input;
pub mod judge_args;
pub mod kept;
pub mod logging;
pub mod manifests;
pub mod output;
pub mod program;
pub mod render;
pub mod review;
pub mod serve;
pub mod words;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use exit::Ended;
use output::Streams;

/// The command line, parsed.
#[derive(Debug, Parser)]
#[command(name = "netpol", version, about, long_about = None, max_term_width = 120, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 clean or allowed; 1 drift, findings or denied; 2 wrong usage or unreadable input; 3 an error of netpol or of the cluster."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the admission webhook.
    Serve(Box<serve::Args>),
    /// Judge an AdmissionReview, or manifests as if they were created now.
    Review(Box<review::Args>),
    /// Compare manifests with the canonical spec.
    Check(Box<check::Args>),
    /// Print the canonical spec as manifests.
    Render(render::Args),
    /// Work on audit logs.
    Audit(audit::Args),
    /// Make certificates, and look at them.
    Certs(Box<certs::Args>),
    /// Print a completion script for a shell.
    Completions(completions::Args),
}

/// The definition of the command line, for completions and references.
pub fn definition() -> clap::Command {
    Cli::command().bin_name(program::typed_name())
}

/// Parses the process's arguments, runs the command and answers the process's exit code.
pub fn main() -> ExitCode {
    let parsed = definition().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Whoever closed the pipe has read all the help that it wanted.
            let _ = error.print();
            return exit::usage(error.use_stderr());
        }
    };
    let mut streams = Streams::standard();
    let ended = run(cli.command, &mut streams);
    exit::code(ended, &mut streams)
}

/// Runs one command.
fn run(command: Command, streams: &mut Streams) -> Ended {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Review(args) => review::run(&args, streams),
        Command::Check(args) => check::run(&args, streams),
        Command::Render(args) => render::run(&args, streams),
        Command::Audit(args) => audit::run(&args, streams),
        Command::Certs(args) => certs::run(&args, streams),
        Command::Completions(args) => completions::run(&args, streams),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        definition().debug_assert();
    }
}
