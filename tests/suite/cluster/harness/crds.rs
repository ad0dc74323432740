//! The kinds of other APIs. Those of Cilium are defined as by the project, so that the API server adds defaults to policies and rejects
//! invalid ones. All others have definitions of our own; their groups, versions, kinds and plural names are those of the projects, and
//! so are the fields of `MultiNetworkPolicy`. Those of Calico have any content.

use std::ffi::OsString;
use std::process::Command;
use std::sync::Once;

use serde_json::{Value, json};

use super::go::Module;
use super::guard::apply;
use super::plane::plane;
use super::wait::until;

const MODULE: Module = Module {
    folder: "crds",
    files: &["go.mod", "go.sum", "main.go"],
    versioned: "github.com/cilium/cilium",
    what: "the program that prints the kinds of Cilium",
    without_go: "these tests install the kinds of Cilium on a real kube-apiserver: install Go 1.26 or later (https://go.dev/dl) to build the \
        program that prints their definitions",
};

/// The kinds of Cilium that webhooks are registered for, each with the version that is stored.
const CILIUM: [(&str, &str); 10] = [
    ("v2", "ciliumnetworkpolicies"),
    ("v2", "ciliumclusterwidenetworkpolicies"),
    ("v2", "ciliumcidrgroups"),
    ("v2", "ciliumlocalredirectpolicies"),
    ("v2", "ciliumegressgatewaypolicies"),
    ("v2", "ciliumendpoints"),
    ("v2alpha1", "ciliumendpointslices"),
    ("v2", "ciliumidentities"),
    ("v2", "ciliumenvoyconfigs"),
    ("v2", "ciliumclusterwideenvoyconfigs"),
];

/// Installs the kinds of Cilium.
pub(crate) fn cilium() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let definitions = printed(&CILIUM.map(|(_, plural)| plural)).unwrap_or_else(|error| panic!("{error}"));
        // A client-side apply would copy each definition into an annotation, for which some are too large.
        plane().kubectl.run(["apply", "--server-side", "-f", "-"], &definitions).expect("the kinds of Cilium");
        for (version, plural) in CILIUM {
            served("cilium.io", version, plural);
        }
    });
}

/// Installs `MultiNetworkPolicy` in two versions. The project defines v1beta2 but does not serve it; a kind in two versions is needed.
pub(crate) fn multi() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let object = |fields: Value| json!({"type": "object", "properties": fields});
        let list = |items: &Value| json!({"type": "array", "items": items});
        let string = json!({"type": "string"});
        let mut expression = object(json!({"key": string, "operator": string, "values": list(&string)}));
        expression["required"] = json!(["key", "operator"]);
        let labels = json!({"type": "object", "additionalProperties": string});
        let selector = object(json!({"matchLabels": labels, "matchExpressions": list(&expression)}));
        let mut block = object(json!({"cidr": string, "except": list(&string)}));
        block["required"] = json!(["cidr"]);
        let peers = list(&object(json!({"podSelector": selector, "namespaceSelector": selector, "ipBlock": block})));
        let number = json!({"x-kubernetes-int-or-string": true});
        let ports = list(&object(json!({"protocol": string, "port": number, "endPort": {"type": "integer"}})));
        let spec = object(json!({
            "podSelector": selector, "policyTypes": list(&string),
            "ingress": list(&object(json!({"ports": ports, "from": peers}))),
            "egress": list(&object(json!({"ports": ports, "to": peers}))),
        }));
        let versions = ["v1beta1", "v1beta2"];
        install("k8s.cni.cncf.io", "multi-networkpolicies", "MultiNetworkPolicy", "Namespaced", &versions, &object(json!({"spec": spec})));
    });
}

/// Installs the kinds of Calico that belong to a namespace.
pub(crate) fn calico() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        install("crd.projectcalico.org", "networkpolicies", "NetworkPolicy", "Namespaced", &["v1"], &any);
        install("crd.projectcalico.org", "networksets", "NetworkSet", "Namespaced", &["v1"], &any);
    });
}

/// Installs a kind. The first version is stored.
pub(crate) fn install(group: &str, plural: &str, kind: &str, scope: &str, versions: &[&str], schema: &Value) {
    let version =
        |(index, name): (usize, &&str)| json!({"name": name, "served": true, "storage": index == 0, "schema": {"openAPIV3Schema": schema}});
    let all: Vec<Value> = versions.iter().enumerate().map(version).collect();
    apply(&json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": scope, "versions": all,
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
        },
    }));
    for version in versions {
        served(group, version, plural);
    }
}

fn served(group: &str, version: &str, plural: &str) {
    until(&format!("{plural} are served"), || plane().api.get(&format!("/apis/{group}/{version}/{plural}")).ok().then_some(()));
}

/// Returns the definitions of kinds of Cilium as YAML documents.
fn printed(plurals: &[&str]) -> Result<String, String> {
    let program = MODULE.built("crds", |_| vec![OsString::from(".")], |_| Ok(()))?.join("crds");
    let output = Command::new(&program).args(plurals).output().map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    if !output.status.success() {
        return Err(format!("{} failed: {}", program.display(), String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
