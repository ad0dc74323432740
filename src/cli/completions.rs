//! `netpol completions`.

use clap_complete::Shell;

use super::exit::{Ended, Outcome};
use super::output::Streams;
use super::program;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  netpol completions bash > /etc/bash_completion.d/netpol
  netpol completions zsh > \"${fpath[1]}/_netpol\"
  netpol completions fish > ~/.config/fish/completions/netpol.fish")]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs it.
///
/// # Errors
/// The output cannot be written.
pub fn run(args: &Args, streams: &mut Streams) -> Ended {
    let mut script = Vec::new();
    // The name of the file that is run: a shell completes that, never a `kubectl` plugin's words.
    clap_complete::generate(args.shell, &mut super::definition(), program::file_name(), &mut script);
    streams.out.write_all(&script)?;
    Ok(Outcome::Clean)
}
