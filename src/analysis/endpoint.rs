//! Endpoints: the ends of connections.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::parts::cidrs;
use super::ports::{PortSet, point};
use crate::documents::fault::{Fault, Faults, Path};
use crate::documents::text::escaped;
use crate::policy::addresses::{Cidr, Family};
use crate::policy::ports::{NamedPort, PROTOCOLS, Protocol};
use crate::policy::ranges::RangeSet;
use crate::policy::selector::NAMESPACE_NAME_KEY;

/// An end of connections, with its name.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The id, unique among the endpoints of an analysis.
    pub id: String,
    /// The kind: that of an object, or `Identity`, `Labels`, `AnyPod`, `OtherNamespaces` or `Addresses`.
    pub kind: String,
    /// The namespace and the name, if it is an object.
    pub object: Option<(String, String)>,
    /// What it is, as far as policies can tell.
    pub end: End,
    /// Whether the policies are not all that apply to it: addresses, and pods of namespaces whose policies are not known. What is
    /// between two such endpoints is not considered.
    pub outside: bool,
}

/// What an endpoint is, as far as policies can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A pod, or several pods that policies cannot tell apart.
    Pods(Pods),
    /// Addresses that are not those of pods.
    Addresses(Addresses),
}

/// A pod, or several pods that policies cannot tell apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pods {
    /// The namespace.
    pub namespace: Namespace,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The named ports of the containers; `None` if they are not known.
    pub ports: Option<PodPorts>,
    /// The addresses; `None` if they are not known.
    pub addresses: Option<Vec<IpAddr>>,
    /// Whether the network plugin matches blocks with the addresses of pods; `None` if that is not known (rule 25).
    pub blocks: Option<bool>,
    /// Whether the pods use the network of their nodes. Most network plugins then treat them as nodes (`semantics.md` rule 27).
    pub host_network: bool,
    /// Whether this is one pod, so that a connection with itself never leaves it (rule 29).
    pub single: bool,
}

/// A namespace and its labels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Namespace {
    /// The name.
    pub name: Arc<str>,
    /// The labels, with `kubernetes.io/metadata.name`.
    pub labels: Arc<BTreeMap<String, String>>,
}

/// The named ports of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodPorts {
    /// Those of its containers.
    of_containers: Vec<(NamedPort, u16)>,
    /// Those of its restartable init containers. Whether they count is not specified (rule 22).
    of_init_containers: Vec<(NamedPort, u16)>,
}

/// Addresses of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    pub(crate) family: Family,
    pub(crate) set: RangeSet<u128>,
}

/// The maximum length of a name in Kubernetes, in characters. Longer text from a file is cut.
const MAX_NAME: usize = 253;

impl Endpoint {
    /// Returns the id in words that can be printed: cut, with control characters escaped. Addresses that are no few CIDRs are those
    /// that they lack: `0.0.0.0/0 except 10.0.0.0/8`.
    pub fn title(&self) -> String {
        match &self.end {
            End::Addresses(addresses) => addresses.in_words(),
            End::Pods(_) => escaped(&self.id, MAX_NAME),
        }
    }
}

impl Namespace {
    /// Returns a namespace. Every namespace has the label `kubernetes.io/metadata.name` (rule 19).
    pub fn new(name: &str, labels: BTreeMap<String, String>) -> Namespace {
        let mut labels = labels;
        labels.insert(NAMESPACE_NAME_KEY.to_owned(), name.to_owned());
        Namespace { name: Arc::from(name), labels: Arc::new(labels) }
    }
}

impl Pods {
    /// Returns pods with these labels, of which nothing else is known.
    pub fn labeled(namespace: Namespace, labels: BTreeMap<String, String>) -> Pods {
        Pods { namespace, labels, ports: None, addresses: None, blocks: None, host_network: false, single: false }
    }
}

impl PodPorts {
    /// Adds a named port of a container, or of a restartable init container. Returns `None` if the protocol or the number is not
    /// valid.
    pub fn add(&mut self, protocol: &str, name: &str, number: i64, is_init: bool) -> Option<()> {
        let protocol = PROTOCOLS.into_iter().find(|known| known.name() == protocol)?;
        let number = u16::try_from(number).ok().filter(|number| *number > 0)?;
        let list = if is_init { &mut self.of_init_containers } else { &mut self.of_containers };
        list.push(((protocol, Arc::from(name)), number));
        Some(())
    }

