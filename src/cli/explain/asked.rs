//! What the arguments of `explain` name.

use anyhow::anyhow;

use crate::analysis::{Addresses, Asked, Connection, End, Endpoint, PortSet, connection};
use crate::cli::exit::Failure;
use crate::cli::manifests::display::printable;
use crate::cli::reach::port::Port;
use crate::cli::reach::refer;
use crate::cli::reach::resolve::{self, Resolved};
use crate::cli::reach::source::World;

/// The endpoints that the second argument names, each with the port that is asked about.
struct Targets {
    ends: Vec<(Endpoint, Option<PortSet>)>,
    note: Option<String>,
}

/// Finds both endpoints and evaluates the connection.
///
/// # Errors
/// Returns an error if an endpoint is not known, if policies do not treat all addresses of one alike, or if other policies
/// decide.
pub(super) fn asked(from: &str, to: &str, world: &World) -> Result<Asked, Failure> {
    let (to, port) = split(to, world);
    let sources = refer::endpoints(from, world)?;
    let Targets { ends: targets, note } = targets(to, port.as_ref(), world)?;
    let pairs = sources.iter().flat_map(|from| targets.iter().map(move |(to, port)| (from, to, port)));
    let mut first: Option<Asked> = None;
    for (source, target, port) in pairs {
        if source.outside && target.outside {
            let message = "neither is a pod of the namespace, so these policies do not decide";
            return Err(Failure::input(anyhow!("{} and {}: {message}", printable(from), printable(to))));
        }
        let found = connection(&world.policies, &source.end, &target.end, source.id == target.id);
        match &first {
            None => {
                let (names, note) = ((printable(from), printable(to)), note.clone());
                first = Some(Asked { from: source.clone(), to: target.clone(), names, port: port.clone(), found, note });
            }
            Some(known) if is_same((&known.found, known.port.as_ref()), (&found, port.as_ref())) => {}
            Some(known) => {
                let several = sources.len() > 1 && known.from.id != source.id;
                let name = printable(if several { from } else { to });
                let is_pods = matches!(if several { &source.end } else { &target.end }, End::Pods(_));
                let (what, ids) = if is_pods {
                    let pair = if several { [&known.from.id, &source.id] } else { [&known.to.id, &target.id] };
                    (format!("the pods of {name}"), pair.map(|id| printable(id)).to_vec())
                } else {
                    let all: Vec<&Endpoint> = if several { sources.iter().collect() } else { targets.iter().map(|(to, _)| to).collect() };
                    (format!("parts of {name}"), all.into_iter().map(|endpoint| endpoint.id.clone()).collect())
                };
                return Err(Failure::input(anyhow!("policies tell {what} apart; write one of: {}", ids.join(" or "))));
            }
        }
    }
    first.ok_or_else(|| Failure::input(anyhow!("{} has no address", printable(to))))
}

/// Returns the endpoints that an argument names. A Service is its pods.
fn targets(text: &str, port: Option<&Port>, world: &World) -> Result<Targets, Failure> {
    if let Some(service) = resolve::find(text, world)? {
        let Resolved { targets, note } = resolve::resolve(service, port, world)?;
        return Ok(Targets { ends: targets.into_iter().map(|(pod, port)| (pod.clone(), port)).collect(), note: Some(note) });
    }
    let port = port.map(|port| port.set.clone());
    let ends = refer::endpoints(text, world)?;
    Ok(Targets { ends: ends.into_iter().map(|end| (end, port.clone())).collect(), note: None })
}

/// Returns whether two connections allow the same of the ports that are asked about.
fn is_same(left: (&Connection, Option<&PortSet>), right: (&Connection, Option<&PortSet>)) -> bool {
    let whether = |(found, port): (&Connection, Option<&PortSet>)| {
        port.map(|port| (found.allowed.and(port).is_empty(), found.depends.and(port).is_empty()))
    };
    match (whether(left), whether(right)) {
        (Some(left), Some(right)) => left == right,
        _ => left.0.allowed == right.0.allowed && left.0.depends == right.0.depends,
    }
}

/// Splits an endpoint from its port: `memcached:11211`, `[2001:db8::1]:443`. The colons of an IPv6 address are not those of a port.
fn split<'t>(text: &'t str, world: &World) -> (&'t str, Option<Port>) {
    if world.endpoints.iter().any(|endpoint| endpoint.id == text) || Addresses::parse(text).is_ok() {
        return (text, None);
    }
    match text.rsplit_once(':').map(|(name, port)| (name, port.parse::<Port>())) {
        Some((name, Ok(port))) => {
            let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
            (inner.unwrap_or(name), Some(port))
        }
        _ => (text, None),
    }
}
