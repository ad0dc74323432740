//! `netpol render policies`.

use std::collections::BTreeSet;

use anyhow::anyhow;
use serde_json::Value;

use super::print::print;
use super::suggest::similar;
use crate::canon::{Canon, Policies};
use crate::cli::exit::{CommandResult, Failure};
use crate::cli::judge_args::CanonArgs;
use crate::cli::output::{OutputArgs, Streams};

/// The maximum number of names that an error suggests.
const MAX_NAMES: usize = 3;

/// The arguments of `render policies`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  Create every canonical policy:
    netpol render policies | kubectl apply -f -

  Restore a policy that drifted:
    netpol render policies --only memcached-permits | kubectl apply -f -

  Show what another canon would change:
    netpol render policies --canon ./canon --namespace desktops | kubectl diff -f -")]
pub(super) struct Args {
    #[command(flatten)]
    canon: CanonArgs,

    /// Print only these policies.
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    only: Vec<String>,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let canons = args.canon.load(|warning| streams.warn(warning))?;
    let manifests = manifests(canons.first(), &args.canon.namespaces, &args.only)?;
    print(&manifests, args.output, streams)
}

/// Returns the names and manifests of the policies of a namespace, those of other APIs last.
fn manifests_of(policies: &Policies) -> impl Iterator<Item = (&str, &Value)> {
    let own = policies.by_name.iter().map(|(name, policy)| (name.as_str(), &policy.manifest));
    own.chain(policies.foreign.iter().map(|policy| (policy.name.as_str(), &policy.manifest)))
}

/// Returns the manifests in the order of namespaces and names.
fn manifests<'c>(canon: &'c Canon, namespaces: &[String], only: &[String]) -> Result<Vec<&'c Value>, Failure> {
    let known: BTreeSet<&str> = canon.namespaces.values().flat_map(Policies::names).collect();
    if let Some(unknown) = only.iter().find(|name| !known.contains(name.as_str())) {
        let names = similar(unknown, known.iter().copied(), MAX_NAMES).join(", ");
        let hint = if names.is_empty() { String::new() } else { format!("; similar names: {names}") };
        return Err(Failure::input(anyhow!("the canon \"{}\" has no policy \"{unknown}\"{hint}", canon.source)));
    }
    // --namespace may repeat a namespace.
    let namespaces: BTreeSet<&str> = namespaces.iter().map(String::as_str).collect();
    let policies = namespaces.iter().filter_map(|namespace| canon.policies(namespace)).flat_map(manifests_of);
    let wanted = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    Ok(policies.filter(|(name, _)| wanted(name)).map(|(_, manifest)| manifest).collect())
}
