//! `netpol certs`: certificates made for a machine of one's own, and a look at those that are in use.

mod issue;
mod report;
mod served;
mod show;

use super::exit::Ended;
use super::output::Streams;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a CA and a certificate of it, for development.
    Issue(issue::Args),
    /// Show a certificate: whose it is, until when, and who trusts it.
    Show(show::Args),
}

/// Runs it.
///
/// # Errors
/// Those of the thing that is done.
pub fn run(args: &Args, streams: &mut Streams) -> Ended {
    match &args.what {
        What::Issue(args) => issue::run(args, streams),
        What::Show(args) => show::run(args, streams),
    }
}
