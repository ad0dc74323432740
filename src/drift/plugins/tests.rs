//! Clusters with network plugins, as their manifests describe them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::known::KNOWN;
use super::{DaemonSetObject, K3sServer, Network, applying};
use crate::canon::{Canons, DEFAULT, Documents, split_directions};
use crate::drift::{Finding, Memory, NotEvaluated, Repair, Section, Severity, Snapshot, plan};
use crate::verdict::{Guard, Settings};

const NAMESPACE: &str = "abcdesktop";

fn guard_of(canons: Canons) -> Guard {
    Guard::new(Arc::new(canons), Arc::new(Settings::default()))
}

fn guard() -> Guard {
    guard_of(Canons::load(&DEFAULT.map(str::to_owned), &[NAMESPACE.to_owned()]).unwrap())
}

/// Returns a DaemonSet that runs on three nodes, as the API server returns it.
fn daemon_set(namespace: &str, name: &str, containers: &Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"spec": {"containers": containers}}},
        "status": {"desiredNumberScheduled": 3},
    })
}

fn network(daemon_sets: &[Value]) -> Network {
    Network { daemon_sets: daemon_sets.iter().map(DaemonSetObject::read).collect(), k3s: None }
}

fn planned(guard: &Guard, network: &Network) -> (Vec<Finding>, Vec<NotEvaluated>) {
    let snapshot = Snapshot { network: Some(Ok(network.clone())), ..Snapshot::default() };
    let plan = plan(&snapshot, guard, Repair::default(), &Memory::default(), Duration::ZERO);
    assert_eq!(plan.actions, []);
    assert!(plan.findings.iter().all(|finding| finding.section == Section::Plugins));
    (plan.findings, plan.not_evaluated)
}

/// Returns the severity, id and name of each finding, the worst first.
fn found(network: &Network) -> Vec<(Severity, &'static str, String)> {
    let (findings, not_evaluated) = planned(&guard(), network);
    assert_eq!(not_evaluated, []);
    let mut found: Vec<_> = findings.into_iter().map(|finding| (finding.severity, finding.id, finding.object.name)).collect();
    found.sort_by(|left, right| (right.0, left).cmp(&(left.0, right)));
    found
}

fn k3s(nodes: &[Value]) -> Network {
    Network { k3s: Some(Ok(nodes.iter().filter_map(K3sServer::read).collect())), ..Network::default() }
}

/// Returns a node of k3s with the arguments of its process.
fn node(arguments: &Value) -> Value {
    json!({"metadata": {"name": "n", "annotations": {"k3s.io/node-args": arguments.to_string()}}})
}

/// What is found where kube-router applies the default canons: the two policies that open something, of both canons.
fn of_kube_router() -> Vec<(Severity, &'static str, String)> {
    let warning = |name: &str| (Severity::Warning, "mixed-directions", name.to_owned());
    let notes = found(&network(&[daemon_set("kube-system", "kube-router", &json!([]))])).into_iter().filter(|it| it.0 == Severity::Note);
    ["ocuser-rights", "ocuser-rights", "pyos-rights", "pyos-rights"].into_iter().map(warning).chain(notes).collect()
}

#[test]
fn a_plugin_that_applies_policies_is_ok() {
    let agent =
        |value: &str| json!([{"name": "aws-node"}, {"name": "aws-eks-nodeagent", "args": [format!("--enable-network-policy={value}")]}]);
    let empty = json!([]);
    for (namespace, name, containers, plugin) in [
        ("kube-system", "calico-node", &empty, "Calico"),
        ("calico-system", "calico-node", &empty, "Calico"),
        ("kube-system", "rke2-canal", &empty, "Calico"),
        ("kube-system", "cilium", &empty, "Cilium"),
        ("kube-system", "anetd", &empty, "GKE Dataplane V2"),
        ("openshift-ovn-kubernetes", "ovnkube-node", &empty, "OVN-Kubernetes"),
        ("kube-system", "aws-node", &agent("true"), "Amazon VPC CNI"),
        ("kube-system", "weave-net", &json!([{"name": "weave"}, {"name": "weave-npc"}]), "Weave Net"),
        ("kube-flannel", "kube-flannel-ds", &json!([{"name": "kube-flannel"}, {"name": "kube-network-policies"}]), "Flannel"),
    ] {
        let network = network(&[daemon_set("monitoring", "node-exporter", &empty), daemon_set(namespace, name, containers)]);
        assert_eq!((found(&network), applying(&guard(), &network)), (vec![], vec![plugin]));
    }
    // Another plugin may apply policies for one that does not.
    let both = network(&[daemon_set("kube-system", "aws-node", &agent("false")), daemon_set("calico-system", "calico-node", &empty)]);
    assert_eq!((found(&both), applying(&guard(), &both)), (vec![], vec!["Calico"]));
}

