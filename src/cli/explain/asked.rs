//! What the arguments of `explain` name.

use anyhow::anyhow;

use crate::analysis::{Addresses, Asked, Connection, PortSet, connection};
use crate::cli::exit::Failure;
use crate::cli::manifests::display::printable;
use crate::cli::reach::refer::{self, Port};
use crate::cli::reach::source::World;

/// Finds both endpoints and evaluates the connection.
///
/// # Errors
/// Returns an error if an endpoint is not known, if policies do not treat all addresses of one alike, or if other policies
/// decide.
pub(super) fn asked(from: &str, to: &str, world: &World) -> Result<Asked, Failure> {
    let (to, port) = split(to, world);
    let sources = refer::endpoints(from, world)?;
    let targets = refer::endpoints(to, world)?;
    let pairs = sources.iter().flat_map(|from| targets.iter().map(move |to| (from, to)));
    let mut first: Option<Asked> = None;
    for (source, target) in pairs {
        if source.outside && target.outside {
            let message = "neither is a pod of the namespace, so these policies do not decide";
            return Err(Failure::input(anyhow!("{} and {}: {message}", printable(from), printable(to))));
        }
        let found = connection(&world.policies, &source.end, &target.end, source.id == target.id);
        match &first {
            None => {
                let names = (printable(from), printable(to));
                first = Some(Asked { from: source.clone(), to: target.clone(), names, port: port.clone(), found });
            }
            Some(known) if is_same(&known.found, &found, port.as_ref()) => {}
            Some(_) => {
                let several = if sources.len() > 1 { &sources } else { &targets };
                let name = if sources.len() > 1 { from } else { to };
                let ids: Vec<&str> = several.iter().map(|endpoint| endpoint.id.as_str()).collect();
                let message = format!("policies tell parts of {} apart; write one of: {}", printable(name), ids.join(" or "));
                return Err(Failure::input(anyhow!(message)));
            }
        }
    }
    first.ok_or_else(|| Failure::input(anyhow!("{} has no address", printable(to))))
}

/// Returns whether two connections allow the same of the port that is asked about.
fn is_same(left: &Connection, right: &Connection, port: Option<&PortSet>) -> bool {
    let of = |set: &PortSet| port.map_or_else(|| set.clone(), |port| set.and(port));
    of(&left.allowed) == of(&right.allowed) && of(&left.depends) == of(&right.depends)
}

/// Splits an endpoint from its port: `memcached:11211`, `[2001:db8::1]:443`. The colons of an IPv6 address are not those of a port.
fn split<'t>(text: &'t str, world: &World) -> (&'t str, Option<PortSet>) {
    if world.endpoints.iter().any(|endpoint| endpoint.id == text) || Addresses::parse(text).is_ok() {
        return (text, None);
    }
    match text.rsplit_once(':').map(|(name, port)| (name, port.parse::<Port>())) {
        Some((name, Ok(port))) => {
            let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
            (inner.unwrap_or(name), Some(port.set))
        }
        _ => (text, None),
    }
}
