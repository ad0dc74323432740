//! Annotations that verdicts read.

pub use crate::canon::BREAK_GLASS;

/// Marks a mirror pod of a static pod; the kubelet sets it.
pub const MIRROR: &str = "kubernetes.io/config.mirror";

/// The keys that people set on pods and that can open a second way out of them, as the plugins' own
/// documents and sources name them. Never a key that a plugin writes itself
/// (`cni.projectcalico.org/podIP`, `k8s.ovn.org/pod-networks`, `…/network-status`): every pod would warn.
pub const NETWORK: [&str; 18] = [
    // Multus: further interfaces, or another default one.
    "k8s.v1.cni.cncf.io/networks",
    "v1.multus-cni.io/default-network",
    // DANM: interfaces, by its old and its new API group.
    "danm.k8s.io/interfaces",
    "danm.io/interfaces",
    // Calico: addresses that policies of others allow or deny by block, and source addresses to forge;
    // the one in upper case is its VPP data plane's.
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
    // Cilium: ports past connection tracking, by every name it has had.
    "network.cilium.io/no-track-port",
    "network.cilium.io/no-track-host-ports",
    "policy.cilium.io/no-track-port",
    "io.cilium.no-track-port",
    // Antrea: the address pool of the pod.
    "ipam.antrea.io/ippools",
];

/// Answers the key itself where a verdict reads it.
pub fn known(key: &str) -> Option<&'static str> {
    NETWORK.iter().chain(&[MIRROR, BREAK_GLASS]).find(|known| **known == key).copied()
}
