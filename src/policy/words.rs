//! Selectors, peers, ports and witnesses in words, as people who live in `kubectl` write them.

use std::fmt::{self, Write as _};

use super::addresses::Family;
use super::ports::{NamedPort, OTHER_PROTOCOLS, PROTOCOLS, Ports, Protocol, every_port};
use super::ranges::RangeSet;
use super::selector::{NAMESPACE_NAME_KEY, Requirement, Selector};
use super::traffic::{PeerSet, Piece};
use super::values::ValueSet;
use super::{Direction, Witness};

/// How many values, ports or keys of a list are spelled out.
const MAX_LISTED: usize = 16;
/// The ports that a witness prefers where it may choose: people know what they are.
const WELL_KNOWN: [u32; 2] = [443, 80];
/// The addresses that a witness prefers: the metadata service of clouds, and a documentation address.
const TELLING_V4: u128 = 0xA9FE_A9FE;
const TELLING_V6: u128 = 0x2001_0DB8 << 96 | 1;

impl fmt::Display for Selector {
    /// As `kubectl get -l` takes it: `run=memcached-od,!legacy,tier in (a, b)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("nothing");
        }
        if self.is_all() {
            return formatter.write_str("everything");
        }
        for (index, (key, values)) in self.entries().iter().enumerate() {
            if index == MAX_LISTED {
                return write!(formatter, ",… and {} more keys", self.entries().len() - index);
            }
            if index > 0 {
                formatter.write_str(",")?;
            }
            requirement(formatter, key, values)?;
        }
        Ok(())
    }
}

fn requirement(formatter: &mut fmt::Formatter<'_>, key: &str, values: &ValueSet) -> fmt::Result {
    match (values.accepts_absence(), values.is_finite(), values.listed()) {
        (false, true, [value]) => write!(formatter, "{key}={value}"),
        (true, true, []) => write!(formatter, "!{key}"),
        (false, false, []) => formatter.write_str(key),
        (true, false, [value]) => write!(formatter, "{key}!={value}"),
        (absent, finite, listed) => {
            if !finite && !absent {
                write!(formatter, "{key},")?;
            }
            write!(formatter, "{key} {} ({})", if finite { "in" } else { "notin" }, list(listed.iter()))?;
            if finite && absent { formatter.write_str(" or absent") } else { Ok(()) }
        }
    }
}

fn list<T: fmt::Display>(items: impl ExactSizeIterator<Item = T>) -> String {
    list_of(items.len(), items)
}

/// The first of `count` items, and how many more there are; only those that are listed are made.
fn list_of<T: fmt::Display>(count: usize, items: impl Iterator<Item = T>) -> String {
    let mut text = String::new();
    for (index, item) in items.take(MAX_LISTED).enumerate() {
        // Writing to a string does not fail.
        let _ = write!(text, "{}{item}", if index > 0 { ", " } else { "" });
    }
    if count > MAX_LISTED {
        let _ = write!(text, ", … and {} more", count - MAX_LISTED);
    }
    text
}

/// The peers of a set: `pods run=memcached-od`, `every address of 10.0.0.0-10.255.255.255`.
pub(crate) fn peers(peers: &PeerSet, home: &str) -> String {
    match peers {
        PeerSet::Pods { namespaces, pods } => {
            let place = if is_home(namespaces, home) {
                String::new()
            } else if namespaces.is_all() {
                " in every namespace".to_owned()
            } else {
                format!(" in namespaces {namespaces}")
            };
            if pods.is_all() {
                format!("every pod{}", if place.is_empty() { " of the namespace" } else { &place })
            } else {
                format!("pods {pods}{place}")
            }
        }
        PeerSet::Addresses(family, addresses) if *addresses == family.every_address() => match family {
            Family::V4 => "every IPv4 address".to_owned(),
            Family::V6 => "every IPv6 address".to_owned(),
        },
        PeerSet::Addresses(family, addresses) => {
            let range = |(first, last): &(u128, u128)| {
                if first == last { family.text(*first) } else { format!("{}-{}", family.text(*first), family.text(*last)) }
            };
            format!("addresses {}", list(addresses.ranges().iter().map(range)))
        }
        PeerSet::Others => OTHERS.to_owned(),
    }
}

const OTHERS: &str = "endpoints that are neither pods nor in an ipBlock (nodes)";

fn is_home(namespaces: &Selector, home: &str) -> bool {
    namespaces.keys().eq([NAMESPACE_NAME_KEY]) && namespaces.required_values(NAMESPACE_NAME_KEY).is_some_and(|values| values.eq([home]))
}

/// Ports in words: `TCP 80, 443, 8000-8080, UDP 53`, `every port`, `TCP http`.
pub(crate) fn ports(numbers: &RangeSet<u32>, names: &[NamedPort]) -> String {
    if *numbers == every_port() {
        return "every port of every protocol".to_owned();
    }
    let mut parts = Vec::new();
    for protocol in PROTOCOLS {
        let (base, end) = protocol.all();
        let ranges = numbers.ranges().iter().filter(|(first, last)| base <= *last && *first <= end);
        let names = names.iter().filter(|(of, _)| *of == protocol);
        let count = ranges.clone().count() + names.clone().count();
        // Ranges of two protocols never touch, but those of all protocols may be one piece in a residue.
        let ranges = ranges.map(|(first, last)| (first.max(&base) - base + 1, last.min(&end) - base + 1));
        let ranges = ranges.map(|(first, last)| match last - first {
            0 => first.to_string(),
            65_534 => "every port".to_owned(),
            _ => format!("{first}-{last}"),
        });
        if count > 0 {
            parts.push(format!("{} {}", protocol.name(), list_of(count, ranges.chain(names.map(|(_, name)| name.to_string())))));
        }
    }
    if numbers.contains(OTHER_PROTOCOLS) {
        let alone = parts.is_empty();
        parts.push(format!("protocols other than TCP, UDP and SCTP{}", if alone { " (the same for TCP, UDP and SCTP)" } else { "" }));
    }
    parts.join(", ")
}

pub(crate) fn ports_of(ports_of_rule: &Ports) -> String {
    ports(&ports_of_rule.numbers, &ports_of_rule.names)
}

/// The witness that a piece holds, with the named port that it stands for, if any.
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
        peer: chosen_peer(&piece.peer, home),
        protocol: protocol.map_or("other", Protocol::name).to_owned(),
        port,
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

/// One choice of labels that a selector accepts: `labeled a=b, c=d without e`; empty where none matters.
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
            match simple(pods) {
                Some(labels) => format!("pods {labels}{place}"),
                None if pods.is_all() => format!("any pod{place}"),
                None => format!("pods {}{place}", labels(pods)),
            }
        }
        PeerSet::Addresses(family, addresses) => {
            let telling = match family {
                Family::V4 => TELLING_V4,
                Family::V6 => TELLING_V6,
            };
            let first = addresses.ranges().first().map(|(first, _)| *first);
            let address = if addresses.contains(telling) { Some(telling) } else { first };
            address.map(|address| family.text(address)).unwrap_or_default()
        }
        PeerSet::Others => "an endpoint that is neither a pod nor in an ipBlock (a node)".to_owned(),
    }
}

/// One namespace that a selector accepts, behind a space; empty for the policy's own.
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

/// Labels as `key=value`, where every key must be present.
fn simple(selector: &Selector) -> Option<String> {
    let pairs: Option<Vec<String>> =
        selector.entries().iter().map(|(key, values)| values.example().map(|value| format!("{key}={value}"))).collect();
    pairs.filter(|pairs| !pairs.is_empty()).map(|pairs| list(pairs.iter()).replace(", ", ","))
}
