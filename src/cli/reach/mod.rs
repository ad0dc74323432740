//! `netpol reach`: which endpoints can connect.
//!
//! - `source` reads policies and endpoints from a canon, from files or from a cluster: `objects` are those of files, `live` reads a
//!   cluster. `pods` is what is read of a pod, `services` the Services; `written` is what policies
//!   say besides their meaning.
//! - `refer` finds the endpoints and the port that an argument names; `nearest` proposes names.
//! - `matrix` is the result: the connections from some endpoints to some endpoints.
//! - `diff/` compares two sources.
//! - `report` is its form in JSON; `text`, `tables` and `graph` print it.

mod diff;
mod graph;
mod live;
mod matrix;
mod nearest;
mod objects;
mod pods;
pub(crate) mod refer;
mod report;
pub(crate) mod services;
pub(crate) mod source;
mod tables;
mod text;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;

use super::exit::{CommandResult, Failure, Status};
use super::output::Streams;
use crate::analysis::{Classes, Endpoint, Reach, by_class};
use matrix::Matrix;
use refer::Port;
use source::{SourceArgs, World};

/// The arguments of `reach`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Without --file, the endpoints are those of the first canon: each identity with the
labels that it is granted, other pods that its policies select, a pod of the
namespace and a pod of another namespace without labels (abcdesktop/*, */*), and
the addresses that policies tell apart. What is between two endpoints outside of the
namespace is not shown, because other policies may apply to it. With --file, they are
the Pods and the pods of workloads in the files, with the labels that the files have,
and the addresses. With --live, they are the pods of the namespaces of --namespace, and
the pods of other namespaces that can connect to or from these. Pods that policies
cannot tell apart are one endpoint: shop/Pod/web-1 (+11) is twelve pods.

\"depends\" is what network plugins treat differently, or what is not known: netpol
does not guess. Only NetworkPolicies are evaluated. The exit code is 0; 1 if --diff
finds a difference; 2 if an input cannot be read or an endpoint is not known; 3 if the
cluster does not answer or denies access to its policies.

Examples:
  Who reaches whom under the release 4.4:
    netpol reach --canon abcdesktop-4.4

  Who reaches the desktops, and on which ports:
    netpol reach --to desktop

  Who reaches port 443 anywhere:
    netpol reach --to world --port 443

  The connections between the pods of files:
    netpol reach -f netpol.yaml -f pod.yaml --output csv

  Who reaches whom in the cluster of the kubeconfig:
    netpol reach --live -n abcdesktop

  What a change of policies changes, for the identities of the canon:
    netpol reach --diff abcdesktop-4.4 abcdesktop

  What a file would change in the cluster:
    netpol reach --diff live netpol.yaml

  A graph:
    netpol reach --to desktop --output mermaid

  The same for programs:
    netpol reach --output json | jq '.connections[] | select(.to == \"pyos\").from'")]
pub struct Args {
    /// Only connections from this endpoint (repeatable): an id, NAME, KIND/NAME, labels, an address, a CIDR or world.
    #[arg(long, value_name = "ENDPOINT")]
    from: Vec<String>,

    /// Only connections to this endpoint (repeatable).
    #[arg(long, value_name = "ENDPOINT")]
    to: Vec<String>,

    /// Only this port: 443 (of TCP), or 53/UDP.
    #[arg(long, value_name = "PORT")]
    port: Option<Port>,

    /// Compare two of: a built-in canon, a file or folder, live (the cluster).
    ///
    /// Prints the connections that are added, removed or changed from A to B. Files of `--file` belong to both sides. A side
    /// without pods has those of the other; if neither has any, both have the identities of `--canon`.
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with = "live")]
    diff: Option<Vec<String>>,

    /// Endpoints for pods that policies cannot tell apart.
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    by: By,

    /// Output format.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, env = "NETPOL_OUTPUT")]
    output: Format,

    #[command(flatten)]
    source: SourceArgs,
}

/// Which pods are one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum By {
    /// One endpoint for all of them in a namespace, with the name of the first and the number of the others.
    #[default]
    Class,
    /// One endpoint for each pod.
    Pod,
}

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// A table for people; a list if the table is wider than the terminal.
    #[default]
    Text,
    /// JSON for programs.
    Json,
    /// One line for each connection and protocol.
    Csv,
    /// A table for documents.
    Markdown,
    /// A graph for Graphviz.
    Dot,
    /// A graph for Mermaid, for documents.
    Mermaid,
}

