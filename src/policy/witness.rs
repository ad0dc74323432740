//! Witnesses: concrete connections that show a difference.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use super::addresses::Family;
use super::direction::Direction;
use super::ports::{NamedPort, OTHER_PROTOCOLS, PROTOCOLS, Protocol, every_port};
use super::ranges::RangeSet;
use super::selector::{NAMESPACE_NAME_KEY, Requirement, Selector};
use super::traffic::{PeerSet, Piece};
use super::words::list;

/// The ports that a witness prefers, because they are well known.
const WELL_KNOWN: [u32; 2] = [443, 80];
/// The IPv4 address that a witness prefers: the metadata service of cloud providers, `169.254.169.254`.
const PREFERRED_V4: u128 = 0xA9FE_A9FE;
/// The IPv6 address that a witness prefers: an address for documentation, `2001:db8::1`.
const PREFERRED_V6: u128 = 0x2001_0DB8 << 96 | 1;
/// The IPv4 address that a witness prefers for a pod: `10.0.0.1`.
const PREFERRED_POD_V4: u128 = 0x0A00_0001;

/// A connection that a policy allows and the canon does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// The pod that the policy selects, in words: `a pod labeled netpol/memcached=true`.
    pub subject: String,
    /// Whether the selected pod is the destination (ingress) or the source (egress).
    pub direction: Direction,
    /// The other end, in words: `pods run=memcached-od`, `10.1.2.3`.
    pub peer: String,
    /// `TCP`, `UDP`, `SCTP` or `other` (a protocol that NetworkPolicy does not define).
    pub protocol: String,
    /// A port number or name. `None` for the protocol `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// How many other ports the two ends could use.
    #[serde(skip)]
    pub extent: Extent,
    /// Both ends as data.
    #[serde(skip)]
    pub ends: Box<Ends>,
}

/// The two ends of a witness. A pod has exactly these labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    /// The labels of the pod that the policy selects.
    pub subject: BTreeMap<String, String>,
    /// The other end.
    pub peer: OtherEnd,
}

/// The end of a witness that the policy does not select.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OtherEnd {
    /// A pod of the namespace of the policy, with these labels.
    Pod(BTreeMap<String, String>),
    /// A pod with these labels in a namespace with those, which include its name if the policy asks for it.
    Neighbor(BTreeMap<String, String>, BTreeMap<String, String>),
    /// An address.
    Address(IpAddr),
    /// An end that has neither, such as a node.
    #[default]
    Unknown,
}

/// How many ports the two ends of a witness could use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extent {
    /// The port of the witness, and possibly others.
    #[default]
    Some,
    /// Every port and protocol but a few ports.
    AlmostEvery,
    /// Every port of every protocol.
    Every,
}

impl Witness {
    /// Returns the sentence of the witness. If it stands for every port of every protocol, the sentence says so, and has the
    /// port as an example: a single port would look like the whole difference.
    pub fn with_extent(&self) -> String {
        let extent = match self.extent {
            Extent::Some => return self.to_string(),
            Extent::AlmostEvery => "almost every port of every protocol",
            Extent::Every => "every port of every protocol",
        };
        let (from, to) = self.ends();
        format!("{from} could reach {to} on {extent}, for example {}", self.protocol_and_port())
    }

    /// Returns the source and the destination.
    fn ends(&self) -> (&str, &str) {
        match self.direction {
            Direction::Egress => (&self.subject, &self.peer),
            Direction::Ingress => (&self.peer, &self.subject),
        }
    }

    fn protocol_and_port(&self) -> String {
        let port = self.port.as_deref().map(|port| format!(" {port}")).unwrap_or_default();
        format!("{}{port}", self.protocol)
    }
}

impl fmt::Display for Witness {
    /// One sentence without a period at its end: "a pod labeled netpol/memcached=true could reach pods run=memcached-od on TCP 443".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = self.ends();
        write!(formatter, "{from} could reach {to} on {}", self.protocol_and_port())
    }
}

/// Returns one connection of a piece. `name` is the named port that the piece represents, if any.
pub(crate) fn witness((piece, name): &(Piece, Option<NamedPort>), direction: Direction, home: &str) -> Witness {
    let (protocol, port) = match name {
        Some((protocol, name)) => (Some(*protocol), Some(name.to_string())),
        None => match chosen_port(&piece.numbers) {
            Some((protocol, number)) => (Some(protocol), Some(number.to_string())),
            None => (None, None),
        },
    };
    Witness {
        subject: subject(&piece.subject),
        direction,
        peer: match (&piece.peer, direction, name) {
            (PeerSet::Addresses(family, addresses), Direction::Egress, Some(_)) => pod_in_block(*family, addresses),
            (peer, ..) => chosen_peer(peer, home),
        },
        protocol: protocol.map_or("other", Protocol::name).to_owned(),
        port,
        extent: if name.is_some() { Extent::Some } else { extent(&piece.numbers) },
        ends: Box::new(Ends { subject: examples(&piece.subject), peer: other_end(&piece.peer, home) }),
    }
}

/// Returns labels that a selector accepts, without any that it does not require.
fn examples(selector: &Selector) -> BTreeMap<String, String> {
    selector.entries().iter().filter_map(|(key, values)| Some((key.to_string(), values.example()?.to_string()))).collect()
}

