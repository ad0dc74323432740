//! The known network plugins: by which `DaemonSets` they are recognized, and whether they apply `NetworkPolicies`. `docs/plugins.md` has
//! the sources.

use super::objects::{DaemonSetObject, ENABLE_NETWORK_POLICY, RUN_FIREWALL};

/// A network plugin.
#[derive(Debug)]
pub(super) struct Known {
    /// Its name.
    pub(super) name: &'static str,
    /// The names of the `DaemonSets` that run it on every node.
    pub(super) daemon_sets: &'static [&'static str],
    /// When it applies policies.
    pub(super) applies: Applies,
    /// Whether it confuses the directions of a policy that has both.
    pub(super) confuses_directions: bool,
}

/// When a plugin applies policies, as far as its DaemonSet shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applies {
    Always,
    /// The DaemonSet does not show it, for this reason.
    Unknown(&'static str),
    /// If there is a container of this name.
    WithContainer(&'static str),
    /// If a flag is set.
    WithFlag(&'static str),
    /// Unless a flag is set to false.
    UnlessOff(&'static str),
}

/// Whether a plugin that runs applies policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    NotApplied,
    /// For this reason, it is not known.
    Unknown(&'static str),
    Applied,
}

/// The name of kube-router.
pub(super) const KUBE_ROUTER: &str = "kube-router";

/// Every plugin that is recognized by a DaemonSet.
pub(super) const KNOWN: [Known; 13] = [
    known("Amazon VPC CNI", &["aws-node"], Applies::WithFlag(ENABLE_NETWORK_POLICY)),
    known("Antrea", &["antrea-agent"], Applies::Always),
    known("Azure Network Policy Manager", &["azure-npm"], Applies::Always),
    known("Calico", &["calico-node", "canal", "rke2-canal"], Applies::Always),
    known("Cilium", &["cilium"], Applies::Always),
    known("Flannel", &["kube-flannel-ds"], Applies::WithContainer("kube-network-policies")),
    known("GKE Dataplane V2", &["anetd"], Applies::Always),
    known("kindnet", &["kindnet"], Applies::Unknown("it applies policies since kind v0.24.0")),
    known("Kube-OVN", &["kube-ovn-cni"], Applies::Always),
    known("kube-network-policies", &["kube-network-policies"], Applies::Always),
    Known { confuses_directions: true, ..known(KUBE_ROUTER, &["kube-router"], Applies::UnlessOff(RUN_FIREWALL)) },
    known("OVN-Kubernetes", &["ovnkube-node"], Applies::Always),
    known("Weave Net", &["weave-net"], Applies::WithContainer("weave-npc")),
];

const fn known(name: &'static str, daemon_sets: &'static [&'static str], applies: Applies) -> Known {
    Known { name, daemon_sets, applies, confuses_directions: false }
}

impl Known {
    /// Returns the plugin that a DaemonSet runs.
    pub(super) fn of(daemon_set: &DaemonSetObject) -> Option<&'static Known> {
        KNOWN.iter().find(|known| known.daemon_sets.contains(&daemon_set.name.as_str()))
    }

    /// Returns whether it applies policies, if it is run by this DaemonSet.
    pub(super) fn state(&self, daemon_set: &DaemonSetObject) -> State {
        let applied = |is_applied: bool| if is_applied { State::Applied } else { State::NotApplied };
        match self.applies {
            Applies::Always => State::Applied,
            Applies::Unknown(reason) => State::Unknown(reason),
            Applies::WithContainer(name) => applied(daemon_set.containers.iter().any(|container| container == name)),
            Applies::WithFlag(flag) => applied(daemon_set.flag(flag) == Some(true)),
            Applies::UnlessOff(flag) => applied(daemon_set.flag(flag) != Some(false)),
        }
    }
}
