//! A set of ports as the result of an analysis.

use std::fmt;

use crate::policy::ports::{PROTOCOLS, Protocol, every_port};
use crate::policy::ranges::RangeSet;
use crate::policy::words;

/// A set of port numbers of TCP, UDP and SCTP, and the protocols that NetworkPolicy does not define.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PortSet(RangeSet<u32>);

impl PortSet {
    /// Returns the set without a port.
    pub fn none() -> PortSet {
        PortSet(RangeSet::new([]))
    }

    /// Returns every port of every protocol.
    pub fn every() -> PortSet {
        PortSet(every_port())
    }

    /// Returns one port, or `None` if the protocol is not `TCP`, `UDP` or `SCTP`, or the number is 0.
    pub fn one(protocol: &str, number: u16) -> Option<PortSet> {
        let protocol = PROTOCOLS.into_iter().find(|known| known.name() == protocol)?;
        (number > 0).then(|| PortSet(RangeSet::new([(point(protocol, number), point(protocol, number))])))
    }

    /// Returns every port of one protocol.
    pub(crate) fn whole(protocol: Protocol) -> PortSet {
        PortSet(RangeSet::new([protocol.all()]))
    }

    pub(crate) fn of(numbers: &RangeSet<u32>) -> PortSet {
        PortSet(numbers.clone())
    }

    /// Returns whether no port is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether every port of this set is in `other`.
    pub fn is_subset(&self, other: &PortSet) -> bool {
        self.less(other).is_empty()
    }

    /// Returns the ports of both sets together.
    #[must_use]
    pub fn or(&self, other: &PortSet) -> PortSet {
        PortSet::union([self, other])
    }

    /// Returns the ports that are in both sets.
    #[must_use]
    pub fn and(&self, other: &PortSet) -> PortSet {
        PortSet(self.0.less(&self.0.less(&other.0)))
    }

    /// Returns the ports that are in this set and not in `other`.
    #[must_use]
    pub fn less(&self, other: &PortSet) -> PortSet {
        PortSet(self.0.less(&other.0))
    }

    /// Returns the ports of all sets together.
    pub fn union<'s>(sets: impl IntoIterator<Item = &'s PortSet>) -> PortSet {
        PortSet(RangeSet::new(sets.into_iter().flat_map(|set| set.0.ranges().iter().copied())))
    }

    /// Returns the port numbers of each protocol that has some, as `80` or `8000-8010`, in the order TCP, UDP, SCTP.
    pub fn by_protocol(&self) -> impl Iterator<Item = (&'static str, Vec<String>)> {
        PROTOCOLS.into_iter().filter_map(|protocol| {
            let (base, end) = protocol.all();
            let overlapping = self.0.ranges().iter().filter(|(first, last)| base <= *last && *first <= end);
            let numbers = overlapping.map(|(first, last)| (first.max(&base) - base + 1, last.min(&end) - base + 1));
            let text = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
            let listed: Vec<String> = numbers.map(text).collect();
            (!listed.is_empty()).then(|| (protocol.name(), listed))
        })
    }
}

impl fmt::Display for PortSet {
    /// `TCP 80, 443, UDP 53`, `every port of every protocol`, or `no port`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = words::ports(&self.0, &[]);
        formatter.write_str(if text.is_empty() { "no port" } else { &text })
    }
}

/// Returns the point of a port number in the set of all ports.
pub(crate) fn point(protocol: Protocol, number: u16) -> u32 {
    protocol.all().0 - 1 + u32::from(number)
}
