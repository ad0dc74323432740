//! `netpol check`: files against the canon.

mod live;
mod report;
mod text;

use anyhow::anyhow;

use super::exit::{Ended, Failure, Outcome};
use super::judge_args::JudgeArgs;
use super::output::{Format, OutputArgs, Streams};
use super::{input, manifests};
use report::Report;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
NetworkPolicies are compared with the canon by what they mean: each that drifts is
shown with every difference, and those that are missing are findings, unless
--partial says that the files are a part of what is there. A policy that the canon
does not have is a finding where it grants more. Pods, workloads, bindings,
namespaces and policies of other kinds are judged as netpol review judges them;
what a flag only warns about (--workloads, --foreign-policies …) is shown and is
no finding. A policy that states no namespace is checked for every guarded one.
A running pod, as kubectl get prints it, that lacks labels that the canon grants
to it is a finding: the webhook was not called when the pod was created.

Examples:
  netpol check netpol.yaml
  netpol check --partial --canon ./canon changed.yaml
  kubectl -n abcdesktop get networkpolicies -o yaml | netpol check -
  kubectl -n abcdesktop get pods -o yaml | netpol check --partial -
  netpol check --output json netpol.yaml | jq '.findings[].witness'")]
pub struct Args {
    /// Manifests; - is standard input.
    #[arg(value_name = "FILE")]
    files: Vec<String>,

    /// The files are a part of what is there: canonical policies may be missing.
    #[arg(long)]
    partial: bool,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    judge: JudgeArgs,
}

/// Runs it.
///
/// # Errors
/// The canon or a file cannot be read. Nothing is written then.
pub fn run(args: &Args, streams: &mut Streams) -> Ended {
    if args.files.is_empty() {
        let message = "name the files to check: reading the live namespace is not part of this build \
                       (kubectl get networkpolicies -o yaml | netpol check -)";
        return Err(Failure::input(anyhow!(message)));
    }
    let guard = args.judge.guard()?;
    let manifests = manifests::read_manifests(input::read(&args.files, streams)?)?;
    let report = Report::of(&guard, &manifests, args.partial).map_err(Failure::ours)?;
    match args.output.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&report).map_err(Failure::ours)?;
            writeln!(streams.out, "{text}")?;
        }
        Format::Text => text::write(&report, &guard, streams.columns, &mut streams.out)?,
    }
    Ok(if report.clean { Outcome::Clean } else { Outcome::Findings })
}
