//! The network of a node: a network namespace that forwards what its pods, and what is outside, send to each other.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::host::Host;
use super::namespace::NetworkNamespace;
use crate::cluster::harness::api::RUNTIME;
use crate::cluster::harness::forwarder::forward;
use crate::cluster::harness::plane::plane;

/// The gateway of IPv4, an address of the node.
const GATEWAY: &str = "169.254.1.1";
/// The gateway of IPv6, an address of the node on every wire.
const GATEWAY_6: &str = "fe80::1";

/// The network of a node.
pub(super) struct Node {
    pub(super) network: NetworkNamespace,
    /// The number of the node, which its pods have in their addresses.
    index: u8,
    wires: u8,
    /// Whether its pods have IPv6 addresses.
    has_ipv6: bool,
    relay: AbortHandle,
}

impl Drop for Node {
    /// Its listener would keep the network namespace.
    fn drop(&mut self) {
        self.relay.abort();
    }
}

impl Node {
    /// Makes a node without pods.
    pub(super) fn new(index: u8, has_ipv6: bool) -> io::Result<Node> {
        let network = NetworkNamespace::new()?;
        let addresses = [GATEWAY, &address(index)].map(|address| format!("addr add {address}/32 dev lo"));
        network.ip(&[&["link set lo up".to_owned()], &addresses[..]].concat());
        // Without a limit of the kernel on ICMP errors, a network plugin can refuse every packet.
        network.set(&[("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1"), ("ipv4/icmp_ratemask", "0")]);
        let relay = relay(&network)?;
        Ok(Node { network, index, wires: 0, has_ipv6, relay })
    }

    /// Returns the address of the node, for the status of its pods.
    pub(super) fn address(&self) -> String {
        address(self.index)
    }

    /// Connects a pod.
    pub(super) fn connect_pod(&mut self, namespace: &str, name: &str) -> Host {
        let number = self.wires + 1;
        let addresses = [
            Ipv4Addr::new(10, 244, self.index, number).into(),
            Ipv6Addr::new(0xfd00, 0x10, 0x244, u16::from(self.index), 0, 0, 0, u16::from(number)).into(),
        ];
        self.connect(Some((namespace.to_owned(), name.to_owned())), addresses.to_vec())
    }

    /// Connects a host with the addresses of what is outside of the cluster.
    pub(super) fn connect_outside(&mut self, addresses: &[&str]) -> Host {
        let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
        self.connect(None, addresses)
    }

    /// Connects a host by a pair of virtual devices and a route to each address. Packets between hosts are forwarded by the node.
    fn connect(&mut self, pod: Option<(String, String)>, mut addresses: Vec<IpAddr>) -> Host {
        addresses.retain(|address| address.is_ipv4() || self.has_ipv6);
        self.wires += 1;
        let device = format!("wire{}", self.wires);
        let network = NetworkNamespace::new().expect("another network namespace");
        let mut of_node = vec![
            format!("link add {device} type veth peer name eth0 netns {}", network.path()),
            format!("link set {device} up"),
            format!("addr add {GATEWAY_6}/64 dev {device} nodad"),
        ];
        let mut of_host =
            vec!["link set lo up".to_owned(), "link set eth0 up".to_owned(), format!("route add {GATEWAY} dev eth0 scope link")];
        let mut has = [false; 2];
        for address in &addresses {
            let (bits, flags) = if address.is_ipv4() { (32, "") } else { (128, " nodad") };
            of_node.push(format!("route add {address}/{bits} dev {device}"));
            of_host.push(format!("addr add {address}/{bits} dev eth0{flags}"));
            has[usize::from(address.is_ipv6())] = true;
        }
        let gateways = [format!("route add default via {GATEWAY} dev eth0"), format!("route add ::/0 via {GATEWAY_6} dev eth0")];
        of_host.extend(gateways.into_iter().zip(has).filter_map(|(gateway, has)| has.then_some(gateway)));
        self.network.ip(&of_node);
        network.ip(&of_host);
        Host { pod, addresses, network }
    }
}

fn address(index: u8) -> String {
    format!("192.0.2.{index}")
}

/// Makes the API server reachable from the node, at the address that its certificate names: the listener belongs to the node's
/// namespace, and the connections that it forwards to belong to this process.
fn relay(node: &NetworkNamespace) -> io::Result<AbortHandle> {
    let port = plane().api.port();
    let listener = node.inside(|| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)))?;
    listener.set_nonblocking(true)?;
    let _context = RUNTIME.enter();
    let listener = TcpListener::from_std(listener)?;
    let task = RUNTIME.spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(forward(client, port));
        }
    });
    Ok(task.abort_handle())
}

/// Returns whether the kernel has IPv6.
pub(super) fn has_ipv6() -> bool {
    fs::exists("/proc/net/if_inet6").unwrap_or_default()
}
