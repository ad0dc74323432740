//! What `netpol` says of the pods of a site: the analysis behind `netpol reach` and `netpol explain`, of what is in the cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netpol::analysis::{Addresses, End, Endpoint, NamedPolicy, Namespace, PodPorts, Pods, PortSet, Reach, connection};
use netpol::documents::Node as Document;
use netpol::policy::{Home, Policy};
use serde_json::Value;

use super::site::Site;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{get, list};

/// One end of the connections of a site: a host with one of its addresses.
#[derive(Debug, Clone)]
pub(super) struct SiteEnd {
    /// The index of the host in [`Site::hosts`].
    pub(super) host: usize,
    pub(super) address: IpAddr,
    /// `NAMESPACE/POD`, or an address outside of the cluster.
    pub(super) name: String,
}

/// The policies and the ends of a site, as they are in the cluster.
pub(super) struct Prediction {
    pub(super) policies: Vec<NamedPolicy>,
    pub(super) ends: Vec<SiteEnd>,
    endpoints: Vec<Endpoint>,
}

impl Prediction {
    /// Reads the pods of a site, their namespaces, and the policies there.
    pub(super) fn of(site: &Site) -> Prediction {
        let mut namespaces: BTreeMap<&str, Namespace> = BTreeMap::new();
        let mut policies = Vec::new();
        for (namespace, _) in site.hosts.iter().filter_map(|host| host.pod.as_ref()) {
            if namespaces.contains_key(namespace.as_str()) {
                continue;
            }
            let object = plane().api.get(&format!("/api/v1/namespaces/{namespace}")).expect("a namespace");
            namespaces.insert(namespace, Namespace::new(namespace, labels(&object)));
            policies.extend(list(namespace, "networkpolicies").iter().map(|policy| parsed(namespace, policy)));
        }
        let (mut ends, mut endpoints) = (Vec::new(), Vec::new());
        for (index, host) in site.hosts.iter().enumerate() {
            let object = host.pod.as_ref().map(|(namespace, name)| (namespace, get(namespace, "pods", name)));
            for address in &host.addresses {
                let (name, end) = match &object {
                    // One endpoint for each address, because a packet has one.
                    Some((namespace, object)) => (host.name(), End::Pods(pods(object, &namespaces[namespace.as_str()], *address))),
                    None => (address.to_string(), End::Addresses(Addresses::parse(&address.to_string()).expect("an address"))),
                };
                let id = format!("{name} {address}");
                endpoints.push(Endpoint { id, kind: "Pod".to_owned(), object: None, end, outside: object.is_none() });
                ends.push(SiteEnd { host: index, address: *address, name });
            }
        }
        Prediction { policies, ends, endpoints }
    }

    /// Returns the same without a policy.
    pub(super) fn without(mut self, policy: &str) -> Prediction {
        let before = self.policies.len();
        self.policies.retain(|named| named.name != policy);
        assert!(self.policies.len() < before, "there is no policy {policy}");
        self
    }

    /// Returns the pairs of ends that can be asked: of one family, and not of one host.
    pub(super) fn pairs(&self) -> Vec<(usize, usize)> {
        let count = self.ends.len();
        let all = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
        all.filter(|(from, to)| {
            let (from, to) = (&self.ends[*from], &self.ends[*to]);
            from.host != to.host && from.address.is_ipv4() == to.address.is_ipv4()
        })
        .collect()
    }

    /// Returns the ports that are open between pairs of ends.
    ///
    /// # Panics
    /// `reach` and `explain` differ, or a port depends on something else.
    pub(super) fn open(&self, pairs: &[(usize, usize)]) -> BTreeMap<(usize, usize), PortSet> {
        let reach = Reach::new(&self.policies, &self.endpoints);
        let mut open = BTreeMap::new();
        for (from, to) in pairs {
            let flow = reach.flow(*from, *to);
            let explained = connection(&self.policies, &self.endpoints[*from].end, &self.endpoints[*to].end, false);
            assert_eq!(
                (&flow.allowed, &flow.depends),
                (&explained.allowed, &explained.depends),
                "{} {}",
                self.ends[*from].name,
                self.ends[*to].name
            );
            assert!(flow.depends.is_empty(), "nothing depends on the plugin: {:?}", flow.reasons);
            open.insert((*from, *to), flow.allowed);
        }
        open
    }
}

fn parsed(namespace: &str, policy: &Value) -> NamedPolicy {
    let name = policy["metadata"]["name"].as_str().expect("a name").to_owned();
    let spec = Document::from(&policy["spec"]);
    let parsed = Policy::parse(&spec, Home { namespace, written_for: None });
    NamedPolicy {
        policy: parsed.unwrap_or_else(|faults| panic!("{name}: {}", faults.iter().map(ToString::to_string).collect::<String>())),
        name,
    }
}

fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
    labels.map(|(key, value)| (key.clone(), value.as_str().expect("a label").to_owned())).collect()
}

fn pods(object: &Value, namespace: &Namespace, address: IpAddr) -> Pods {
    let mut ports = PodPorts::default();
    let containers = object["spec"]["containers"].as_array().into_iter().flatten();
    for port in containers.flat_map(|container| container["ports"].as_array().into_iter().flatten()) {
        let text = |field: &str| port[field].as_str();
        let Some(name) = text("name") else { continue };
        let number = port["containerPort"].as_i64().expect("a number");
        ports.add(text("protocol").unwrap_or("TCP"), name, number, false).expect("a valid port");
    }
    Pods {
        namespace: namespace.clone(),
        labels: labels(object),
        ports: Some(ports),
        addresses: Some(vec![address]),
        // The plugin matches an `ipBlock` with the addresses of pods.
        blocks: Some(true),
        host_network: false,
        single: true,
    }
}
