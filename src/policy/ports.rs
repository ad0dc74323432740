//! Ports: numbers of each protocol as one set, names beside it (rules 15, 20 to 22).

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

/// The numbers of one protocol lie this far from those of the next on the line of all ports.
const STRIDE: u32 = 1 << 16;
/// The last port number.
const LAST: u32 = 65_535;
/// All that no protocol of NetworkPolicy carries, as one point of the line: only a rule without ports allows it (2b.5).
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

    /// The first and last point of its ports.
    pub(crate) fn all(self) -> (u32, u32) {
        (self.base() + 1, self.base() + LAST)
    }

    /// The protocol and number of a point; `None` for [`OTHER_PROTOCOLS`].
    pub(crate) fn of(point: u32) -> Option<(Protocol, u32)> {
        let protocol = PROTOCOLS.into_iter().find(|protocol| point <= protocol.all().1)?;
        Some((protocol, point - protocol.base()))
    }
}

/// A named port: resolved on the destination pod, so the same as no number (rule 22).
pub(crate) type NamedPort = (Protocol, Arc<str>);

/// The ports of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Ports {
    pub(crate) numbers: RangeSet<u32>,
    /// Sorted, each once; none of a protocol whose numbers are all there (2a.5).
    pub(crate) names: Arc<[NamedPort]>,
}

/// Every port of every protocol, those that are not defined included.
pub(crate) fn every_port() -> RangeSet<u32> {
    static EVERY_PORT: LazyLock<RangeSet<u32>> =
        LazyLock::new(|| RangeSet::new(PROTOCOLS.map(Protocol::all).into_iter().chain([(OTHER_PROTOCOLS, OTHER_PROTOCOLS)])));
    EVERY_PORT.clone()
}

impl Ports {
    /// Reads the `ports` of a rule: none is every port of every protocol.
    pub(crate) fn read<'n>(rule: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Ports {
        let entries = faults.list(rule, "ports", field);
        if entries.is_empty() {
            return Ports { numbers: every_port(), names: Arc::default() };
        }
        let list = field.key("ports");
        let mut numbers = Vec::with_capacity(entries.len());
        let mut names = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match read_entry(entry, &list.index(index), faults) {
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

    /// How many ranges and names it lists.
    pub(crate) fn len(&self) -> usize {
        self.numbers.ranges().len() + self.names.len()
    }
}

/// Whether a set has every number of a protocol.
fn is_whole(numbers: &RangeSet<u32>, protocol: Protocol) -> bool {
    let (first, last) = protocol.all();
    numbers.ranges().iter().any(|(begin, end)| *begin <= first && last <= *end)
}

enum Entry {
    Numbers(u32, u32),
    Name(NamedPort),
}

fn read_entry<'n>(node: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<Entry> {
    let entry = faults.map(node, field, &["protocol", "port", "endPort"])?;
    let protocol = match faults.string(entry, "protocol", field) {
        None | Some("TCP") => Protocol::Tcp,
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        Some(_) => {
            faults.add(&field.key("protocol"), FaultKind::Invalid, "must be TCP, UDP or SCTP, in upper case");
            return None;
        }
    };
    let end_field = field.key("endPort");
    let end = entry.get("endPort");
    match entry.get("port") {
        None => {
            if end.is_some() {
                faults.add(&end_field, FaultKind::Invalid, "needs a port to begin at");
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
                    faults.wrong_type(other, &end_field, "a whole number");
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
                let hint = if name.bytes().all(|letter| letter.is_ascii_digit()) { "; write a number without quotes" } else { "" };
                let message = format!("a port name has 1 to 15 lower-case letters, digits and single hyphens, a letter among them{hint}");
                faults.add(&field.key("port"), FaultKind::Invalid, message);
            }
            if end.is_some() {
                faults.add(&end_field, FaultKind::Invalid, "needs a numeric port");
            }
            Some(Entry::Name((protocol, Arc::from(name.as_ref()))))
        }
        Some(other) => {
            faults.wrong_type(other, &field.key("port"), "a whole number or a name");
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