/// Returns the end that [`chosen_peer`] names.
fn other_end(peer: &PeerSet, home: &str) -> OtherEnd {
    match peer {
        PeerSet::Pods { namespaces, pods } if namespaces.matches(|key| (key == NAMESPACE_NAME_KEY).then_some(home)) => {
            OtherEnd::Pod(examples(pods))
        }
        PeerSet::Pods { namespaces, pods } => OtherEnd::Neighbor(examples(pods), examples(namespaces)),
        PeerSet::Addresses(family, addresses) => {
            chosen_address(*family, addresses, PREFERRED_V4).parse().map_or(OtherEnd::Unknown, OtherEnd::Address)
        }
        PeerSet::Others => OtherEnd::Unknown,
    }
}

/// The number of ports from which a rule without ports is said to open almost every port.
const ALMOST_EVERY: u32 = 3 * 60_000;

/// Returns how many ports a set has. Only a rule without ports allows other protocols.
fn extent(numbers: &RangeSet<u32>) -> Extent {
    let count: u32 = numbers.ranges().iter().map(|(first, last)| last - first + 1).sum();
    match numbers.contains(OTHER_PROTOCOLS) {
        true if *numbers == every_port() => Extent::Every,
        true if count >= ALMOST_EVERY => Extent::AlmostEvery,
        _ => Extent::Some,
    }
}

fn chosen_port(numbers: &RangeSet<u32>) -> Option<(Protocol, u32)> {
    let known = PROTOCOLS
        .into_iter()
        .flat_map(|protocol| WELL_KNOWN.map(|number| protocol.all().0 - 1 + number))
        .find(|point| numbers.contains(*point));
    let first = || numbers.ranges().first().map(|(first, _)| *first);
    known.or_else(first).and_then(Protocol::of)
}

fn subject(selector: &Selector) -> String {
    let labels = labels(selector);
    if labels.is_empty() { "any pod of the namespace".to_owned() } else { format!("a pod {labels}") }
}

/// Returns labels that a selector accepts: `labeled a=b, c=d without the label e`, or an empty string if any labels do.
fn labels(selector: &Selector) -> String {
    labels_of(selector.entries().iter())
}

fn labels_of<'s>(entries: impl Iterator<Item = &'s Requirement>) -> String {
    let mut with = Vec::new();
    let mut without = Vec::new();
    for (key, values) in entries {
        match values.example() {
            Some(value) => with.push(format!("{key}={value}")),
            None => without.push(key.as_ref()),
        }
    }
    match (with.is_empty(), without.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!("labeled {}", list(with.iter())),
        (true, false) => format!("without the label {}", list(without.iter())),
        (false, false) => format!("labeled {} without the label {}", list(with.iter()), list(without.iter())),
    }
}

fn chosen_peer(peer: &PeerSet, home: &str) -> String {
    match peer {
        PeerSet::Pods { namespaces, pods } => {
            let place = place(namespaces, home);
            match required_labels(pods) {
                Some(labels) => format!("pods {labels}{place}"),
                None if pods.is_all() => format!("any pod{place}"),
                None => format!("pods {}{place}", labels(pods)),
            }
        }
        PeerSet::Addresses(family, addresses) => chosen_address(*family, addresses, PREFERRED_V4),
        PeerSet::Others => "an endpoint that is neither a pod nor in an ipBlock (a node)".to_owned(),
    }
}

fn chosen_address(family: Family, addresses: &RangeSet<u128>, preferred_v4: u128) -> String {
    let preferred = match family {
        Family::V4 => preferred_v4,
        Family::V6 => PREFERRED_V6,
    };
    let first = addresses.ranges().first().map(|(first, _)| *first);
    let address = if addresses.contains(preferred) { Some(preferred) } else { first };
    address.map(|address| family.text(address)).unwrap_or_default()
}

/// Returns the peer of an egress rule with a named port and a block: a pod, because only pods have named ports.
fn pod_in_block(family: Family, addresses: &RangeSet<u128>) -> String {
    format!("a pod with address {}", chosen_address(family, addresses, PREFERRED_POD_V4))
}

/// Returns a namespace that a selector accepts, after a space. Empty for the policy's own namespace.
fn place(namespaces: &Selector, home: &str) -> String {
    let (name, others): (Vec<_>, Vec<_>) = namespaces.entries().iter().partition(|(key, _)| **key == *NAMESPACE_NAME_KEY);
    let labels = labels_of(others.into_iter());
    let name = match name.first() {
        None if labels.is_empty() => return " in any namespace".to_owned(),
        None => return format!(" in a namespace {labels}"),
        Some((_, names)) if names.is_finite() => names.example().map(|name| name.to_string()).unwrap_or_default(),
        Some((_, names)) => return format!(" in a namespace other than {}{}", list(names.listed().iter()), comma(&labels)),
    };
    match (name == home, labels.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!(" of the namespace{}", comma(&labels)),
        (false, _) => format!(" in namespace {name}{}", comma(&labels)),
    }
}

fn comma(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!(", which is {labels}") }
}

/// Returns labels as `key=value`, or `None` unless every key must be present.
fn required_labels(selector: &Selector) -> Option<String> {
    let pairs: Option<Vec<String>> =
        selector.entries().iter().map(|(key, values)| values.example().map(|value| format!("{key}={value}"))).collect();
    pairs.filter(|pairs| !pairs.is_empty()).map(|pairs| list(pairs.iter()).replace(", ", ","))
}
