//! `netpol reach`: which endpoints can connect.
//!
//! - `source` reads policies and endpoints from a canon, from files or from a cluster: `objects` are those of files, `live` reads a
//!   cluster. `pods` is what is read of a pod, `services` the Services; `written` is what
//!   policies say besides their meaning.
//! - `args` are the arguments. `refer` finds the endpoints that one names, `members` the pods of a workload or a grant, `port` the port,
//!   `resolve` a Service; `nearest` proposes names.
//! - `shown` are the endpoints that are shown unless arguments name others.
//! - `matrix` is the result: the connections from some endpoints to some endpoints.
//! - `diff/` compares two sources.
//! - `report` is its form in JSON; `text`, `tables` and `graph` print it.

mod args;
mod diff;
mod graph;
mod live;
mod matrix;
mod members;
mod nearest;
mod objects;
mod pods;
pub(crate) mod port;
pub(crate) mod refer;
mod report;
pub(crate) mod resolve;
pub(crate) mod services;
pub(crate) mod shown;
pub(crate) mod source;
mod tables;
mod text;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use super::exit::{CommandResult, Failure, Status};
use super::output::Streams;
use crate::analysis::{Classes, Endpoint, Reach, by_class};
pub use args::Args;
use args::{By, Format};
use matrix::Matrix;
use source::World;

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
    let marked = shown::marked(&world, is_own);
    let Classes { mut endpoints, pods } = match args.by {
        By::Class => by_class(&world.policies, &marked, is_own),
        By::Pod => Classes { endpoints: marked, pods: BTreeMap::new() },
    };
    let known = endpoints.len();
    let (from, to) = (from.map(|from| indexes(&from, &mut endpoints)), to.map(|to| indexes(&to, &mut endpoints)));
    let reach = Reach::new(&world.policies, &endpoints);
    let all: Vec<usize> = (0..known).filter(|index| shown::is_shown(*index, &reach, &world)).collect();
    let (from, to) = (from.unwrap_or_else(|| all.clone()), to.unwrap_or(all));
    let (left_out, about) = (world.all_left_out(), world.about.clone());
    let matrix = Matrix { reach, from, to, port: args.port.clone(), pods, left_out, about };
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
