//! Policies of other APIs: the definitions of the projects, from their Go modules.
//!
//! `MultiNetworkPolicy` also is served in its version v1beta2, which the project defines but does not serve, because a kind in two versions
//! is needed. A definition of our own is only needed for a kind that `--foreign-kind` names.

use std::path::{Path, PathBuf};
use std::sync::Once;

use serde_json::{Value, json};

use super::go::Files;
use super::guard::apply;
use super::plane::plane;
use super::wait::until;

const FILES: Files = Files {
    folder: "crds",
    without_go: "these tests install policy kinds of Cilium, Calico and the Network Plumbing Working Group on a real kube-apiserver: \
        install Go 1.26 or later (https://go.dev/dl) to download their definitions",
};

/// Installs the kinds of Cilium.
pub(crate) fn cilium() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let folder = folder("github.com/cilium/cilium").join("pkg/k8s/apis/cilium.io/client/crds/v2");
        for plural in ["ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies", "ciliumendpoints", "ciliumidentities"] {
            install_file(&folder.join(format!("{plural}.yaml")));
            served("cilium.io", "v2", plural);
        }
    });
}

/// Installs `MultiNetworkPolicy` in two versions.
pub(crate) fn multi() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let (group, plural) = ("k8s.cni.cncf.io", "multi-networkpolicies");
        install_file(&folder("github.com/k8snetworkplumbingwg/multi-networkpolicy").join("scheme.yml"));
        let served_too = json!([{"op": "replace", "path": "/spec/versions/1/served", "value": true}]);
        let words = ["patch", "crd", &format!("{plural}.{group}"), "--type=json", "-p", &served_too.to_string()];
        plane().kubectl.run(words, "").expect("a second version");
        for version in ["v1beta1", "v1beta2"] {
            served(group, version, plural);
        }
    });
}

/// Installs the kinds of Calico that belong to a namespace.
pub(crate) fn calico() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let (group, folder) = ("crd.projectcalico.org", folder("github.com/projectcalico/calico").join("libcalico-go/config/crd"));
        for plural in ["networkpolicies", "networksets"] {
            install_file(&folder.join(format!("{group}_{plural}.yaml")));
            served(group, "v1", plural);
        }
    });
}

/// Installs a kind with any content in one version, v2.
pub(crate) fn install(group: &str, plural: &str, kind: &str) {
    let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let version: Value = json!({"name": "v2", "served": true, "storage": true, "schema": {"openAPIV3Schema": any}});
    apply(&json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "versions": [version],
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
        },
    }));
    served(group, "v2", plural);
}

fn folder(module: &str) -> PathBuf {
    FILES.of(module).unwrap_or_else(|error| panic!("{error}"))
}

/// Installs a definition. A client-side apply would copy it into an annotation, for which some are too large.
fn install_file(file: &Path) {
    plane().kubectl.run(["apply", "--server-side", "-f", &file.display().to_string()], "").expect("a definition");
}

fn served(group: &str, version: &str, plural: &str) {
    until(&format!("{plural} are served"), || plane().api.get(&format!("/apis/{group}/{version}/{plural}")).ok().then_some(()));
}
