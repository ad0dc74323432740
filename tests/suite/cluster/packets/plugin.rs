//! The network plugin: the policy controller of SIG Network in `tests/packets`, built once per machine.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::json;

use super::node::Node;
use crate::cluster::harness::go::Module;
use crate::cluster::harness::guard::{apply, create_namespace};
use crate::cluster::harness::kubelet::account_kubeconfig;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::reaper::Process;

const MODULE: Module = Module {
    folder: "packets",
    files: &["go.mod", "go.sum", "main.go"],
    versioned: "sigs.k8s.io/kube-network-policies",
    what: "the network plugin of the tests",
    without_go: "these tests run a real network plugin: install Go 1.26 or later (https://go.dev/dl) to build it",
};

/// The namespace of its service account, and the name of the account.
const ACCOUNT: &str = "network-plugin";

/// Returns the path of the program.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = || {
        let arguments = |_: &str| ["-ldflags", "-s -w", "."].into_iter().map(Into::into).collect();
        MODULE.built("enforcer", arguments, |_| Ok(())).map(|folder| folder.join("enforcer"))
    };
    match PROGRAM.get_or_init(built) {
        Ok(program) => program,
        Err(sentence) => panic!("{sentence}"),
    }
}

/// Returns the kubeconfig of its account, which only reads what it applies.
fn kubeconfig() -> &'static Path {
    static KUBECONFIG: OnceLock<PathBuf> = OnceLock::new();
    KUBECONFIG.get_or_init(|| {
        create_namespace(ACCOUNT);
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": ACCOUNT}});
        let read = json!(["get", "list", "watch"]);
        let rules = json!([
            {"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": read},
            {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": read},
        ]);
        let group = "rbac.authorization.k8s.io";
        let version = format!("{group}/v1");
        apply(&json!({"apiVersion": "v1", "kind": "List", "items": [
            account,
            {"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": ACCOUNT}, "rules": rules},
            {
                "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": ACCOUNT},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": ACCOUNT},
                "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": ACCOUNT}],
            },
        ]}));
        let path = plane().reaper.folder().join(format!("{ACCOUNT}.json"));
        std::fs::write(&path, account_kubeconfig(ACCOUNT, ACCOUNT).to_string()).expect("a kubeconfig");
        path
    })
}

/// Starts the plugin on a node.
pub(super) fn start(node: &Node, name: &str) -> Process {
    let flags = [format!("--kubeconfig={}", kubeconfig().display()), format!("--node={name}")];
    let program = program();
    let process = node.network.inside(|| plane().reaper.start(&format!("plugin-{name}"), program, &flags));
    process.unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()))
}
