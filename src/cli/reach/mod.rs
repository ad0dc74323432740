//! `netpol reach`: which endpoints can connect.
//!
//! - `source` reads policies and endpoints from a canon or from files; `objects` reads the objects in files.
//! - `refer` finds the endpoints and the port that an argument names.
//! - `matrix` is the result: the connections from some endpoints to some endpoints.
//! - `report` is its form in JSON; `text` and `tables` print it.

mod matrix;
mod objects;
pub(crate) mod refer;
mod report;
pub(crate) mod source;
mod tables;
mod text;

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
namespace is not shown, because other policies may apply to it. With --file, they are the Pods and the pods
of workloads in the files, with the labels that the files have, and the addresses.

\"depends\" is what network plugins treat differently, or what is not known: netpol
does not guess. Only NetworkPolicies are evaluated. The exit code is 0, and 2 if an
input cannot be read or an endpoint is not known.

Examples:
  Who reaches whom under the release 4.4:
    netpol reach --canon abcdesktop-4.4

  Who reaches the desktops, and on which ports:
    netpol reach --to desktop

  Who reaches port 443 anywhere:
    netpol reach --to world --port 443

  The connections between the pods of files:
    netpol reach -f netpol.yaml -f pod.yaml --output csv

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
}

/// Prints the connections.
///
/// # Errors
/// Returns an error, and writes nothing, if an input cannot be read or an endpoint is not known.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let world = args.source.load(streams)?;
    let (from, to) = (named(&args.from, &world)?, named(&args.to, &world)?);
    let Classes { mut endpoints, pods } = match args.by {
        By::Class => {
            let own: BTreeSet<&str> = from.iter().chain(&to).flatten().map(|endpoint| endpoint.id.as_str()).collect();
            by_class(&world.policies, &world.endpoints, |endpoint| own.contains(endpoint.id.as_str()))
        }
        By::Pod => Classes { endpoints: world.endpoints.clone(), pods: BTreeMap::new() },
    };
    let all: Vec<usize> = (0..endpoints.len()).collect();
    let from = from.map_or_else(|| all.clone(), |from| indexes(from, &mut endpoints));
    let to = to.map_or(all, |to| indexes(to, &mut endpoints));
    let reach = Reach::new(&world.policies, &endpoints);
    let matrix = Matrix { reach, from, to, port: args.port.clone(), pods, about: world.about };
    match args.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&report::Report::new(&matrix)).map_err(Failure::internal)?;
            writeln!(streams.out, "{text}")?;
        }
        Format::Text => text::write(&matrix, streams)?,
        Format::Csv => tables::csv(&matrix, &mut streams.out)?,
        Format::Markdown => tables::markdown(&matrix, &mut streams.out)?,
    }
    Ok(Status::Clean)
}

/// Returns the endpoints that arguments name; `None` without arguments, which means all.
fn named(texts: &[String], world: &World) -> Result<Option<Vec<Endpoint>>, Failure> {
    let found = texts.iter().map(|text| refer::endpoints(text, world)).collect::<Result<Vec<_>, Failure>>()?;
    Ok((!texts.is_empty()).then(|| found.into_iter().flatten().collect()))
}

/// Returns the indexes of endpoints, each once. Adds those that are not known.
fn indexes(named: Vec<Endpoint>, endpoints: &mut Vec<Endpoint>) -> Vec<usize> {
    let mut indexes = Vec::new();
    for endpoint in named {
        let known = endpoints.iter().position(|known| known.id == endpoint.id);
        let index = known.unwrap_or(endpoints.len());
        if known.is_none() {
            endpoints.push(endpoint);
        }
        if !indexes.contains(&index) {
            indexes.push(index);
        }
    }
    indexes
}
