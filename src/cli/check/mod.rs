//! `netpol check`: compares manifests, or a cluster, with the canon.
//!
//! - `cluster/` checks the cluster of the kubeconfig. The other files check manifests:
//! - `report` collects the findings; `text` prints them, and `cures` the commands that fix them.
//! - `live` finds running pods that lack labels; `matching` finds the canon that policies match.

mod cluster;
mod cures;
mod live;
mod matching;
mod report;
mod text;

use super::exit::{CommandResult, Failure, Status};
use super::judge_args::JudgeArgs;
use super::output::Streams;
use super::{input, manifests};
use cluster::{ClusterArgs, Format};
use report::Report;

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Without files, the cluster of the kubeconfig is checked, section by section: ok, what is
wrong with the command that fixes it, or what could not be evaluated and why, for
example a permission that is missing. With files:

NetworkPolicies are compared with the canon by the traffic that they allow, not by
their spelling. Every difference is a finding. A canonical policy that is missing
is a finding, unless --partial is set. A policy that is not in the canon is a
finding if it allows more than the canon. Pods, workloads, bindings, namespaces and
policies of other APIs are evaluated as netpol review does; violations that a flag
turns into warnings (--workloads, --foreign-policies …) are shown, but are not
findings. A policy without a namespace is checked for every guarded namespace. A
running pod (the output of kubectl get) that lacks granted labels, or has a service
account or an image that its grant does not allow, is a finding. Who creates an
object is not known, so it is not checked.

Exit codes: 0 no findings; 1 findings; 2 wrong usage or unreadable input; 3 a part of the
cluster could not be evaluated and there are no findings, or the cluster does not respond.

Examples:
  netpol check netpol.yaml
  netpol check --partial --canon ./canon changed.yaml
  kubectl -n abcdesktop get networkpolicies -o yaml | netpol check -
  kubectl -n abcdesktop get pods -o yaml | netpol check --partial -
  netpol check --output json netpol.yaml | jq '.findings[].witness'

  Check the cluster of the kubeconfig:
    netpol check --namespace abcdesktop

  Check only policies and pods of another context, for a job that acts on errors only:
    netpol check --context prod --section policies,pods --fail-on error --output short

  Print the commands that fix what is wrong:
    netpol check --namespace abcdesktop --output json |
      jq -r '.sections[].findings[].command // empty'")]
pub struct Args {
    /// File with manifests; - is standard input. Default: the cluster of the kubeconfig.
    #[arg(value_name = "FILE")]
    files: Vec<String>,

    /// Do not report canonical policies that are missing from the files.
    #[arg(long, requires = "files")]
    partial: bool,

    /// Output format.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, env = "NETPOL_OUTPUT")]
    output: Format,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    judge: JudgeArgs,
}

/// Checks files or the cluster, and prints the report.
///
/// # Errors
/// Returns an error, and writes nothing, if the canon, a file or the cluster cannot be read.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let guard = args.judge.guard(|warning| streams.warn(warning))?;
    if args.files.is_empty() {
        return cluster::run(&args.cluster, args.output, &guard, streams);
    }
    let manifests = manifests::read_manifests(input::read(&args.files, streams)?, &args.judge.canon.kinds.foreign_kinds)?;
    let report = Report::new(&guard, &manifests, args.partial).map_err(Failure::internal)?;
    match args.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&report).map_err(Failure::internal)?;
            writeln!(streams.out, "{text}")?;
        }
        Format::Text => text::write(&report, &guard, &mut streams.out)?,
        Format::Short => text::write_short(&report, &guard, &mut streams.out)?,
    }
    Ok(if report.clean { Status::Clean } else { Status::Findings })
}
