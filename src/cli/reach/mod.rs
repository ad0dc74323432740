//! `netpol reach`: which endpoints can connect.
//!
//! - `source` reads policies and endpoints from a canon or from files; `objects` reads the objects in files; `written` is what
//!   they say besides their meaning.
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
mod written;

use clap::ValueEnum;

use super::exit::{CommandResult, Failure, Status};
use super::output::Streams;
use crate::analysis::{Endpoint, Reach};
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

    /// Output format.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, env = "NETPOL_OUTPUT")]
    output: Format,

    #[command(flatten)]
    source: SourceArgs,
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
    let World { policies, mut endpoints, about, .. } = world.clone();
    let from = chosen(&args.from, &world, &mut endpoints)?;
    let to = chosen(&args.to, &world, &mut endpoints)?;
    let reach = Reach::new(&policies, &endpoints);
    let matrix = Matrix { reach, from, to, port: args.port.clone(), about };
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

/// Returns the indexes of the endpoints that arguments name; without arguments, of all endpoints of the world.
fn chosen(texts: &[String], world: &World, endpoints: &mut Vec<Endpoint>) -> Result<Vec<usize>, Failure> {
    if texts.is_empty() {
        return Ok((0..world.endpoints.len()).collect());
    }
    let mut chosen = Vec::new();
    for found in texts.iter().map(|text| refer::endpoints(text, world)) {
        for endpoint in found? {
            let known = endpoints.iter().position(|known| known.id == endpoint.id);
            let index = known.unwrap_or(endpoints.len());
            if known.is_none() {
                endpoints.push(endpoint);
            }
            if !chosen.contains(&index) {
                chosen.push(index);
            }
        }
    }
    Ok(chosen)
}
