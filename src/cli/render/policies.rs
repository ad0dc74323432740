//! `netpol render policies`.

use anyhow::anyhow;
use serde_json::Value;
use std::collections::BTreeSet;

use super::nearest::nearest;
use super::print;
use crate::canon::Canon;
use crate::cli::exit::{Ended, Failure};
use crate::cli::judge_args::CanonArgs;
use crate::cli::output::{OutputArgs, Streams};

/// The most names that an error proposes.
const MOST_NAMES: usize = 3;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  Put every canonical policy in place:
    netpol render policies | kubectl apply -f -

  Put one back that has drifted:
    netpol render policies --only memcached-permits | kubectl apply -f -

  See what another canon would change:
    netpol render policies --canon ./canon --namespace desktops | kubectl diff -f -")]
pub(super) struct Args {
    #[command(flatten)]
    canon: CanonArgs,

    /// Only these policies.
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    only: Vec<String>,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, streams: &mut Streams) -> Ended {
    let canon = Canon::load(&args.canon.canon, &args.canon.namespaces).map_err(Failure::input)?;
    let manifests = manifests(&canon, &args.canon.namespaces, &args.only)?;
    print(&manifests, args.output, streams)
}

/// Answers the manifests in the order of namespaces and names.
fn manifests<'c>(canon: &'c Canon, namespaces: &[String], only: &[String]) -> Result<Vec<&'c Value>, Failure> {
    let known: BTreeSet<&str> = canon.namespaces.values().flat_map(|policies| policies.by_name.keys()).map(String::as_str).collect();
    if let Some(unknown) = only.iter().find(|name| !known.contains(name.as_str())) {
        let near = nearest(unknown, known.iter().copied(), MOST_NAMES).join(", ");
        let near = if near.is_empty() { String::new() } else { format!("; the nearest names are {near}") };
        return Err(Failure::input(anyhow!("the canon \"{}\" has no policy \"{unknown}\"{near}", canon.source)));
    }
    // A namespace may be stated twice.
    let namespaces: BTreeSet<&str> = namespaces.iter().map(String::as_str).collect();
    let policies = namespaces.iter().filter_map(|namespace| canon.policies(namespace)).flat_map(|policies| &policies.by_name);
    let wanted = |name: &String| only.is_empty() || only.contains(name);
    Ok(policies.filter(|(name, _)| wanted(name)).map(|(_, policy)| &policy.manifest).collect())
}
