//! `netpol completions`.

use clap_complete::Shell;

use super::exit::{CommandResult, Status};
use super::output::Streams;
use super::program;

/// The arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  netpol completions bash > /etc/bash_completion.d/netpol
  netpol completions zsh > \"${fpath[1]}/_netpol\"
  netpol completions fish > ~/.config/fish/completions/netpol.fish")]
pub struct Args {
    /// Shell that the script is for.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completion script for the command line in `definition`.
///
/// # Errors
/// Returns an error if the output cannot be written.
pub fn run(args: &Args, mut definition: clap::Command, streams: &mut Streams) -> CommandResult {
    let mut script = Vec::new();
    // Shells complete the name of the executable file, not the words of a kubectl plugin.
    clap_complete::generate(args.shell, &mut definition, program::file_name(), &mut script);
    streams.out.write_all(&script)?;
    Ok(Status::Clean)
}
