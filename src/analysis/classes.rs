//! Classes of endpoints: those that policies cannot tell apart.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::connection::NamedPolicy;
use super::endpoint::{self, End, Endpoint, Namespace, Pods};
use super::parts::Partition;
use crate::policy::addresses::Family;
use crate::policy::ports::NamedPort;
use crate::policy::{Direction, Policy, Selector};

/// What policies read of endpoints.
#[derive(Debug)]
pub struct Reader<'w> {
    of_pods: BTreeSet<&'w str>,
    of_namespaces: BTreeSet<&'w str>,
    ports: BTreeSet<&'w NamedPort>,
    /// The parts of all addresses of each family.
    parts: [Partition; 2],
}

impl<'w> Reader<'w> {
    /// Returns what policies read.
    pub fn new(policies: &'w [NamedPolicy]) -> Reader<'w> {
        let all = || policies.iter().map(|named| &named.policy);
        let rules = |direction| all().filter_map(move |policy| policy.rules(direction)).flat_map(|rules| &rules.written);
        let names = [Direction::Ingress, Direction::Egress].into_iter().flat_map(rules).flat_map(|rule| rule.ports.names.iter());
        Reader {
            of_pods: all().flat_map(Policy::pod_selectors).flat_map(Selector::keys).collect(),
            of_namespaces: all().flat_map(Policy::namespace_selectors).flat_map(Selector::keys).collect(),
            ports: names.collect(),
            parts: [Family::V4, Family::V6].map(|family| Partition::new(family, all())),
        }
    }

    /// Returns an endpoint with only what policies read of it. Endpoints of which that is equal have the same connections, except
    /// of a single pod with itself.
    pub fn read(&self, end: &End) -> End {
        let End::Pods(pods) = end else { return end.clone() };
        let keep = |labels: &BTreeMap<String, String>, keys: &BTreeSet<&str>| -> BTreeMap<String, String> {
            let is_read = |(key, _): &(&String, &String)| keys.contains(key.as_str());
            labels.iter().filter(is_read).map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let namespace = Namespace { name: pods.namespace.name.clone(), labels: keep(&pods.namespace.labels, &self.of_namespaces).into() };
        End::Pods(Pods {
            namespace,
            labels: keep(&pods.labels, &self.of_pods),
            ports: if self.ports.is_empty() { None } else { pods.ports.as_ref().map(|ports| ports.only(&self.ports)) },
            addresses: pods.addresses.as_ref().map(|addresses| self.representatives(addresses)),
            blocks: pods.blocks,
            host_network: pods.host_network,
            single: false,
        })
    }

    /// Returns the first address of the part that each address is in.
    fn representatives(&self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        let first = |of: &IpAddr| {
            let (family, number) = endpoint::number(*of);
            let part = self.parts.iter().find(|parts| parts.family == family)?.part_of(number)?;
            part.ranges().first().map(|(first, _)| endpoint::address(family, *first))
        };
        addresses.iter().filter_map(first).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Endpoints of which several pods can be one.
#[derive(Debug, Clone, Default)]
pub struct Classes {
    /// The endpoints. Pods that policies cannot tell apart are one, with the id of the first.
    pub endpoints: Vec<Endpoint>,
    /// The names of the pods of each endpoint that is several pods, by its id.
    pub pods: BTreeMap<String, Vec<String>>,
}

/// Returns endpoints, with one for all pods of a namespace that policies cannot tell apart. An endpoint for which `is_own` returns
/// true stays one of its own.
pub fn by_class(policies: &[NamedPolicy], endpoints: &[Endpoint], is_own: impl Fn(&Endpoint) -> bool) -> Classes {
    let reader = Reader::new(policies);
    by_key(endpoints, |endpoint| match reader.read(&endpoint.end) {
        End::Pods(pods) if !is_own(endpoint) => Some(pods),
        _ => None,
    })
}

/// Returns endpoints, with one for all pods that have the same key.
pub fn by_key<K: Ord>(endpoints: &[Endpoint], key: impl Fn(&Endpoint) -> Option<K>) -> Classes {
    let mut classes = Classes::default();
    let mut members: Vec<Vec<String>> = Vec::new();
    let mut known: BTreeMap<(K, bool), usize> = BTreeMap::new();
    for endpoint in endpoints {
        let object = endpoint.object.as_ref().filter(|_| endpoint.kind == "Pod");
        let names = object.map(|(_, name)| name.clone());
        let place = match names.as_ref().and_then(|_| key(endpoint)) {
            Some(key) => *known.entry((key, endpoint.outside)).or_insert(members.len()),
            None => members.len(),
        };
        if let Some(members) = members.get_mut(place) {
            members.extend(names);
        } else {
            members.push(names.into_iter().collect());
            classes.endpoints.push(endpoint.clone());
        }
    }
    for (endpoint, names) in classes.endpoints.iter_mut().zip(members).filter(|(_, names)| names.len() > 1) {
        if let End::Pods(pods) = &mut endpoint.end {
            pods.single = false;
        }
        classes.pods.insert(endpoint.id.clone(), names);
    }
    classes
}