#[test]
fn a_plugin_that_applies_no_policies_is_a_warning() {
    let off = json!([{"name": "aws-node"}, {"name": "aws-eks-nodeagent", "args": ["--enable-network-policy=false"]}]);
    let router = json!([{"name": "kube-router", "args": ["--run-router=true", "--run-firewall=false"]}]);
    for (name, containers, plugin) in [
        ("kube-flannel-ds", json!([{"name": "kube-flannel", "args": ["--ip-masq"]}]), "Flannel"),
        ("aws-node", off, "Amazon VPC CNI"),
        ("aws-node", json!([{"name": "aws-node"}]), "Amazon VPC CNI"),
        ("weave-net", json!([{"name": "weave"}]), "Weave Net"),
        ("kube-router", router, "kube-router"),
    ] {
        let network = network(&[daemon_set("kube-system", name, &containers)]);
        assert_eq!(found(&network), [(Severity::Warning, "policies-not-applied", plugin.to_owned())]);
        assert!(planned(&guard(), &network).0[0].message.starts_with(&format!("{plugin} does not apply NetworkPolicies as it runs here")));
        assert_eq!(applying(&guard(), &network), [""; 0]);
    }
}

#[test]
fn what_is_not_known_is_a_note() {
    let unknown = |name: &str| [(Severity::Note, "plugin-unknown", name.to_owned())];
    let calico = daemon_set("kube-system", "calico-node", &json!([]));
    assert_eq!(found(&Network::default()), unknown("unknown"));
    assert_eq!(found(&network(&[daemon_set("kube-system", "kube-proxy", &json!([]))])), unknown("unknown"));
    // It runs on no node, or in a namespace whose users are not trusted.
    let mut nowhere = calico.clone();
    nowhere["status"]["desiredNumberScheduled"] = json!(0);
    assert_eq!(found(&network(&[nowhere])), unknown("unknown"));
    assert_eq!(found(&network(&[daemon_set(NAMESPACE, "calico-node", &json!([]))])), unknown("unknown"));
    let mut without_status = calico;
    without_status["status"] = json!(null);
    assert_eq!(found(&network(&[without_status])), unknown("unknown"));
    // Flannel next to a plugin that may apply policies.
    let kindnet = daemon_set("kube-system", "kindnet", &json!([]));
    assert_eq!(found(&network(std::slice::from_ref(&kindnet))), unknown("kindnet"));
    assert_eq!(found(&network(&[kindnet, daemon_set("kube-flannel", "kube-flannel-ds", &json!([]))])), unknown("kindnet"));
}

#[test]
fn with_kube_router_policies_with_rules_in_both_directions_are_found() {
    let router =
        |arguments: &Value| network(&[daemon_set("kube-system", "kube-router", &json!([{"name": "kube-router", "args": arguments}]))]);
    for arguments in
        [json!([]), json!(["--run-firewall=true"]), json!(["--run-firewall"]), json!(["--run-firewall=false", "--run-firewall=1"])]
    {
        let found = found(&router(&arguments));
        assert_eq!(found, of_kube_router());
        let warnings = found.iter().filter(|(severity, ..)| *severity == Severity::Warning).count();
        assert_eq!(warnings, 4);
    }
    let (findings, _) = planned(&guard(), &router(&json!([])));
    let of_desktops =
        findings.iter().find(|finding| finding.object.name == "ocuser-rights" && finding.message.contains(" of abcdesktop has")).unwrap();
    assert_eq!(
        of_desktops.message,
        "NetworkPolicy \"ocuser-rights\" of abcdesktop has rules in both directions, and kube-router (k3s embeds it) applies both to \
         connections between its pods. That also opens desktop -> desktop TCP 80, 88, 443, 8000, UDP 88. Use one policy for each direction. \
         This cluster has kube-router: accept the canon that the command prints, and create its policies"
    );
    assert_eq!(of_desktops.command.as_deref(), Some("netpol render canon abcdesktop --split-directions > canon.yaml"));
    assert_eq!(of_desktops.object.namespace, NAMESPACE);
}

