//! `netpol review`: what the webhook would say.

mod answers;
mod verdicts;

use anyhow::anyhow;

use super::exit::{Ended, Failure};
use super::input;
use super::judge_args::JudgeArgs;
use super::manifests::created::Asker;
use super::manifests::{self, Contents};
use super::output::{OutputArgs, Streams};
use crate::verdict::Stage;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
For a file that holds an AdmissionReview (JSON or YAML), standard output is the
AdmissionReview that the webhook would send, byte for byte, and words for people
go to standard error. Of several files there is an answer a line.

Anything else is taken for manifests: each object is mutated, then validated, as
if it were created now. One that states no namespace is created in the first
guarded one. With --output json there is a line an object.

Examples:
  netpol review pod.yaml
  helm template ./chart | netpol review --namespace desktops -
  netpol review --as system:node:a --as-group system:nodes static-pod.yaml
  netpol review --mutate review.json | jq -r .response.patch | base64 -d")]
pub struct Args {
    /// Files of manifests, or each of an AdmissionReview; - is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    /// Answer an AdmissionReview as /mutate does.
    #[arg(long, conflicts_with = "validate")]
    mutate: bool,

    /// Answer an AdmissionReview as /validate does; the default.
    #[arg(long)]
    validate: bool,

    /// Who creates the objects of manifests.
    #[arg(long = "as", value_name = "USER", default_value_t = Asker::default().user)]
    user: String,

    /// A group of that user (repeatable).
    #[arg(long = "as-group", value_name = "GROUP", default_values_t = Asker::default().groups)]
    groups: Vec<String>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    judge: JudgeArgs,
}

/// Runs it.
///
/// # Errors
/// A canon or a file cannot be read, or holds what cannot be judged. Nothing is written then.
pub fn run(args: &Args, streams: &mut Streams) -> Ended {
    let guard = args.judge.guard()?;

    let mut reviews = Vec::new();
    let mut objects = Vec::new();
    for input in input::read(&args.files, streams)? {
        let name = input.name.clone();
        match manifests::read(input)? {
            Contents::Reviews(bodies) => reviews.extend(bodies.into_iter().map(|body| (name.clone(), body))),
            Contents::Manifests(found) => objects.extend(found),
        }
    }
    match (reviews.is_empty(), objects.is_empty()) {
        (false, false) => Err(Failure::input(anyhow!("the files hold AdmissionReviews and manifests: review them apart"))),
        (false, true) => {
            let stage = if args.mutate { Stage::Mutate } else { Stage::Validate };
            answers::run(&guard, stage, &reviews, args.output.output, streams)
        }
        (true, false) if args.mutate || args.validate => {
            let flag = if args.mutate { "--mutate" } else { "--validate" };
            Err(Failure::input(anyhow!("{flag} is about AdmissionReviews: manifests are mutated, then validated")))
        }
        (true, _) => {
            let asker = Asker { user: args.user.clone(), groups: args.groups.clone() };
            let first = args.judge.canon.namespaces.first().map(String::as_str).unwrap_or_default();
            verdicts::run(&guard, &asker, &objects, first, args.output.output, streams)
        }
    }
}
