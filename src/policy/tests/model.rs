//! The naive model: policies as tables over a small universe, built directly from their JSON.
//!
//! The universe has every label, address and port that the specs of `random` can tell apart, so a result for
//! all of its points is a result in general. The model uses none of the code under test.

use std::sync::LazyLock;

use serde_json::Value;

use super::super::Direction;

/// Values of a pod's keys `a` and `b`: absent, the values that specs use, and one that no spec uses.
pub(crate) const VALUES: [Option<&str>; 4] = [None, Some("x"), Some("y"), Some("any")];
pub(crate) const OWN: &str = "abcdesktop";
pub(crate) const NAMESPACES: [&str; 3] = [OWN, "other", "any"];
/// Values of a namespace's key `t`.
pub(crate) const TEAMS: [Option<&str>; 3] = [None, Some("x"), Some("any")];
pub(crate) const ADDRESSES: [&str; 8] =
    ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "2001:db8::", "2001:db8::1", "2001:db8::2"];
/// One number of each range that specs can have.
pub(crate) const NUMBERS: [u64; 6] = [1, 79, 80, 81, 82, 65_535];

pub(crate) const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

/// A pod, as the indexes of its labels `a` and `b` in [`VALUES`].
pub(super) type Pod = (usize, usize);

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Peer {
    Pod { pod: Pod, namespace: usize, team: usize },
    Address(usize),
    Node,
}

pub(super) fn pods() -> impl Iterator<Item = Pod> {
    (0..VALUES.len()).flat_map(|a| (0..VALUES.len()).map(move |b| (a, b)))
}

/// Every peer of the universe.
pub(super) static PEERS: LazyLock<Vec<Peer>> = LazyLock::new(|| {
    let mut peers = vec![Peer::Node];
    peers.extend((0..ADDRESSES.len()).map(Peer::Address));
    for pod in pods() {
        for namespace in 0..NAMESPACES.len() {
            peers.extend((0..TEAMS.len()).map(|team| Peer::Pod { pod, namespace, team }));
        }
    }
    peers
});

/// A set of ports as bits: TCP, UDP and SCTP ports, and one bit for undefined protocols.
pub(crate) type Mask = u32;

pub(crate) fn bit(protocol: &str, number: u64) -> Mask {
    let place = NUMBERS.iter().position(|other| *other == number).expect("a number of the universe");
    let protocol = PROTOCOLS.iter().position(|other| *other == protocol).expect("a protocol");
    1 << (place + protocol * NUMBERS.len())
}

pub(super) const OTHER: Mask = 1 << (PROTOCOLS.len() * NUMBERS.len());
pub(crate) const EVERY_PORT: Mask = (1 << (PROTOCOLS.len() * NUMBERS.len() + 1)) - 1;

/// One direction of a spec.
pub(super) struct Side {
    /// The ports of each rule, and which of [`PEERS`] are its peers. `None` if the direction is not isolated.
    rules: Option<Vec<(Vec<Value>, Vec<bool>)>>,
}

/// A spec as tables.
pub(super) struct Model {
    selector: Value,
    ingress: Side,
    egress: Side,
}

pub(crate) fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn selects<'l>(selector: &Value, label: impl Fn(&str) -> Option<&'l str>) -> bool {
    let of_map = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    of_map.into_iter().all(|(key, value)| label(key) == value.as_str())
        && items(selector, "matchExpressions").iter().all(|expression| {
            let found = label(expression["key"].as_str().unwrap());
            let listed = found.is_some_and(|found| items(expression, "values").iter().any(|value| value == found));
            match expression["operator"].as_str().unwrap() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => found.is_some(),
                _ => found.is_none(),
            }
        })
}

fn selects_pod(selector: &Value, pod: Pod) -> bool {
    selects(selector, |key| match key {
        "a" => VALUES[pod.0],
        _ => VALUES[pod.1],
    })
}

fn selects_namespace(selector: &Value, namespace: usize, team: usize) -> bool {
    selects(selector, |key| if key == "t" { TEAMS[team] } else { Some(NAMESPACES[namespace]) })
}