#[test]
fn a_canon_with_one_policy_for_each_direction_has_no_finding() {
    let documents = Documents::read("abcdesktop").unwrap();
    let documents: Vec<String> = split_directions(&documents).unwrap().iter().map(ToString::to_string).collect();
    let text = documents.join("\n---\n");
    let canons = Canons::from_documents(&[Documents::from_text("canon.yaml", &text)], &[NAMESPACE.to_owned()]).unwrap();
    let router = network(&[daemon_set("kube-system", "kube-router", &json!([]))]);
    assert_eq!(planned(&guard_of(canons), &router), (vec![], vec![]));
}

#[test]
fn k3s_is_recognized_by_its_servers() {
    let server = node(&json!(["server", "--token", "********", "--flannel-backend", "host-gw"]));
    let agent = node(&json!(["agent"]));
    let found_k3s = found(&k3s(&[agent.clone(), server.clone()]));
    assert_eq!(found_k3s, of_kube_router());
    assert_eq!(applying(&guard(), &k3s(std::slice::from_ref(&server))), ["k3s"]);
    let (findings, _) = planned(&guard(), &k3s(std::slice::from_ref(&server)));
    assert!(findings[0].message.contains("This cluster has k3s, which embeds kube-router: "), "{}", findings[0].message);

    for off in [json!(["server", "--disable-network-policy"]), json!(["server", "--disable-network-policy", "true", "--debug"])] {
        let warning = (Severity::Warning, "policies-not-applied", "k3s".to_owned());
        assert_eq!(found(&k3s(&[server.clone(), node(&off)])), [warning]);
        // Then another plugin applies them.
        let mut network = k3s(&[node(&off)]);
        network.daemon_sets.push(DaemonSetObject::read(&daemon_set("kube-system", "cilium", &json!([]))));
        assert_eq!(found(&network), []);
    }
    assert_eq!(found(&k3s(&[node(&json!(["server", "--disable-network-policy", "false"]))])), of_kube_router());

    // Servers that are no nodes show nothing.
    let nothing = found(&k3s(&[agent, json!({"metadata": {"name": "n"}}), node(&json!("server"))]));
    assert!(
        nothing.contains(&(Severity::Note, "plugin-unknown", "k3s".to_owned())) && nothing.len() == of_kube_router().len() + 1,
        "{nothing:?}"
    );
}

#[test]
fn nodes_of_k3s_that_could_not_be_read_are_not_evaluated() {
    let network = Network { k3s: Some(Err("not allowed to list nodes".to_owned())), ..Network::default() };
    let reason = NotEvaluated { section: Section::Plugins, reason: "not allowed to list nodes".to_owned() };
    assert_eq!(planned(&guard(), &network), (vec![], vec![reason]));
}

#[test]
fn arguments_are_not_kept() {
    let containers = json!([{"name": "kube-router", "args": ["--run-firewall=true", "--peer-router-passwords=s3cret"]}]);
    let network = network(&[daemon_set("kube-system", "kube-router", &containers)]);
    assert!(!format!("{network:?}").contains("s3cret"));
}

#[test]
fn every_known_plugin_is_in_the_document() {
    let page = include_str!("../../../docs/plugins.md");
    for known in &KNOWN {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| {} |", known.name)) && line.contains(&format!("`{}`", known.daemon_sets[0])));
        let row = row.unwrap_or_else(|| panic!("docs/plugins.md has no row for {}", known.name));
        assert!(known.daemon_sets.iter().all(|name| row.contains(&format!("`{name}`"))), "{row}");
    }
}
