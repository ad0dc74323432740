//! `netpol check`: compares manifests with the canon.
//!
//! - `report` collects the findings; `text` prints them, and `cures` the commands that fix them.
//! - `live` finds running pods that lack labels; `matching` finds the canon that policies match.

mod cures;
mod live;
mod matching;
mod report;
mod text;

use anyhow::anyhow;

use super::exit::{CommandResult, Failure, Status};
use super::judge_args::JudgeArgs;
use super::output::{Format, OutputArgs, Streams};
use super::{input, manifests};
use report::Report;

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
NetworkPolicies are compared with the canon by the traffic that they allow, not by
their spelling. Every difference is a finding. A canonical policy that is missing
is a finding, unless --partial is set. A policy that is not in the canon is a
finding if it allows more than the canon. Pods, workloads, bindings, namespaces and
policies of other APIs are evaluated as netpol review does; violations that a flag
turns into warnings (--workloads, --foreign-policies …) are shown, but are not
findings. A policy without a namespace is checked for every guarded namespace. A
running pod (the output of kubectl get) that lacks granted labels, or has a service
account or an image that its grant does not allow, is a finding. Who creates an
object is not known, so it is not checked. The exit code is 1 if there are findings.

Examples:
  netpol check netpol.yaml
  netpol check --partial --canon ./canon changed.yaml
  kubectl -n abcdesktop get networkpolicies -o yaml | netpol check -
  kubectl -n abcdesktop get pods -o yaml | netpol check --partial -
  netpol check --output json netpol.yaml | jq '.findings[].witness'")]
pub struct Args {
    /// File with manifests; - is standard input.
    #[arg(value_name = "FILE")]
    files: Vec<String>,

    /// Do not report canonical policies that are missing from the files.
    #[arg(long)]
    partial: bool,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    judge: JudgeArgs,
}

/// Checks files and prints the report.
///
/// # Errors
/// Returns an error, and writes nothing, if the canon or a file cannot be read.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    if args.files.is_empty() {
        let message = "name the files to check: reading the cluster is not supported yet \
                       (kubectl get networkpolicies -o yaml | netpol check -)";
        return Err(Failure::input(anyhow!(message)));
    }
    let guard = args.judge.guard(|warning| streams.warn(warning))?;
    let manifests = manifests::read_manifests(input::read(&args.files, streams)?, &args.judge.registered.foreign_kinds)?;
    let report = Report::new(&guard, &manifests, args.partial).map_err(Failure::internal)?;
    match args.output.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&report).map_err(Failure::internal)?;
            writeln!(streams.out, "{text}")?;
        }
        Format::Text => text::write(&report, &guard, &mut streams.out)?,
    }
    Ok(if report.clean { Status::Clean } else { Status::Findings })
}