pub(crate) fn in_cidr(address: &str, cidr: &str) -> bool {
    let (base, length) = cidr.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    if length == 0 {
        return address.contains(':') == base.contains(':');
    }
    let number = |text: &str| match text.parse::<std::net::IpAddr>().unwrap() {
        std::net::IpAddr::V4(address) => (false, u128::from(u32::from(address)) << 96),
        std::net::IpAddr::V6(address) => (true, u128::from(address)),
    };
    let ((left_family, left), (right_family, right)) = (number(address), number(base));
    left_family == right_family && (left ^ right) >> (128 - length) == 0
}

fn matches_peer(entry: &Value, peer: Peer) -> bool {
    if let Some(block) = entry.get("ipBlock") {
        let Peer::Address(address) = peer else { return false };
        let inside = |cidr: &Value| in_cidr(ADDRESSES[address], cidr.as_str().unwrap());
        return inside(&block["cidr"]) && !items(block, "except").iter().any(inside);
    }
    let Peer::Pod { pod, namespace, team } = peer else { return false };
    let place = match entry.get("namespaceSelector") {
        Some(selector) => selects_namespace(selector, namespace, team),
        None => NAMESPACES[namespace] == OWN,
    };
    place && entry.get("podSelector").is_none_or(|selector| selects_pod(selector, pod))
}

impl Model {
    pub(super) fn read(spec: &Value) -> Model {
        let types = items(spec, "policyTypes");
        let side = |list: &str, peers_key: &str, name: &str| {
            let isolated =
                if types.is_empty() { name == "Ingress" || !items(spec, list).is_empty() } else { types.iter().any(|entry| entry == name) };
            let rule = |rule: &Value| {
                let entries = items(rule, peers_key);
                let is_peer = |peer: &Peer| entries.is_empty() || entries.iter().any(|entry| matches_peer(entry, *peer));
                (items(rule, "ports").to_vec(), PEERS.iter().map(is_peer).collect())
            };
            Side { rules: isolated.then(|| items(spec, list).iter().map(rule).collect()) }
        };
        Model {
            selector: spec.get("podSelector").cloned().unwrap_or_default(),
            ingress: side("ingress", "from", "Ingress"),
            egress: side("egress", "to", "Egress"),
        }
    }

    fn side(&self, direction: Direction) -> &Side {
        if direction == Direction::Ingress { &self.ingress } else { &self.egress }
    }

    pub(super) fn isolates(&self, pod: Pod, direction: Direction) -> bool {
        self.side(direction).rules.is_some() && selects_pod(&self.selector, pod)
    }

    /// Returns the open ports for each of [`PEERS`] under a reading of the named port `http`.
    pub(super) fn table(&self, direction: Direction, http: Reading) -> Vec<Mask> {
        let mut table = vec![0; PEERS.len()];
        for (ports, is_peer) in self.side(direction).rules.iter().flatten() {
            let (named, unnamed) = (mask(ports, http.number), mask(ports, None));
            for ((slot, peer), is_peer) in table.iter_mut().zip(PEERS.iter()).zip(is_peer) {
                // A named port is resolved on the destination: a pod, or a pod whose address a block matches (rule 22).
                let resolves = match peer {
                    _ if direction == Direction::Ingress => true,
                    Peer::Pod { .. } => true,
                    Peer::Address(_) => http.in_blocks,
                    Peer::Node => false,
                };
                *slot |= if !is_peer {
                    0
                } else if resolves {
                    named
                } else {
                    unnamed
                };
            }
        }
        table
    }
}

pub(crate) fn mask(ports: &[Value], http: Option<u64>) -> Mask {
    if ports.is_empty() {
        return EVERY_PORT;
    }
    let mut mask = 0;
    for entry in ports {
        let protocol = entry.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
        let (first, last) = match entry.get("port") {
            None => (1, 65_535),
            Some(Value::String(_)) => match http {
                Some(number) => (number, number),
                None => continue,
            },
            Some(port) => {
                let first = port.as_u64().unwrap();
                (first, entry.get("endPort").and_then(Value::as_u64).unwrap_or(first))
            }
        };
        mask |= NUMBERS
            .iter()
            .filter(|number| (first..=last).contains(*number))
            .map(|number| bit(protocol, *number))
            .fold(0, |left, right| left | right);
    }
    mask
}

