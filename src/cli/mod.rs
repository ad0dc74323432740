//! The command line. Each command has one file or folder with its arguments and the function that runs it.
//!
//! Arguments, environment variables, standard streams and the clock enter the program here.
//!
//! | file | content |
//! |---|---|
//! | `serve`, `managed_certificate` | `netpol serve`; its flags for the managed certificate |
//! | `controller` | `netpol controller` |
//! | `review/`, `check/` | `netpol review` and `netpol check`, which evaluate files; `check` also a cluster |
//! | `render/` | `netpol render`: manifests for a cluster |
//! | `canon/` | `netpol canon`: what one canon changes in comparison with another |
//! | `reach/`, `explain/` | `netpol reach` and `netpol explain`: which endpoints can connect, and why |
//! | `lint/` | `netpol lint`: mistakes in policies and grants |
//! | `report/` | `netpol report`: a page for people |
//! | `audit/`, `certs/`, `completions` | `netpol audit`, `netpol certs` and `netpol completions` |
//! | `judge_args` | every flag that a verdict depends on |
//! | `parse`, `choices` | the values of flags |
//! | `input`, `manifests/` | the input files of commands; the objects in them |
//! | `output`, `words`, `logging` | output streams and formats; words that several commands print; the log |
//! | `exit` | every exit code |
//! | `program` | the name of the program |

pub mod audit;
pub mod canon;
pub mod certs;
pub mod check;
pub mod choices;
pub mod completions;
pub mod controller;
pub mod exit;
pub mod explain;
pub mod input;
pub mod judge_args;
pub mod lint;
pub mod logging;
pub mod managed_certificate;
pub mod manifests;
pub mod output;
pub mod parse;
pub mod program;
pub mod reach;
pub mod render;
pub mod report;
pub mod review;
pub mod serve;
pub mod words;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use exit::CommandResult;
use output::Streams;

/// The parsed command line.
#[derive(Debug, Parser)]
#[command(name = "netpol", version, about, long_about = None, max_term_width = 120, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 clean or allowed; 1 drift, findings or denied; 2 wrong usage or unreadable input; 3 an error of netpol or of the cluster."
)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the admission webhook.
    Serve(Box<serve::Args>),
    /// Show the verdict of the webhook on an AdmissionReview or on manifests.
    Review(Box<review::Args>),
    /// Run the drift controller.
    Controller(Box<controller::Args>),
    /// Compare a cluster or manifests with the canon.
    Check(Box<check::Args>),
    /// Print the canon or the installation as manifests.
    Render(render::Args),
    /// Compare canons.
    Canon(canon::Args),
    /// Show which pods, identities and addresses can connect, and on which ports.
    Reach(Box<reach::Args>),
    /// Show why one endpoint can or cannot connect to another, and which label would open it.
    Explain(Box<explain::Args>),
    /// Find mistakes in policies and grants.
    Lint(Box<lint::Args>),
    /// Write an HTML page that shows who reaches whom, and why.
    Report(Box<report::Args>),
    /// Show and verify audit logs.
    Audit(audit::Args),
    /// Issue and inspect certificates.
    Certs(Box<certs::Args>),
    /// Print a completion script for a shell.
    Completions(completions::Args),
}

/// Returns the definition of the command line, for completions and the reference in the docs.
pub fn definition() -> clap::Command {
    Cli::command().bin_name(program::typed_name())
}

/// Parses the arguments of the process, runs the command and returns the exit code.
pub fn main() -> ExitCode {
    let parsed = definition().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is not an error: its reader has read enough of the help.
            let _ = error.print();
            return exit::usage(error.use_stderr());
        }
    };
    let mut streams = Streams::standard();
    let result = run(cli.command, &mut streams);
    exit::code(result, &mut streams)
}

fn run(command: Command, streams: &mut Streams) -> CommandResult {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Review(args) => review::run(&args, streams),
        Command::Controller(args) => controller::run(&args),
        Command::Check(args) => check::run(&args, streams),
        Command::Render(args) => render::run(&args, streams),
        Command::Canon(args) => canon::run(&args, streams),
        Command::Reach(args) => reach::run(&args, streams),
        Command::Explain(args) => explain::run(&args, streams),
        Command::Lint(args) => lint::run(&args, streams),
        Command::Report(args) => report::run(&args, streams),
        Command::Audit(args) => audit::run(&args, streams),
        Command::Certs(args) => certs::run(&args, streams),
        Command::Completions(args) => completions::run(&args, definition(), streams),
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
