//! Random worlds: the connections of the code against those of a naive evaluation of the JSON, in every reading of what network
//! plugins may do differently.

use std::cell::Cell;
use std::net::IpAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use super::super::{Addresses, End, Endpoint, Flow, NamedPolicy, Namespace, PodPorts, Pods, PortSet, Reach, by_class, divided};
use super::{flow, labels, policy};
use crate::policy::tests::model::{
    ADDRESSES, EVERY_PORT, Mask, NAMESPACES, NUMBERS, PROTOCOLS, TEAMS, VALUES, bit, in_cidr, items, mask, selects,
};
use crate::policy::tests::random::{run, spec};

/// Worlds in a run. Each has eight endpoints: 60 pairs, because addresses to addresses are not compared.
const WORLDS: u32 = 400;
/// The fewest pairs of a run.
const PAIRS: usize = 10_000;

/// A pod of a world.
#[derive(Debug, Clone)]
struct Pod {
    a: Option<&'static str>,
    b: Option<&'static str>,
    namespace: &'static str,
    team: Option<&'static str>,
    http: Http,
    /// The same for a restartable init container.
    init: Option<u64>,
    addresses: Option<Vec<&'static str>>,
    /// Whether blocks match it by address, if that is known.
    blocks: Option<bool>,
    host_network: bool,
    single: bool,
}

/// What is known about the TCP port `http` of a pod.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Http {
    Unknown,
    Missing,
    Number(u64),
}

#[derive(Debug, Clone)]
enum Place {
    Pod(Pod),
    Address(&'static str),
}

/// What is not specified or not known, in one reading.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// Blocks match pods by address.
    blocks: bool,
    /// A pod whose addresses are not known has this one, if any.
    address: Option<&'static str>,
    /// `http` is this port where it is not known.
    http: Option<u64>,
    /// Named ports of init containers count.
    init: bool,
    /// How a pod on the host network is treated, if policies apply to it.
    host: Host,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Host {
    Pod,
    Node,
}

fn label(pod: &Pod, key: &str) -> Option<&'static str> {
    if key == "a" { pod.a } else { pod.b }
}

/// Returns whether blocks match a pod by address. A pod on the host network is a node.
fn blocks(pod: &Pod, reading: bool) -> bool {
    pod.blocks.filter(|_| !pod.host_network).unwrap_or(reading)
}

fn is_peer(entry: &Value, home: &str, place: &Place, reading: Reading) -> bool {
    if let Some(block) = entry.get("ipBlock") {
        let inside = |address: &str| {
            let within = |cidr: &Value| in_cidr(address, cidr.as_str().unwrap());
            within(&block["cidr"]) && !items(block, "except").iter().any(within)
        };
        return match place {
            Place::Address(address) => inside(address),
            Place::Pod(pod) if !blocks(pod, reading.blocks) => false,
            Place::Pod(pod) => match &pod.addresses {
                Some(known) if !pod.host_network => known.iter().any(|address| inside(address)),
                _ => reading.address.is_some_and(inside),
            },
        };
    }
    let Place::Pod(pod) = place else { return false };
    if pod.host_network && reading.host != Host::Pod {
        return false;
    }
    let namespace = match entry.get("namespaceSelector") {
        Some(selector) => selects(selector, |key| if key == "t" { pod.team } else { Some(pod.namespace) }),
        None => pod.namespace == home,
    };
    namespace && entry.get("podSelector").is_none_or(|selector| selects(selector, |key| label(pod, key)))
}

/// Returns the ports of a rule on a destination.
fn ports(entries: &[Value], destination: &Place, reading: Reading) -> Mask {
    let Place::Pod(pod) = destination else { return mask(entries, None) };
    let is_node = pod.host_network && reading.host != Host::Pod;
    let own = match pod.http {
        Http::Unknown => reading.http,
        Http::Number(number) if !is_node => Some(number),
        Http::Number(_) | Http::Missing => None,
    };
    // The world names only TCP ports, so `http` of UDP resolves only where the ports are not known.
    let (tcp, udp): (Vec<Value>, Vec<Value>) =
        entries.iter().cloned().partition(|entry| entry.get("protocol").is_none_or(|it| it == "TCP"));
    let of = |entries: &[Value], http| if entries.is_empty() { 0 } else { mask(entries, http) };
    if entries.is_empty() {
        return EVERY_PORT;
    }
    let by_init = if reading.init && pod.http != Http::Unknown { of(&tcp, pod.init) } else { 0 };
    of(&tcp, own) | by_init | of(&udp, if pod.http == Http::Unknown { reading.http } else { None })
}

