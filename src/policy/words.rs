//! Selectors, peers and ports in words, in the syntax of `kubectl`.

use std::fmt::{self, Write as _};

use super::addresses::Family;
use super::ports::{NamedPort, OTHER_PROTOCOLS, PROTOCOLS, Ports, every_port};
use super::ranges::RangeSet;
use super::selector::{NAMESPACE_NAME_KEY, Requirement, Selector};
use super::traffic::PeerSet;
use super::values::ValueSet;

/// The maximum number of values, ports or keys that a list shows.
const MAX_LISTED: usize = 16;

impl fmt::Display for Selector {
    /// The syntax of `kubectl get -l`: `run=memcached-od,!legacy,tier in (a, b)`.
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

impl Selector {
    /// Returns the `labelSelector` of a request to the API server, in full; empty if everything matches. It may select more: no
    /// `LabelSelector` accepts some values of a key and its absence, so such a key is left out.
    pub fn query(&self) -> String {
        let requirement = |(key, values): &Requirement| {
            let listed = values.listed().iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(",");
            match (values.is_finite(), values.accepts_absence(), values.listed().is_empty()) {
                (true, true, true) => Some(format!("!{key}")),
                (true, true, false) => None,
                (true, false, _) => Some(format!("{key} in ({listed})")),
                (false, true, _) => Some(format!("{key} notin ({listed})")),
                (false, false, true) => Some(key.to_string()),
                (false, false, false) => Some(format!("{key},{key} notin ({listed})")),
            }
        };
        self.entries().iter().filter_map(requirement).collect::<Vec<_>>().join(",")
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

/// Returns items separated by commas: the first of them, and how many more there are.
pub(crate) fn list<T: fmt::Display>(items: impl ExactSizeIterator<Item = T>) -> String {
    list_of(items.len(), items)
}

/// The same for `count` items. Only the items that are shown are created.
fn list_of<T: fmt::Display>(count: usize, items: impl Iterator<Item = T>) -> String {
    let mut text = String::new();
    for (index, item) in items.take(MAX_LISTED).enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{item}", if index > 0 { ", " } else { "" });
    }
    if count > MAX_LISTED {
        let _ = write!(text, ", … and {} more", count - MAX_LISTED);
    }
    text
}

/// Returns the peers of a set in words: `pods run=memcached-od`, `addresses 10.0.0.0-10.255.255.255`.
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

/// Returns whether a selector selects only the policy's own namespace.
pub(crate) fn is_home(namespaces: &Selector, home: &str) -> bool {
    namespaces.keys().eq([NAMESPACE_NAME_KEY]) && namespaces.required_values(NAMESPACE_NAME_KEY).is_some_and(|values| values.eq([home]))
}

/// Returns ports in words: `TCP 80, 443, 8000-8080, UDP 53`, `every port`, `TCP http`.
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
        // Ranges of two protocols never touch, but a residue may have one range that covers all protocols.
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

/// Returns the ports of a rule in words.
pub(crate) fn ports_of(rule: &Ports) -> String {
    ports(&rule.numbers, &rule.names)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::documents::Node;

    #[test]
    fn a_query_is_the_selector_of_a_request_in_full() {
        let query = |labels: serde_json::Value, expressions: &[(&str, &str, &[&str])]| {
            let expression = |(key, operator, values): &(&str, &str, &[&str])| match values {
                [] => json!({"key": key, "operator": operator}),
                values => json!({"key": key, "operator": operator, "values": values}),
            };
            let expressions: Vec<_> = expressions.iter().map(expression).collect();
            let selector = json!({"matchLabels": labels, "matchExpressions": expressions});
            Selector::parse(&Node::from(&selector), "podSelector").unwrap().query()
        };
        assert_eq!(query(json!({}), &[]), "");
        assert_eq!(query(json!({"b": "x", "a": ""}), &[]), "a in (),b in (x)");
        assert_eq!(query(json!({}), &[("a", "In", &["", "x"]), ("b", "NotIn", &["x", "y"])]), "a in (,x),b notin (x,y)");
        assert_eq!(query(json!({}), &[("a", "Exists", &[]), ("b", "DoesNotExist", &[])]), "a,!b");
        assert_eq!(query(json!({}), &[("a", "Exists", &[]), ("a", "NotIn", &["x"])]), "a,a notin (x)");
        let many: Vec<String> = (10..60).map(|number| number.to_string()).collect();
        let listed: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(query(json!({}), &[("a", "In", &listed)]), format!("a in ({})", many.join(",")));
    }
}
