//! `netpol audit`.

use super::exit::{Ended, Failure};
use super::output::Streams;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// Always.
pub fn run(args: &Args, streams: &mut Streams) -> Ended {
    let _ = (args, streams);
    Err(Failure::ours(anyhow::anyhow!("not in this build")))
}