/// Returns the ports that the policies of a subject open in one direction.
fn side(world: &[(String, Value)], ingress: bool, subject: &Place, peer: &Place, reading: Reading) -> Mask {
    let Place::Pod(pod) = subject else { return EVERY_PORT };
    let (list, peers, kind) = if ingress { ("ingress", "from", "Ingress") } else { ("egress", "to", "Egress") };
    let destination = if ingress { subject } else { peer };
    let mut isolated = false;
    let mut open = 0;
    for (home, spec) in world {
        let types = items(spec, "policyTypes");
        let has = if types.is_empty() { ingress || !items(spec, list).is_empty() } else { types.iter().any(|entry| entry == kind) };
        if !has || pod.namespace != home || !selects(&spec["podSelector"], |key| label(pod, key)) {
            continue;
        }
        isolated = true;
        for rule in items(spec, list) {
            let entries = items(rule, peers);
            if entries.is_empty() || entries.iter().any(|entry| is_peer(entry, home, peer, reading)) {
                open |= ports(items(rule, "ports"), destination, reading);
            }
        }
    }
    if isolated { open } else { EVERY_PORT }
}

/// Returns the ports that are open in every reading, and those that are open in some.
fn expected(world: &[(String, Value)], from: &Place, to: &Place, itself: bool) -> (Mask, Mask) {
    let pods = [from, to].into_iter().filter_map(|place| if let Place::Pod(pod) = place { Some(pod) } else { None });
    let is_host = pods.clone().any(|pod| pod.host_network);
    let is_single = itself && pods.clone().any(|pod| pod.single);
    let is_unknown = matches!(to, Place::Pod(pod) if pod.http == Http::Unknown);
    // Each pod has its own address, which only the rules of the other end read.
    let addresses = |place: &Place, reading| match place {
        Place::Pod(pod) if blocks(pod, reading) && (pod.addresses.is_none() || pod.host_network) => {
            [None].into_iter().chain(ADDRESSES.map(Some)).collect()
        }
        _ => vec![None],
    };
    let (mut all, mut some) = (EVERY_PORT, 0);
    let mut read = |mask| (all, some) = (all & mask, some | mask);
    if is_single || is_host {
        read(EVERY_PORT);
    }
    for host in [Host::Pod, Host::Node].into_iter().take(if is_host { 2 } else { 1 }) {
        for http in [None].into_iter().chain(NUMBERS.map(Some)).take(if is_unknown { NUMBERS.len() + 1 } else { 1 }) {
            for (blocks, init) in [(false, false), (false, true), (true, false), (true, true)] {
                let side = |ingress, subject, peer| -> Vec<Mask> {
                    let reading = |address| Reading { blocks, address, http, init, host };
                    addresses(peer, blocks).into_iter().map(|address| side(world, ingress, subject, peer, reading(address))).collect()
                };
                let (egress, ingress) = (side(false, from, to), side(true, to, from));
                for egress in egress {
                    for ingress in &ingress {
                        read(egress & ingress);
                    }
                }
            }
        }
    }
    (all, some)
}

fn pod() -> impl Strategy<Value = Place> {
    let host = prop_oneof![6 => Just(false), 1 => Just(true)];
    let places = (select(&VALUES[..]), select(&VALUES[..]), select(&NAMESPACES[..]), select(&TEAMS[..]));
    let blocks = prop_oneof![2 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let http = prop_oneof![Just(Http::Unknown), Just(Http::Missing), select(&NUMBERS[..]).prop_map(Http::Number)];
    let init = prop_oneof![3 => Just(None), 1 => select(&NUMBERS[..]).prop_map(Some)];
    let addresses = option::of(subsequence(&ADDRESSES[..], 1..=2));
    (places, http, init, (addresses, blocks), host, any::<bool>()).prop_map(
        |((a, b, namespace, team), http, init, (addresses, blocks), host_network, single)| {
            Place::Pod(Pod { a, b, namespace, team, http, init, addresses, blocks, host_network, single })
        },
    )
}

fn world() -> impl Strategy<Value = (Vec<(String, Value)>, Vec<Place>)> {
    let home = prop_oneof![3 => Just(NAMESPACES[0]), 1 => Just(NAMESPACES[1])].prop_map(str::to_owned);
    let places = (vec(pod(), 5), select(&ADDRESSES[..]), select(&ADDRESSES[..])).prop_map(|(mut places, one, other)| {
        places.extend([places[0].clone(), Place::Address(one), Place::Address(other)]);
        places
    });
    (vec((home, spec()), 1..6), places)
}

fn end(place: &Place, policies: &[NamedPolicy]) -> End {
    let pod = match place {
        // The part of all addresses that the address is in.
        Place::Address(address) => {
            let part = |part: &Addresses| part.cidrs().iter().any(|cidr| in_cidr(address, cidr));
            let parts = Addresses::world().iter().flat_map(|whole| divided(policies, whole)).filter(part).collect::<Vec<_>>();
            assert_eq!(parts.len(), 1, "{address}");
            return End::Addresses(parts[0].clone());
        }
        Place::Pod(pod) => pod,
    };
    let given =
        |pairs: [(&str, Option<&str>); 2]| labels(&pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).collect::<Vec<_>>());
    let mut ports = PodPorts::default();
    let of_container = if let Http::Number(number) = pod.http { Some(number) } else { None };
    for (number, is_init) in [(of_container, false), (pod.init, true)] {
        if let Some(number) = number {
            ports.add("TCP", "http", number.try_into().unwrap(), is_init).unwrap();
        }
    }
    let ports = (pod.http != Http::Unknown).then_some(ports);
    let addresses = |known: &Vec<&str>| known.iter().map(|address| address.parse::<IpAddr>().unwrap()).collect();
    End::Pods(Pods {
        namespace: Namespace::new(pod.namespace, given([("t", pod.team), ("unread", Some("x"))])),
        labels: given([("a", pod.a), ("b", pod.b)]),
        ports,
        addresses: pod.addresses.as_ref().map(addresses),
        blocks: pod.blocks,
        host_network: pod.host_network,
        single: pod.single,
    })
}