/// One way to read the named port `http`. Two policies are the same only if they are the same in every reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The number that the name resolves to on every pod.
    pub(super) number: Option<u64>,
    /// Whether a network plugin resolves the name on the pods whose addresses are in a block of an egress rule.
    pub(super) in_blocks: bool,
}

/// Returns every reading that can make a difference. Blocks resolve no names in ingress rules.
fn readings(direction: Direction) -> impl Iterator<Item = Reading> {
    let in_blocks = if direction == Direction::Ingress { &[false][..] } else { &[false, true] };
    let of_numbers =
        NUMBERS.iter().flat_map(|number| in_blocks.iter().map(|in_blocks| Reading { number: Some(*number), in_blocks: *in_blocks }));
    std::iter::once(Reading { number: None, in_blocks: false }).chain(of_numbers)
}

/// Returns whether one policy, together with some other policies, allows a connection that the other does not.
pub(super) fn wider(this: &Model, that: &Model) -> bool {
    [Direction::Ingress, Direction::Egress].into_iter().any(|direction| {
        let isolation_lost = pods().any(|pod| that.isolates(pod, direction) && !this.isolates(pod, direction));
        let mine: Vec<Pod> = pods().filter(|pod| this.isolates(*pod, direction)).collect();
        let also_theirs = mine.iter().any(|pod| that.isolates(*pod, direction));
        let only_mine = mine.iter().any(|pod| !that.isolates(*pod, direction));
        isolation_lost
            || readings(direction).any(|http| {
                let (ours, theirs) = (this.table(direction, http), that.table(direction, http));
                let beyond = ours.iter().zip(&theirs).any(|(ours, theirs)| ours & !theirs != 0);
                (only_mine && ours.iter().any(|mask| *mask != 0)) || (also_theirs && beyond)
            })
    })
}

/// Returns whether `extra` allows a connection of a pod that the others isolate, and the others do not.
pub(super) fn grants_beyond(others: &[Model], extra: &Model, direction: Direction) -> bool {
    readings(direction).any(|http| {
        let tables: Vec<Vec<Mask>> = others.iter().map(|other| other.table(direction, http)).collect();
        let granted = extra.table(direction, http);
        pods().filter(|pod| extra.isolates(*pod, direction)).any(|pod| {
            let selecting: Vec<&Vec<Mask>> =
                others.iter().zip(&tables).filter(|(other, _)| other.isolates(pod, direction)).map(|(_, table)| table).collect();
            !selecting.is_empty()
                && granted.iter().enumerate().any(|(peer, mask)| selecting.iter().fold(*mask, |left, table| left & !table[peer]) != 0)
        })
    })
}

/// Returns whether two sets of policies isolate the same pods and allow the same connections.
pub(crate) fn allow_the_same(left: &[Value], right: &[Value]) -> bool {
    let [left, right] = [left, right].map(|specs| specs.iter().map(Model::read).collect::<Vec<_>>());
    [Direction::Ingress, Direction::Egress].into_iter().all(|direction| {
        let isolated = |set: &[Model], pod| set.iter().any(|model| model.isolates(pod, direction));
        pods().all(|pod| isolated(&left, pod) == isolated(&right, pod))
            && readings(direction).all(|http| {
                let [left, right] = [&left, &right].map(|set| set.iter().map(|it| (it, it.table(direction, http))).collect::<Vec<_>>());
                let open = |set: &[(&Model, Vec<Mask>)], pod| {
                    let mut open = vec![0; PEERS.len()];
                    for (_, table) in set.iter().filter(|(it, _)| it.isolates(pod, direction)) {
                        open.iter_mut().zip(table).for_each(|(open, ports)| *open |= ports);
                    }
                    open
                };
                pods().all(|pod| open(&left, pod) == open(&right, pod))
            })
    })
}

/// Returns the address at an index.
pub(super) fn address(place: usize) -> std::net::IpAddr {
    ADDRESSES[place].parse().expect("an address")
}

/// Returns a pod in a namespace with this name and this label `t`.
pub(super) fn pod_peer(pod: Pod, namespace: &str, team: Option<&str>) -> Peer {
    let namespace = NAMESPACES.iter().position(|name| *name == namespace).expect("a namespace of the universe");
    let team = TEAMS.iter().position(|value| *value == team).expect("a team of the universe");
    Peer::Pod { pod, namespace, team }
}
