//! Ports: the numbers of all protocols as one set, and named ports (rules 15, 20 to 22).

use std::sync::{Arc, LazyLock};

use super::ranges::RangeSet;
use crate::documents::fault::{FaultKind, Faults, Path};
use crate::documents::names::is_port_name;
use crate::documents::node::Node;

/// The protocols that NetworkPolicy defines (rule 30).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

pub(crate) const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

/// The offset between the port numbers of two protocols in the set of all ports.
const STRIDE: u32 = 1 << 16;
/// The highest port number.
const LAST: u32 = 65_535;
/// All protocols that NetworkPolicy does not define, as one point of the set. Only a rule without ports allows it (2b.5).
pub(crate) const OTHER_PROTOCOLS: u32 = 3 * STRIDE + 1;

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        }
    }

    fn base(self) -> u32 {
        match self {
            Protocol::Tcp => 0,
            Protocol::Udp => STRIDE,
            Protocol::Sctp => 2 * STRIDE,
        }
    }

    /// Returns the first and the last point of its ports.
    pub(crate) fn all(self) -> (u32, u32) {
        (self.base() + 1, self.base() + LAST)
    }

    /// Returns the protocol and port number of a point, or `None` for [`OTHER_PROTOCOLS`].
    pub(crate) fn of(point: u32) -> Option<(Protocol, u32)> {
        let protocol = PROTOCOLS.into_iter().find(|protocol| point <= protocol.all().1)?;
        Some((protocol, point - protocol.base()))
    }
}

/// A named port. It is resolved on the destination pod, so it equals no number (rule 22).
pub(crate) type NamedPort = (Protocol, Arc<str>);

/// The ports of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Ports {
    pub(crate) numbers: RangeSet<u32>,
    /// Sorted and without duplicates. A protocol with all of its numbers has no names (2a.5).
    pub(crate) names: Arc<[NamedPort]>,
}

/// Returns every port of every protocol, including undefined protocols.
pub(crate) fn every_port() -> RangeSet<u32> {
    static EVERY_PORT: LazyLock<RangeSet<u32>> =
        LazyLock::new(|| RangeSet::new(PROTOCOLS.map(Protocol::all).into_iter().chain([(OTHER_PROTOCOLS, OTHER_PROTOCOLS)])));
    EVERY_PORT.clone()
}

impl Ports {
    /// Parses the `ports` of a rule. No entry means every port of every protocol.
    pub(crate) fn parse<'n>(rule: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Ports {
        let entries = faults.list(rule, "ports", field);
        if entries.is_empty() {
            return Ports { numbers: every_port(), names: Arc::default() };
        }
        let list = field.key("ports");
        let mut numbers = Vec::with_capacity(entries.len());
        let mut names = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match parse_entry(entry, &list.index(index), faults) {
                Some(Entry::Numbers(first, last)) => numbers.push((first, last)),
                Some(Entry::Name(named)) => names.push(named),
                None => {}
            }
        }
        Ports::new(RangeSet::new(numbers), names)
    }

    pub(crate) fn new(numbers: RangeSet<u32>, mut names: Vec<NamedPort>) -> Ports {
        let whole = PROTOCOLS.map(|protocol| is_whole(&numbers, protocol).then_some(protocol));
        names.retain(|(protocol, _)| !whole.contains(&Some(*protocol)));
        names.sort_unstable();
        names.dedup();
        Ports { numbers, names: names.into() }
    }

    /// Returns the number of ranges and names.
    pub(crate) fn len(&self) -> usize {
        self.numbers.ranges().len() + self.names.len()
    }
}

/// Returns whether a set has every number of a protocol.
fn is_whole(numbers: &RangeSet<u32>, protocol: Protocol) -> bool {
    let (first, last) = protocol.all();
    numbers.ranges().iter().any(|(begin, end)| *begin <= first && last <= *end)
}

enum Entry {
    Numbers(u32, u32),
    Name(NamedPort),
}

fn parse_entry<'n>(node: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<Entry> {
    let entry = faults.map(node, field, &["protocol", "port", "endPort"])?;
    let protocol = match faults.string(entry, "protocol", field) {
        None | Some("TCP") => Protocol::Tcp,
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        Some(_) => {
            faults.add(&field.key("protocol"), FaultKind::Invalid, "must be TCP, UDP or SCTP, in uppercase");
            return None;
        }
    };
    let end_field = field.key("endPort");
    let end = entry.get("endPort");
    match entry.get("port") {
        None => {
            if end.is_some() {
                faults.add(&end_field, FaultKind::Invalid, "requires a port, which is the start of the range");
            }
            let (first, last) = protocol.all();
            Some(Entry::Numbers(first, last))
        }
        Some(Node::Integer(number)) => {
            let first = port_number(*number, &field.key("port"), faults)?;
            let last = match end {
                None => first,
                Some(Node::Integer(number)) => port_number(*number, &end_field, faults)?,
                Some(other) => {
                    faults.wrong_type(other, &end_field, "an integer");
                    return None;
                }
            };
            if last < first {
                faults.add(&end_field, FaultKind::Invalid, format!("must not be less than port {first}"));
            }
            Some(Entry::Numbers(protocol.base() + first, protocol.base() + last))
        }
        Some(Node::String(name)) => {
            if !is_port_name(name) {
                let hint = if name.bytes().all(|letter| letter.is_ascii_digit()) { "; remove the quotes from a port number" } else { "" };
                let message =
                    format!("must be a port name of 1 to 15 lowercase letters, digits and single hyphens, with at least one letter{hint}");
                faults.add(&field.key("port"), FaultKind::Invalid, message);
            }
            if end.is_some() {
                faults.add(&end_field, FaultKind::Invalid, "requires a port number, not a port name");
            }
            Some(Entry::Name((protocol, Arc::from(name.as_ref()))))
        }
        Some(other) => {
            faults.wrong_type(other, &field.key("port"), "an integer or a port name");
            None
        }
    }
}

fn port_number(number: i64, field: &Path<'_>, faults: &mut Faults) -> Option<u32> {
    let port = u32::try_from(number).ok().filter(|port| (1..=LAST).contains(port));
    if port.is_none() {
        faults.add(field, FaultKind::Invalid, "must be from 1 to 65535");
    }
    port
}