/// Returns a set of ports as bits, in which each number stands for those that no port entry tells apart from it.
fn bits(set: &PortSet) -> Mask {
    let mut mask = 0;
    for protocol in PROTOCOLS {
        for number in NUMBERS {
            let one = PortSet::one(protocol, number.try_into().unwrap()).unwrap();
            mask |= if one.is_subset(set) { bit(protocol, number) } else { 0 };
        }
    }
    let others = PROTOCOLS.iter().fold(0, |mask, protocol| NUMBERS.iter().fold(mask, |mask, number| mask | bit(protocol, *number)));
    let undefined = PortSet::every().less(&PortSet::union(&whole()));
    mask | if undefined.is_subset(set) { EVERY_PORT & !others } else { 0 }
}

fn whole() -> Vec<PortSet> {
    use crate::policy::ports;
    ports::PROTOCOLS.into_iter().map(PortSet::whole).collect()
}

#[test]
fn connections_agree_with_brute_force() {
    let [pairs, open, closed, depending, shared] = [(); 5].map(|()| Cell::new(0_usize));
    let count = |cell: &Cell<usize>| cell.set(cell.get() + 1);
    run(WORLDS, &world(), |(world, places)| {
        let policies: Vec<NamedPolicy> =
            world.iter().enumerate().map(|(index, (home, spec))| policy(home, &format!("p{index}"), spec)).collect();
        let endpoints: Vec<Endpoint> = places
            .iter()
            .enumerate()
            .map(|(index, place)| Endpoint {
                id: index.to_string(),
                kind: "Pod".to_owned(),
                object: Some((String::new(), index.to_string())),
                end: end(place, &policies),
                outside: matches!(place, Place::Address(_)),
            })
            .collect();
        let reach = Reach::new(&policies, &endpoints);
        shared.set(shared.get() + endpoints.len() - reach.classes());
        let classes = by_class(&policies, &endpoints, |_| false);
        let by_class = Reach::new(&policies, &classes.endpoints);
        let class = |index: usize| {
            let (id, pods) = (index.to_string(), &classes.pods);
            let has = |class: &Endpoint| class.id == id || pods.get(&class.id).is_some_and(|names| names.contains(&id));
            classes.endpoints.iter().position(has).unwrap()
        };
        for (from, source) in places.iter().enumerate() {
            for (to, target) in places.iter().enumerate() {
                if matches!((source, target), (Place::Address(_), Place::Address(_))) {
                    prop_assert_eq!(reach.flow(from, to), Flow::none());
                    continue;
                }
                count(&pairs);
                let (all, some) = expected(&world, source, target, from == to);
                let found = reach.flow(from, to);
                let is_single = matches!(&endpoints[from].end, End::Pods(Pods { single: true, .. }));
                if from != to || !is_single {
                    prop_assert_eq!(&by_class.flow(class(from), class(to)), &found);
                }
                let alone = flow(&policies, &endpoints[from].end, &endpoints[to].end, from == to);
                prop_assert_eq!(&found.allowed, &alone.allowed);
                prop_assert_eq!(&found.depends, &alone.depends);
                prop_assert_eq!(bits(&found.allowed), all, "allowed from {:?} to {:?}: {}", source, target, found.allowed);
                prop_assert_eq!(bits(&found.depends), some & !all, "depends from {:?} to {:?}: {}", source, target, found.depends);
                if found.depends.is_empty() != found.reasons.is_empty() {
                    return Err(TestCaseError::fail(format!("{:?} for {}", found.reasons, found.depends)));
                }
                count(if !found.depends.is_empty() {
                    &depending
                } else if found.allowed.is_empty() {
                    &closed
                } else {
                    &open
                });
            }
        }
        Ok(())
    });
    let (pairs, open, closed, depending) = (pairs.get(), open.get(), closed.get(), depending.get());
    println!("by brute force: {pairs} pairs, {open} open, {closed} closed, {depending} depending; {} in a shared class", shared.get());
    assert!(pairs >= PAIRS && [open, closed, depending].iter().all(|count| *count > PAIRS / 20));
}
