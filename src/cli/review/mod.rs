//! `netpol review`: shows the response of the webhook.
//!
//! - `reviews` answers each `AdmissionReview` as the webhook does.
//! - `objects` evaluates the objects in manifests.

mod objects;
mod reviews;

use anyhow::anyhow;

use super::exit::{CommandResult, Failure};
use super::input;
use super::judge_args::JudgeArgs;
use super::manifests::created::Requester;
use super::manifests::{self, Contents};
use super::output::{OutputArgs, Streams};
use crate::verdict::{Guard, Stage};

/// The arguments of `review`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
If a file contains an AdmissionReview (JSON or YAML), the command prints the
response that the webhook would send, byte for byte, to standard output, and an
explanation to standard error. For several files, it prints one response per line.

Other files are read as manifests. Each object is mutated and then validated, as
if it were created now. An object without a namespace is created in the first
guarded namespace. With --output json, the command prints one line per object.

The exit code is 1 if a request is denied.

Examples:
  netpol review pod.yaml
  helm template ./chart | netpol review --namespace desktops -
  netpol review --as system:serviceaccount:abcdesktop:pyos-serviceaccount pod.yaml
  netpol review --as system:node:a --as-group system:nodes static-pod.yaml
  netpol review --mutate review.json | jq -r .response.patch | base64 -d")]
pub struct Args {
    /// File with manifests or an AdmissionReview; - is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    /// Answer an AdmissionReview as /mutate does.
    #[arg(long, conflicts_with = "validate")]
    mutate: bool,

    /// Answer an AdmissionReview as /validate does; this is the default.
    #[arg(long)]
    validate: bool,

    /// User who creates the objects in manifests; default: not known, so who may claim an identity is not judged.
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,

    /// Group of that user (repeatable); default: system:authenticated.
    #[arg(long = "as-group", value_name = "GROUP")]
    groups: Vec<String>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    judge: JudgeArgs,
}

/// Evaluates files and prints the responses or the verdicts.
///
/// # Errors
/// Returns an error, and writes nothing, if the canon or a file cannot be read.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let guard = args.judge.guard(|warning| streams.warn(warning))?;

    let mut reviews = Vec::new();
    let mut objects = Vec::new();
    for input in input::read(&args.files, streams)? {
        let name = input.name.clone();
        match manifests::read(input, &args.judge.canon.kinds.foreign_kinds)? {
            Contents::Reviews(bodies) => reviews.extend(bodies.into_iter().map(|body| (name.clone(), body))),
            Contents::Manifests(found) => objects.extend(found),
        }
    }
    match (reviews.is_empty(), objects.is_empty()) {
        (false, false) => Err(Failure::input(anyhow!("the files contain AdmissionReviews and manifests: review them separately"))),
        (false, true) => {
            let stage = if args.mutate { Stage::Mutate } else { Stage::Validate };
            reviews::run(&guard, stage, &reviews, args.output.output, streams)
        }
        (true, false) if args.mutate || args.validate => {
            let flag = if args.mutate { "--mutate" } else { "--validate" };
            Err(Failure::input(anyhow!("{flag} applies only to AdmissionReviews: manifests are mutated and then validated")))
        }
        (true, _) => {
            let guard = Guard { knows_user: args.user.is_some() || !args.groups.is_empty(), ..guard };
            let default = Requester::default();
            let groups = if args.groups.is_empty() { default.groups } else { args.groups.clone() };
            let requester = Requester { user: args.user.clone().unwrap_or(default.user), groups };
            let first = args.judge.canon.namespaces.first().map(String::as_str).unwrap_or_default();
            objects::run(&guard, &requester, &objects, first, args.output.output, streams)
        }
    }
}