/// Prints the connections.
///
/// # Errors
/// Returns an error, and writes nothing, if an input cannot be read or an endpoint is not known.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    if let Some([before, after]) = args.diff.as_deref() {
        return diff::run(args, [before, after], streams);
    }
    let world = args.source.load(streams)?;
    let (from, to) = (named(&args.from, &world)?, named(&args.to, &world)?);
    let own: BTreeSet<&str> = from.iter().chain(&to).flatten().map(|endpoint| endpoint.id.as_str()).collect();
    let is_own = |endpoint: &Endpoint| own.contains(endpoint.id.as_str());
    // What is between two endpoints elsewhere is shown only if an argument names one of them.
    let marked = world.endpoints.iter().map(|endpoint| {
        let outside = endpoint.outside || (world.is_elsewhere(endpoint) && !is_own(endpoint));
        Endpoint { outside, ..endpoint.clone() }
    });
    let marked: Vec<Endpoint> = marked.collect();
    let Classes { mut endpoints, pods } = match args.by {
        By::Class => by_class(&world.policies, &marked, is_own),
        By::Pod => Classes { endpoints: marked, pods: BTreeMap::new() },
    };
    let known = endpoints.len();
    let (from, to) = (from.map(|from| indexes(&from, &mut endpoints)), to.map(|to| indexes(&to, &mut endpoints)));
    let reach = Reach::new(&world.policies, &endpoints);
    let all: Vec<usize> = (0..known).filter(|index| is_shown(*index, &reach, &world)).collect();
    let (from, to) = (from.unwrap_or_else(|| all.clone()), to.unwrap_or(all));
    let matrix = Matrix { reach, from, to, port: args.port.clone(), pods, left_out: world.left_out.clone(), about: world.about.clone() };
    match args.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&report::Report::new(&matrix)).map_err(Failure::internal)?;
            writeln!(streams.out, "{text}")?;
        }
        Format::Text => text::write(&matrix, streams)?,
        Format::Csv => tables::csv(&matrix, &mut streams.out)?,
        Format::Markdown => tables::markdown(&matrix, &mut streams.out)?,
        Format::Dot => graph::dot(&matrix, &mut streams.out)?,
        Format::Mermaid => graph::mermaid(&matrix, &mut streams.out)?,
    }
    Ok(Status::Clean)
}

/// Returns the endpoints that arguments name; `None` without arguments, which means all.
fn named(texts: &[String], world: &World) -> Result<Option<Vec<Endpoint>>, Failure> {
    let found = texts.iter().map(|text| refer::endpoints(text, world)).collect::<Result<Vec<_>, Failure>>()?;
    Ok((!texts.is_empty()).then(|| found.into_iter().flatten().collect()))
}

/// Returns whether an endpoint is shown unless arguments name others: one elsewhere, only if it connects to or from one that is not.
fn is_shown(index: usize, reach: &Reach<'_>, world: &World) -> bool {
    let is_elsewhere = |index: usize| reach.endpoints().get(index).is_some_and(|endpoint| world.is_elsewhere(endpoint));
    let is_object = |index: usize| reach.endpoints().get(index).is_some_and(|endpoint| endpoint.object.is_some());
    let connects = |other: usize| !reach.flow(index, other).is_empty() || !reach.flow(other, index).is_empty();
    !is_elsewhere(index) || (0..reach.endpoints().len()).any(|other| is_object(other) && !is_elsewhere(other) && connects(other))
}

/// Returns the indexes of endpoints, each once. Adds those that are not known.
fn indexes(named: &[Endpoint], endpoints: &mut Vec<Endpoint>) -> Vec<usize> {
    let mut indexes = Vec::new();
    for endpoint in named {
        let known = endpoints.iter().position(|known| known.id == endpoint.id);
        let index = known.unwrap_or(endpoints.len());
        if known.is_none() {
            endpoints.push(endpoint.clone());
        }
        if !indexes.contains(&index) {
            indexes.push(index);
        }
    }
    indexes
}
