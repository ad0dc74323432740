//! Services: the pods and the ports that they stand for.

use std::collections::BTreeMap;

use anyhow::anyhow;
use serde_json::Value;

use super::nearest::nearest;
use super::refer::Port;
use super::source::World;
use crate::analysis::{End, Endpoint, PortSet};
use crate::cli::exit::Failure;
use crate::cli::manifests::display::{Count, printable};

/// The kinds that an argument may state, in lower case.
const KINDS: [&str; 3] = ["service", "services", "svc"];

/// A Service.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    namespace: String,
    name: String,
    leads_to: LeadsTo,
    ports: Vec<ServicePort>,
}

/// Where the connections to a Service lead.
#[derive(Debug, Clone)]
enum LeadsTo {
    /// To the pods with these labels. `is_headless`: clients connect to their addresses, and choose the port.
    Pods { labels: BTreeMap<String, String>, is_headless: bool },
    /// To endpoints that somebody writes.
    Written,
    /// To a name outside of the cluster.
    Name(String),
}

/// A port of a Service.
#[derive(Debug, Clone)]
struct ServicePort {
    protocol: String,
    number: u16,
    target: Target,
}

/// The port of the pods.
#[derive(Debug, Clone)]
enum Target {
    Number(u16),
    Name(String),
}

/// The pods that a Service stands for, each with the port that is connected to.
pub(crate) struct Resolved<'w> {
    /// The pods; `None` is any port.
    pub(crate) targets: Vec<(&'w Endpoint, Option<PortSet>)>,
    /// What it stands for, as a sentence.
    pub(crate) note: String,
}

impl Service {
    /// Reads a Service.
    ///
    /// # Errors
    /// Returns the first field that is not valid.
    pub(super) fn read(namespace: &str, name: &str, object: &Value) -> Result<Service, String> {
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let text = |field: &str| spec.get(field).and_then(Value::as_str);
        let leads_to = match (text("type"), spec.get("selector")) {
            (Some("ExternalName"), _) => LeadsTo::Name(text("externalName").unwrap_or_default().to_owned()),
            (_, None | Some(Value::Null)) => LeadsTo::Written,
            (_, Some(Value::Object(selector))) if selector.is_empty() => LeadsTo::Written,
            (_, Some(Value::Object(selector))) => {
                let label = |(key, value): (&String, &Value)| {
                    let value = value.as_str().ok_or_else(|| format!("spec.selector[{}]: must be a string", printable(key)))?;
                    Ok::<_, String>((key.clone(), value.to_owned()))
                };
                let labels = selector.iter().map(label).collect::<Result<_, _>>()?;
                LeadsTo::Pods { labels, is_headless: text("clusterIP") == Some("None") }
            }
            _ => return Err("spec.selector: must be a map".to_owned()),
        };
        let ports = spec.get("ports").and_then(Value::as_array).into_iter().flatten();
        let ports = ports.enumerate().map(|(index, port)| {
            ServicePort::read(port).ok_or_else(|| format!("spec.ports[{index}]: must have a port and a targetPort from 1 to 65535"))
        });
        let ports = ports.collect::<Result<_, _>>()?;
        Ok(Service { namespace: namespace.to_owned(), name: name.to_owned(), leads_to, ports })
    }

    /// Returns `NAMESPACE/Service/NAME`.
    pub(super) fn id(&self) -> String {
        format!("{}/Service/{}", printable(&self.namespace), printable(&self.name))
    }

    /// Returns the pods that it selects.
    ///
    /// # Errors
    /// Returns why there is none.
    pub(crate) fn pods<'w>(&self, world: &'w World) -> Result<Vec<&'w Endpoint>, Failure> {
        let failed = |reason: String| Failure::input(anyhow!("{} {reason}", self.id()));
        let labels = match &self.leads_to {
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
                *namespace == self.namespace && labels.iter().all(|(key, value)| pods.labels.get(key) == Some(value))
            }
            _ => false,
        };
        let pods: Vec<&Endpoint> = world.endpoints.iter().filter(is_selected).collect();
        if pods.is_empty() { Err(failed("selects no pod that is known, so nothing accepts its connections".to_owned())) } else { Ok(pods) }
    }

    /// Returns its pods, with the port to which each port of the Service leads.
    ///
    /// # Errors
    /// Returns why there is none.
    pub(crate) fn resolve<'w>(&self, port: Option<&Port>, world: &'w World) -> Result<Resolved<'w>, Failure> {
        let pods = self.pods(world)?;
        let id = self.id();
        if let LeadsTo::Pods { is_headless: true, .. } = self.leads_to {
            let note = format!("{id} is headless: it stands for {}, and the port is that of the pods", Count(pods.len(), "pod"));
            return Ok(Resolved { targets: pods.into_iter().map(|pod| (pod, port.map(|port| port.set.clone()))).collect(), note });
        }
        let chosen = match (port, self.ports.as_slice()) {
            (None, [one]) => Some(one),
            (None, _) => None,
            (Some(port), ports) => ports.iter().find(|known| known.number == port.number && known.protocol == port.protocol),
        };
        let Some(chosen) = chosen else {
            let has: Vec<String> = self.ports.iter().map(|port| format!("{id}:{port}")).collect();
            return Err(Failure::input(anyhow!("{} of {id}; write one of: {}", no_port(port), has.join(", "))));
        };
        let target = |pod: &'w Endpoint| Some((pod, Some(chosen.on(pod)?)));
        let targets: Vec<(&Endpoint, Option<PortSet>)> = pods.into_iter().filter_map(target).collect();
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
}

/// Returns the start of a sentence about a port that a Service does not have.
fn no_port(port: Option<&Port>) -> String {
    port.map_or_else(|| "a connection is to one port".to_owned(), |port| format!("{} is not a port", port.set))
}

impl ServicePort {
    fn read(port: &Value) -> Option<ServicePort> {
        let number = |value: &Value| u16::try_from(value.as_u64()?).ok().filter(|number| *number > 0);
        let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP").to_owned();
        let own = number(port.get("port")?)?;
        let target = match port.get("targetPort") {
            None | Some(Value::Null) => Target::Number(own),
            Some(Value::String(name)) => name.parse().map_or_else(|_| Target::Name(name.clone()), Target::Number),
            // 0 is the port of the Service.
            Some(value) if value.as_u64() == Some(0) => Target::Number(own),
            Some(value) => Target::Number(number(value)?),
        };
        Some(ServicePort { protocol, number: own, target })
    }

    /// Returns the port of a pod; `None` if the pod has no port of this name.
    fn on(&self, pod: &Endpoint) -> Option<PortSet> {
        match (&self.target, &pod.end) {
            (Target::Number(number), _) => PortSet::one(&self.protocol, *number),
            (Target::Name(name), End::Pods(pods)) => {
                let numbers = pods.ports.as_ref()?.numbers(&self.protocol, name);
                let ports: Vec<PortSet> = numbers.filter_map(|number| PortSet::one(&self.protocol, number)).collect();
                (!ports.is_empty()).then(|| PortSet::union(&ports))
            }
            (Target::Name(_), End::Addresses(_)) => None,
        }
    }
}

impl std::fmt::Display for ServicePort {
    /// `80`, or `53/UDP`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.protocol == "TCP" { write!(formatter, "{}", self.number) } else { write!(formatter, "{}/{}", self.number, self.protocol) }
    }
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
    match world.services.iter().filter(is_named).collect::<Vec<_>>().as_slice() {
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
