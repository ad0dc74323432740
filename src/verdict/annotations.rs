//! The keys of annotations that verdicts read.

pub use crate::canon::BREAK_GLASS;

/// Marks the mirror pod of a static pod. The kubelet sets it.
pub const MIRROR: &str = "kubernetes.io/config.mirror";

/// The keys that users set on pods and that can open a second network, from the documentation and sources of the
/// network plugins. Keys that a plugin writes itself (`cni.projectcalico.org/podIP`, `k8s.ovn.org/pod-networks`,
/// `…/network-status`) are not in this list: every pod would get a warning.
pub const NETWORK: [&str; 18] = [
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
    // Antrea: the address pool of the pod.
    "ipam.antrea.io/ippools",
];

/// Returns the key if a verdict reads it.
pub fn known(key: &str) -> Option<&'static str> {
    NETWORK.iter().chain(&[MIRROR, BREAK_GLASS]).find(|known| **known == key).copied()
}
