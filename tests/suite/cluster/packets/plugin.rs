//! The network plugins, built once per machine: the policy controller of SIG Network in `tests/packets`, and kube-router in
//! `tests/packets/kube-router`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::node::Node;
use super::place::is_user_namespace;
use crate::cluster::harness::go::Module;
use crate::cluster::harness::guard::{apply, create_namespace};
use crate::cluster::harness::kubelet::account_kubeconfig;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::reaper::Process;

/// The variable that chooses the plugin of the tests of the canon.
const VARIABLE: &str = "NETPOL_PACKETS_PLUGIN";
const WITHOUT_GO: &str = "these tests run a real network plugin: install Go 1.26 or later (https://go.dev/dl) to build it";

/// A network plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plugin {
    /// The controller of kube-network-policies, which judges packets in userspace.
    KubeNetworkPolicies,
    /// kube-router, which writes rules of iptables. Of this version, only IPv4 works.
    KubeRouter,
}

impl Plugin {
    /// Returns the plugin of the tests of the canon: the controller of kube-network-policies, unless the variable names another one.
    pub(super) fn chosen() -> Plugin {
        match std::env::var(VARIABLE).as_deref() {
            Err(_) | Ok("kube-network-policies") => Plugin::KubeNetworkPolicies,
            Ok("kube-router") => Plugin::KubeRouter,
            Ok(other) => panic!("{VARIABLE} is {other:?}, and not kube-network-policies or kube-router"),
        }
    }

    /// Returns whether it applies policies to IPv6.
    pub(super) fn has_ipv6(self) -> bool {
        self == Plugin::KubeNetworkPolicies
    }

    fn built(self) -> Result<PathBuf, String> {
        let (module, binary, package) = match self {
            Plugin::KubeNetworkPolicies => {
                let module = Module {
                    folder: "packets",
                    files: &["go.mod", "go.sum", "main.go"],
                    versioned: "sigs.k8s.io/kube-network-policies",
                    what: "the network plugin of the tests",
                    without_go: WITHOUT_GO,
                };
                (module, "enforcer", ".")
            }
            Plugin::KubeRouter => {
                let module = Module {
                    folder: "packets/kube-router",
                    files: &["go.mod", "go.sum"],
                    versioned: "github.com/cloudnativelabs/kube-router/v2",
                    what: "kube-router",
                    without_go: WITHOUT_GO,
                };
                (module, "kube-router", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router")
            }
        };
        let arguments = |_: &str| ["-ldflags", "-s -w", package].into_iter().map(Into::into).collect();
        module.built(binary, arguments, |_| Ok(())).map(|folder| folder.join(binary))
    }

    /// Returns the path of the program.
    fn program(self) -> &'static Path {
        static PROGRAMS: [OnceLock<Result<PathBuf, String>>; 2] = [const { OnceLock::new() }; 2];
        let build = || {
            if self == Plugin::KubeRouter {
                can_write_rules()?;
            }
            self.built()
        };
        match PROGRAMS[self as usize].get_or_init(build) {
            Ok(program) => program,
            Err(sentence) => panic!("{sentence}"),
        }
    }

    /// Returns the rules of its account, which only reads what it applies.
    fn rules(self) -> Value {
        let read = json!(["get", "list", "watch"]);
        let mut rules = vec![
            json!({"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": read}),
            json!({"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": read}),
        ];
        if self == Plugin::KubeRouter {
            rules.push(json!({"apiGroups": [""], "resources": ["nodes", "services", "endpoints"], "verbs": read}));
            rules.push(json!({"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read}));
        }
        Value::Array(rules)
    }

    /// Returns the kubeconfig of its account.
    fn kubeconfig(self) -> &'static Path {
        static KUBECONFIGS: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
        KUBECONFIGS[self as usize].get_or_init(|| {
            let account = match self {
                Plugin::KubeNetworkPolicies => "network-plugin",
                Plugin::KubeRouter => "kube-router",
            };
            create_namespace(account);
            let group = "rbac.authorization.k8s.io";
            let version = format!("{group}/v1");
            apply(&json!({"apiVersion": "v1", "kind": "List", "items": [
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": account}},
                {"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": account}, "rules": self.rules()},
                {
                    "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": account},
                    "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": account},
                    "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": account}],
                },
            ]}));
            let path = plane().reaper.folder().join(format!("{account}.json"));
            std::fs::write(&path, account_kubeconfig(account, account).to_string()).expect("a kubeconfig");
            path
        })
    }

    /// Starts the plugin on a node.
    pub(super) fn start(self, node: &Node, name: &str) -> Process {
        let program = self.program();
        let kubeconfig = format!("--kubeconfig={}", self.kubeconfig().display());
        let flags = match self {
            Plugin::KubeNetworkPolicies => vec![kubeconfig, format!("--node={name}")],
            Plugin::KubeRouter => [
                &kubeconfig,
                "--run-firewall=true",
                "--run-router=false",
                "--run-service-proxy=false",
                &format!("--hostname-override={name}"),
                "--service-cluster-ip-range=10.96.0.0/16",
                "--health-port=0",
                "--metrics-port=0",
                "--v=1",
            ]
            .map(str::to_owned)
            .into(),
        };
        let process = node.network.inside(|| plane().reaper.start(&format!("plugin-{name}"), program, &flags));
        process.unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()))
    }
}

/// Checks that kube-router can write its rules here.
fn can_write_rules() -> Result<(), String> {
    let missing = |program: &&str| Command::new(program).arg("--version").stdin(Stdio::null()).output().is_err();
    let missing: Vec<&str> = ["iptables", "ipset"].into_iter().filter(missing).collect();
    if !missing.is_empty() {
        let names = missing.join(" and ");
        return Err(format!("kube-router runs {names}, which this machine does not have: install the Debian packages of these names"));
    }
    let version = Command::new("iptables").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    if is_user_namespace() && String::from_utf8_lossy(&version).contains("nf_tables") {
        return Err("in a user namespace, kube-router can write no rules with iptables-nft: run the tests as root, or choose \
                    iptables-legacy (update-alternatives --set iptables /usr/sbin/iptables-legacy)"
            .to_owned());
    }
    Ok(())
}
