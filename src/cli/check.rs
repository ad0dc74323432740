//! `netpol check`.

use super::exit::{Ended, Failure};
use super::judge_args::JudgeArgs;
use super::output::{OutputArgs, Streams};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs it.
///
/// # Errors
/// Always.
pub fn run(args: &Args, streams: &mut Streams) -> Ended {
    let _ = (&args.judge, args.output, streams);
    Err(Failure::ours(anyhow::anyhow!("not in this build")))
}
