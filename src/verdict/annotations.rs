//! The keys of annotations that verdicts read.

use jiff::Timestamp;

pub use crate::canon::BREAK_GLASS;

/// Pauses the repair of a guarded namespace, on which a member of a break-glass group sets it. Its value is the end of the pause.
pub const REPAIR_PAUSED: &str = "netpol.abcdesktop.io/repair-paused-until";

/// Returns the time that is the value of the annotation [`REPAIR_PAUSED`], as RFC 3339 writes it; `None` if it is no time.
pub fn pause_end(value: &str) -> Option<Timestamp> {
    value.parse().ok()
}

/// Marks the dry run of a policy as a probe: `netpol check` tests with it whether the webhook is called.
pub const PROBE: &str = "netpol.abcdesktop.io/probe";

/// Returns whether a text can be the value of the probe annotation, which a denial repeats.
pub fn is_probe_value(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Marks the mirror pod of a static pod. The kubelet sets it.
pub const MIRROR: &str = "kubernetes.io/config.mirror";

/// The keys that users set on pods and that can open a second network, from the documentation and sources of the
/// network plugins. Keys that only a plugin writes (`cni.projectcalico.org/podIP`, `k8s.ovn.org/pod-networks`,
/// `…/network-status`) are not in this list. Keys that both write are: changes by the plugin itself
/// ([`PLUGIN_WRITERS`](super::foreign::PLUGIN_WRITERS)) are not judged.
pub const NETWORK: &[&str] = &[
    // Multus: more interfaces, or another default interface.
    "k8s.v1.cni.cncf.io/networks",
    "v1.multus-cni.io/default-network",
    // DANM: interfaces, in its old and its new API group.
    "danm.k8s.io/interfaces",
    "danm.io/interfaces",
    // Calico: addresses that other policies allow or deny by block, and forged source addresses. The VPP data
    // plane reads the key with the capital letter.
    "cni.projectcalico.org/ipAddrs",
    "cni.projectcalico.org/ipAddrsNoIpam",
    "cni.projectcalico.org/floatingIPs",
    "cni.projectcalico.org/allowedSourcePrefixes",
    "cni.projectcalico.org/AllowedSourcePrefixes",
    "cni.projectcalico.org/ipv4pools",
    "cni.projectcalico.org/ipv6pools",
    // OVN-Kubernetes: makes the pod a gateway of namespaces.
    "k8s.ovn.org/routing-namespaces",
    "k8s.ovn.org/routing-network",
    // Cilium: ports without connection tracking, under each name of the annotation.
    "network.cilium.io/no-track-port",
    "network.cilium.io/no-track-host-ports",
    "policy.cilium.io/no-track-port",
    "io.cilium.no-track-port",
    // Cilium: packets with the addresses of other pods, another routing table, and the address pool.
    "config.cilium.io/disable-source-ip-verification",
    "network.cilium.io/fib-table-id",
    "ipam.cilium.io/ip-pool",
    "ipam.cilium.io/ipv4-pool",
    "ipam.cilium.io/ipv6-pool",
    // Antrea: the address pool of the pod, and its addresses.
    "ipam.antrea.io/ippools",
    "ipam.antrea.io/pod-ips",
    // GKE: more interfaces, and the default one.
    "networking.gke.io/interfaces",
    "networking.gke.io/default-interface",
    // OVN-Kubernetes: ports of a pod of a user-defined network that the default network can reach.
    "k8s.ovn.org/open-default-ports",
    // Kube-OVN: addresses and subnet, rules of security groups, forged source addresses, routes around the router.
    // `eip`, `snat` and `vip` are addresses too: outside the cluster, for connections to the outside, and by the name of a Vip.
    "ovn.kubernetes.io/ip_address",
    "ovn.kubernetes.io/ip_pool",
    "ovn.kubernetes.io/logical_switch",
    "ovn.kubernetes.io/security_groups",
    "ovn.kubernetes.io/port_security",
    "ovn.kubernetes.io/port_vips",
    "ovn.kubernetes.io/aaps",
    "ovn.kubernetes.io/layer2_forward",
    "ovn.kubernetes.io/north_gateway",
    "ovn.kubernetes.io/routes",
    "ovn.kubernetes.io/eip",
    "ovn.kubernetes.io/snat",
    "ovn.kubernetes.io/vip",
    // Spiderpool: addresses, interfaces and routes.
    "ipam.spidernet.io/ippool",
    "ipam.spidernet.io/ippools",
    "ipam.spidernet.io/subnet",
    "ipam.spidernet.io/subnets",
    "ipam.spidernet.io/routes",
];

/// The keys that users set on namespaces and that apply to all pods in them, from the same sources.
pub const NAMESPACE_NETWORK: &[&str] = &[
    // OVN-Kubernetes: gateways of the namespace, and multicast between its pods.
    "k8s.ovn.org/routing-external-gws",
    "k8s.ovn.org/multicast-enabled",
    // Calico, Cilium, Antrea, Spiderpool and Kube-OVN: address pools.
    "cni.projectcalico.org/ipv4pools",
    "cni.projectcalico.org/ipv6pools",
    "ipam.cilium.io/ip-pool",
    "ipam.cilium.io/ipv4-pool",
    "ipam.cilium.io/ipv6-pool",
    "ipam.antrea.io/ippools",
    "ipam.spidernet.io/default-ipv4-ippool",
    "ipam.spidernet.io/default-ipv6-ippool",
    "ovn.kubernetes.io/logical_switch",
    "ovn.kubernetes.io/ip_pool",
    // Cilium: lets pods of the namespace send packets with other addresses.
    "config.cilium.io/delegate-source-ip-verification",
];

/// Returns the key if a verdict reads it, unless only a flag adds it.
pub fn known(key: &str) -> Option<&'static str> {
    NETWORK.iter().chain(NAMESPACE_NETWORK).chain(&[MIRROR, BREAK_GLASS, PROBE, REPAIR_PAUSED]).find(|known| **known == key).copied()
}
