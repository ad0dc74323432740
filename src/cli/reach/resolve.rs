//! The Service that an argument names, its pods and their ports.

use anyhow::anyhow;

use super::nearest::nearest;
use super::port::Port;
use super::services::{LeadsTo, Service, Target};
use super::source::World;
use crate::analysis::{End, Endpoint, PortSet};
use crate::cli::exit::Failure;
use crate::cli::manifests::display::{Count, printable};

/// The kinds that an argument may state, in lower case.
const KINDS: [&str; 3] = ["service", "services", "svc"];

/// The pods that a Service stands for, each with the port that is connected to.
pub(crate) struct Resolved<'w> {
    /// The pods; `None` is any port.
    pub(crate) targets: Vec<(&'w Endpoint, Option<PortSet>)>,
    /// What it stands for, as a sentence.
    pub(crate) note: String,
}

/// Returns the pods that a Service selects.
///
/// # Errors
/// Returns why there is none.
pub(crate) fn pods<'w>(service: &Service, world: &'w World) -> Result<Vec<&'w Endpoint>, Failure> {
    let failed = |reason: String| Failure::input(anyhow!("{} {reason}", service.id()));
    let labels = match &service.leads_to {
        LeadsTo::Pods { labels, .. } => labels,
        LeadsTo::Written => {
            let reason = "has no selector, so its endpoints are addresses that something else writes: name these addresses";
            return Err(failed(reason.to_owned()));
        }
        LeadsTo::Name(name) => {
            let reason = format!("is another name for {}, which netpol does not look up: name its addresses", printable(name));
            return Err(failed(reason));
        }
    };
    let is_selected = |endpoint: &&Endpoint| match (&endpoint.end, &endpoint.object) {
        (End::Pods(pods), Some((namespace, _))) => {
            *namespace == service.namespace && labels.iter().all(|(key, value)| pods.labels.get(key) == Some(value))
        }
        _ => false,
    };
    let pods: Vec<&Endpoint> = world.endpoints.iter().filter(is_selected).collect();
    if pods.is_empty() { Err(failed("selects no pod that is known, so nothing accepts its connections".to_owned())) } else { Ok(pods) }
}

/// Returns the pods of a Service, with the port to which each port of the Service leads.
///
/// # Errors
/// Returns why there is none.
pub(crate) fn resolve<'w>(service: &Service, port: Option<&Port>, world: &'w World) -> Result<Resolved<'w>, Failure> {
    let selected = pods(service, world)?;
    let id = service.id();
    if let LeadsTo::Pods { is_headless: true, .. } = service.leads_to {
        let note = format!("{id} is headless: it stands for {}, and the port is that of the pods", Count(selected.len(), "pod"));
        return Ok(Resolved { targets: selected.into_iter().map(|pod| (pod, port.map(|port| port.set.clone()))).collect(), note });
    }
    let chosen = match (port, service.ports.as_slice()) {
        (None, [one]) => Some(one),
        (None, _) => None,
        (Some(port), ports) => ports.iter().find(|known| known.number == port.number && known.protocol == port.protocol),
    };
    let Some(chosen) = chosen else {
        let has: Vec<String> = service.ports.iter().map(|port| format!("{id}:{port}")).collect();
        return Err(Failure::input(anyhow!("{} of {id}; write one of: {}", no_port(port), has.join(", "))));
    };
    let target = |pod: &'w Endpoint| Some((pod, Some(chosen.on(pod)?)));
    let targets: Vec<(&Endpoint, Option<PortSet>)> = selected.into_iter().filter_map(target).collect();
    let Some((_, Some(first))) = targets.first() else {
        let Target::Name(name) = &chosen.target else { return Err(Failure::input(anyhow!("{id}:{chosen} leads to no port"))) };
        return Err(Failure::input(anyhow!("{id}:{chosen} leads to the port {}, which no pod of it has", printable(name))));
    };
    let is_one = targets.iter().all(|(_, port)| port.as_ref() == Some(first));
    let several = if is_one { "" } else { " and other ports" };
    let note = format!(
        "{id}:{chosen} leads to {first}{several} of {}; policies see that port, and whether they see the address of the Service \
         depends on the network plugin",
        Count(targets.len(), "pod")
    );
    Ok(Resolved { targets, note })
}

/// Returns the start of a sentence about a port that a Service does not have.
fn no_port(port: Option<&Port>) -> String {
    port.map_or_else(|| "a connection is to one port".to_owned(), |port| format!("{} is not a port", port.set))
}

/// Returns the Service that an argument names, as `service/NAME` or `NAMESPACE/service/NAME`; `None` if it names something else.
///
/// # Errors
/// There is no such Service, or there are several.
pub(crate) fn find<'w>(text: &str, world: &'w World) -> Result<Option<&'w Service>, Failure> {
    let (namespace, kind, name) = match text.split('/').collect::<Vec<_>>().as_slice() {
        [kind, name] => (None, *kind, *name),
        [namespace, kind, name] => (Some(*namespace), *kind, *name),
        _ => return Ok(None),
    };
    if !KINDS.contains(&kind.to_lowercase().as_str()) {
        return Ok(None);
    }
    let is_named = |service: &&Service| service.name == name && namespace.is_none_or(|namespace| namespace == service.namespace);
    let mut found: Vec<&Service> = world.services.iter().filter(is_named).collect();
    let is_near = |service: &&Service| world.shown.as_ref().is_none_or(|shown| shown.contains(&service.namespace));
    if found.iter().filter(|service| is_near(service)).count() == 1 {
        found.retain(is_near);
    }
    match found.as_slice() {
        [one] => Ok(Some(one)),
        [] if world.is_canon => {
            Err(Failure::input(anyhow!("there is no {}: a canon has no Services; read them with --file or --live", printable(text))))
        }
        [] => {
            let services: Vec<(String, &str)> = world.services.iter().map(|service| (service.id(), service.name.as_str())).collect();
            let known: Vec<(&str, &str)> = services.iter().map(|(id, name)| (id.as_str(), *name)).collect();
            let suggested = if known.is_empty() { "; no Service is known".to_owned() } else { nearest(name, &known, "Services") };
            Err(Failure::input(anyhow!("there is no Service {}{suggested}", printable(text))))
        }
        several => {
            let ids: Vec<String> = several.iter().map(|service| service.id()).collect();
            Err(Failure::input(anyhow!("{} can be any of several Services; write one of: {}", printable(text), ids.join(", "))))
        }
    }
}
