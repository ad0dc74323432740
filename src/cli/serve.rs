//! `netpol serve`.

use super::exit::{Ended, Failure};
use super::judge_args::JudgeArgs;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    judge: JudgeArgs,
}

/// Runs it.
///
/// # Errors
/// Always.
pub fn run(args: &Args) -> Ended {
    let _ = &args.judge;
    Err(Failure::ours(anyhow::anyhow!("not in this build")))
}
