//! `netpol render canon`: prints the documents of a canon, as the start of one's own.

use crate::canon::{DEFAULT, Documents, split_directions};
use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::judge_args::KindArgs;
use crate::cli::output::Streams;
use crate::documents::reading;

/// The arguments of `render canon`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The output has the NetworkPolicies and the Grants, with comments. It means the same
as the canon that it was printed from.

Examples:
  Start your own canon from that of release 4.4:
    netpol render canon abcdesktop-4.4 > canon.yaml
    netpol check --canon ./canon.yaml netpol.yaml

  The same for kube-router and k3s, which confuse directions within a policy:
    netpol render canon abcdesktop-4.4 --split-directions > canon.yaml")]
pub(super) struct Args {
    /// Built-in canon, file or folder.
    #[arg(value_name = "NAME or PATH", default_value = DEFAULT[0])]
    canon: String,

    /// Print one policy for each direction, without comments. Of a policy that has both directions, the one for ingress keeps
    /// the name, and the other one is NAME-egress.
    #[arg(long)]
    split_directions: bool,

    #[command(flatten)]
    kinds: KindArgs,
}

pub(super) fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let documents = Documents::read(&args.canon).map_err(Failure::input)?.with_kinds(&args.kinds.foreign_kinds);
    if args.split_directions {
        for object in split_directions(&documents).map_err(Failure::input)? {
            write!(streams.out, "---\n{}", reading::write(&object).map_err(Failure::internal)?)?;
        }
        return Ok(Status::Clean);
    }
    for (position, (_, text)) in documents.texts().enumerate() {
        if position > 0 {
            writeln!(streams.out, "---")?;
        }
        write!(streams.out, "{text}")?;
        if !text.ends_with('\n') {
            writeln!(streams.out)?;
        }
    }
    Ok(Status::Clean)
}