    /// Returns the numbers of the ports with a name, also those of restartable init containers, as a Service finds them.
    pub fn numbers(&self, protocol: &str, name: &str) -> impl Iterator<Item = u16> {
        let all = self.of_containers.iter().chain(&self.of_init_containers);
        all.filter(move |((of, known), _)| of.name() == protocol && **known == *name).map(|(_, number)| *number)
    }

    /// Returns the same without the names that are not in `names`, sorted.
    pub(crate) fn only(&self, names: &BTreeSet<&NamedPort>) -> PodPorts {
        let of = |list: &[(NamedPort, u16)]| {
            let mut list: Vec<_> = list.iter().filter(|(name, _)| names.contains(name)).cloned().collect();
            list.sort();
            list
        };
        PodPorts { of_containers: of(&self.of_containers), of_init_containers: of(&self.of_init_containers) }
    }

    /// Returns the ports that a name resolves to, and those that it may also resolve to.
    pub(crate) fn resolve(&self, name: &NamedPort) -> (PortSet, PortSet) {
        let of = |list: &[(NamedPort, u16)]| {
            let found = list.iter().filter(|(known, _)| known == name).map(|(_, number)| point(name.0, *number));
            PortSet::of(&RangeSet::new(found.map(|point| (point, point))))
        };
        (of(&self.of_containers), of(&self.of_init_containers))
    }
}

impl Addresses {
    /// Returns the endpoint of the addresses. Its id is their CIDRs.
    pub fn endpoint(self) -> Endpoint {
        let id = self.cidrs().join(",");
        Endpoint { id, kind: "Addresses".to_owned(), object: None, end: End::Addresses(self), outside: true }
    }

    /// Returns every address of both families.
    pub fn world() -> [Addresses; 2] {
        [Family::V4, Family::V6].map(|family| Addresses { family, set: family.every_address() })
    }

    /// Returns the addresses of a CIDR, or a single address.
    ///
    /// # Errors
    /// Returns what is wrong with the text.
    pub fn parse(text: &str) -> Result<Addresses, Vec<Fault>> {
        let mut faults = Faults::default();
        let whole = if text.contains('/') {
            text.to_owned()
        } else {
            let family = if text.contains(':') { Family::V6 } else { Family::V4 };
            format!("{text}/{}", family.bits())
        };
        let cidr = Cidr::parse(&whole, &Path::Root(text), &mut faults);
        let addresses = cidr.map(|cidr| Addresses { family: cidr.family, set: RangeSet::new([(cidr.first, cidr.last)]) });
        faults.into_result(addresses).map(|addresses| addresses.unwrap_or_else(|| Addresses { family: Family::V4, set: RangeSet::new([]) }))
    }

    /// Returns every address of the same family.
    #[must_use]
    pub fn whole(&self) -> Addresses {
        Addresses { family: self.family, set: self.family.every_address() }
    }

    /// Returns all other addresses of the same family.
    #[must_use]
    pub fn others(&self) -> Addresses {
        Addresses { family: self.family, set: self.family.every_address().less(&self.set) }
    }

    fn in_words(&self) -> String {
        let (cidrs, lacking) = (self.cidrs(), self.others().cidrs());
        if lacking.is_empty() || lacking.len() >= cidrs.len() {
            return cidrs.join(",");
        }
        format!("{} except {}", self.whole().cidrs().join(","), lacking.join(","))
    }

    /// Returns the CIDRs that the addresses consist of, in order.
    pub fn cidrs(&self) -> Vec<String> {
        cidrs(self.family, &self.set)
    }
}

impl fmt::Debug for Pods {
    /// Without labels: labels of abcdesktop's pods hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "pods of {} with {} labels", self.namespace.name, self.labels.len())
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "namespace {}", self.name)
    }
}

/// Returns an address as a number of its family.
pub(crate) fn number(address: IpAddr) -> (Family, u128) {
    match address {
        IpAddr::V4(address) => (Family::V4, u128::from(u32::from(address))),
        IpAddr::V6(address) => (Family::V6, u128::from(address)),
    }
}

/// Returns an address from its number.
pub(crate) fn address(family: Family, number: u128) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or_default())),
        Family::V6 => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

/// Returns every port that an unknown named port of a protocol may resolve to.
pub(crate) fn unknown(protocol: Protocol) -> PortSet {
    PortSet::whole(protocol)
}
