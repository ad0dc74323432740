//! Policies of other APIs: definitions of their kinds, with any content. The groups, versions, kinds and plural names are those of the projects,
//! and so is the default of a `CiliumNetworkPolicy`. `MultiNetworkPolicy` also is served in its version v1beta2, which the project defines
//! but does not serve, because a kind in two versions is needed.

use std::sync::Once;

use serde_json::{Value, json};

use super::guard::apply;
use super::plane::plane;
use super::wait::until;

/// Installs the kinds of Cilium.
pub(crate) fn cilium() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let open = |properties: Value| json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": properties});
        let list = |items: &Value| json!({"type": "array", "items": items});
        // The API server stores the family of an ICMP type, also if a client does not state it.
        let field = open(json!({"family": {"type": "string", "default": "IPv4"}}));
        let rule = open(json!({"icmps": list(&open(json!({"fields": list(&field)})))}));
        let policy = open(json!({"spec": open(json!({"ingress": list(&rule), "egress": list(&rule)}))}));
        install("cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy", "Namespaced", &["v2"], &policy);
        install("cilium.io", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy", "Cluster", &["v2"], &any);
        install("cilium.io", "ciliumendpoints", "CiliumEndpoint", "Namespaced", &["v2"], &any);
        install("cilium.io", "ciliumidentities", "CiliumIdentity", "Cluster", &["v2"], &any);
    });
}

/// Installs `MultiNetworkPolicy` in two versions.
pub(crate) fn multi() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        install("k8s.cni.cncf.io", "multi-networkpolicies", "MultiNetworkPolicy", "Namespaced", &["v1beta1", "v1beta2"], &any);
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
        until(&format!("{plural} are served"), || plane().api.get(&format!("/apis/{group}/{version}/{plural}")).ok().then_some(()));
    }
}
