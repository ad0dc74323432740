//! `netpol render`: what a cluster is to be given, as manifests.

mod install;
mod nearest;
mod policies;
mod registration;

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
    /// The canonical NetworkPolicies, as `kubectl apply -f -` takes them.
    Policies(policies::Args),
    /// Everything that the chart installs, for those who have no Helm.
    Install(Box<install::Args>),
    /// The webhook configurations by which an API server asks this guard.
    Registration(Box<registration::Args>),
}

/// Runs it.
///
/// # Errors
/// Those of the thing that is rendered.
pub fn run(args: &Args, streams: &mut Streams) -> Ended {
    match &args.what {
        What::Policies(args) => policies::run(args, streams),
        What::Install(args) => install::run(args, streams),
        What::Registration(args) => registration::run(args, streams),
    }
}
