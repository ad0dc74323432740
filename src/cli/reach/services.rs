//! What is read of a Service.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::analysis::{End, Endpoint, PortSet};
use crate::cli::manifests::display::printable;

/// A Service.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) leads_to: LeadsTo,
    pub(super) ports: Vec<ServicePort>,
}

/// Where the connections to a Service lead.
#[derive(Debug, Clone)]
pub(super) enum LeadsTo {
    /// To the pods with these labels. `is_headless`: clients connect to their addresses, and choose the port.
    Pods { labels: BTreeMap<String, String>, is_headless: bool },
    /// To endpoints that a user writes.
    Written,
    /// To a name outside of the cluster.
    Name(String),
}

/// A port of a Service.
#[derive(Debug, Clone)]
pub(super) struct ServicePort {
    pub(super) protocol: String,
    pub(super) number: u16,
    pub(super) target: Target,
}

/// The port of the pods.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Number(u16),
    Name(String),
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
    pub(super) fn on(&self, pod: &Endpoint) -> Option<PortSet> {
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
