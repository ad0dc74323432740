//! Values for the tests of the chart.

use serde_json::{Value, json};

/// A canon with a selector in every place that the API allows, in documents of every supported form.
pub(crate) const CANON: &str = "\
# A canon of a document and a list.
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: front}
spec:
  podSelector: {matchLabels: {tier: front}}
  ingress:
  - from:
    - podSelector: {matchExpressions: [{key: example.org/role, operator: In, values: [client]}]}
      namespaceSelector: {matchLabels: {team: red}, matchExpressions: [{key: zone, operator: Exists}]}
  # Without policyTypes, this makes it a policy of both directions.
  egress:
  - to:
    - podSelector: {matchLabels: {netpol/db: 'true'}}
--- # the rest
apiVersion: v1
kind: List
items:
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: back}
  spec:
    podSelector: {matchLabels: {tier: back, netpol/db: 'true'}}
    policyTypes: [Ingress]
    ingress:
    - {}
    egress:
    - to:
      - podSelector: {matchLabels: {unused-key: x}}
";

/// Policies of other APIs: of a kind whose plural has a dash, of a kind that a flag adds, and of one that has the name of another kind.
pub(crate) const FOREIGN: &str = "\
apiVersion: v1
kind: List
items:
- {apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: crew}, spec: {}}
- {apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: admins}, spec: {}}
- {apiVersion: k8s.cni.cncf.io/v1beta1, kind: MultiNetworkPolicy, metadata: {name: lan}, spec: {}}
- {apiVersion: crd.projectcalico.org/v1, kind: NetworkPolicy, metadata: {name: lan}, spec: {}}
- {apiVersion: example.org/v1, kind: FlowPolicy, metadata: {name: flow}, spec: {}}
";

/// The grants of the canon, in another file. JSON is valid YAML.
pub(crate) const GRANTS: &str = r#"{"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"},
 "grants": [{"name": "client", "podSelector": {"matchLabels": {"app": "c"}, "matchExpressions": [{"key": "old", "operator": "DoesNotExist"}]}, "labels": {"netpol/db": "true"},
   "claims": {"users": ["o\"brien"], "serviceAccounts": ["maker", "ops/maker"]}, "images": ["registry.example/*:1"]}], "protectedLabels": ["team", "app"]}"#;

/// A canon that isolates pods as the built-in ones do, so that both can be accepted.
pub(crate) const ISOLATING: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: abcdesktop-rights}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: front}
spec:
  podSelector: {matchLabels: {tier: front}}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: red}}
";

/// A canon without neighbor namespaces.
pub(crate) const ALONE: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only}
spec:
  podSelector: {matchLabels: {tier: front}}
  ingress:
  - from:
    - podSelector: {matchLabels: {role: client}}
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
";

/// Returns a CA certificate for a bundle.
pub(crate) fn bundle() -> String {
    crate::support::certificates::Authority::new("a CA").pem()
}

/// Returns sets of values with their names. The first set is the defaults.
pub(crate) fn sets() -> Vec<(&'static str, Value)> {
    vec![
        ("the defaults", json!({})),
        (
            "the other built-in canon",
            json!({"canon": {"builtIn": "abcdesktop-4.4"}, "namespaces": ["desktops", "more-desktops"], "replicas": 1}),
        ),
        ("both built-in canons, the release first", json!({"canon": {"builtIn": ["abcdesktop-4.4", "abcdesktop"]}})),
        (
            "a canon of one's own and a built-in one",
            json!({"canon": {"documents": {"canon.yaml": ISOLATING}, "builtIn": "abcdesktop-4.4"}}),
        ),
        (
            "everything",
            json!({
                "namespaces": ["a", "b", "c"],
                "canon": {"name": "desktops", "documents": {"canon.yaml": CANON, "foreign.yaml": FOREIGN, "grants.json": GRANTS}},
                "verdicts": {
                    "enforcement": "audit", "ungrantedLabels": "strip", "extraPolicies": "deny", "foreignPolicies": "deny",
                    "neighbors": "deny", "networkAnnotations": "allow", "hostNetwork": "warn", "workloads": "ignore",
                    "claims": "deny",
                    "workloadControllers": ["x=Job", "argo=Rollout", "cn=o\"brien,ou=x=Job,CronJob", "x=CronJob"],
                    "pluginWriters": ["eks:network-policy-controller", "o\"brien's $(HOME)"],
                    "networkAnnotationKeys": ["example.org/pool", "plain"], "foreignKinds": ["example.org/flowpolicies", "kubeovn.io/vpcs", "example.org/flow-policies"],
                    "namespaceControllers": ["system:kube-controller-manager", "o\"brien <o@example.org> \\ $(HOME)"],
                    "breakGlassGroups": ["cn=admins,ou=groups", "'quoted': {no: yaml} # no comment", "$(HOSTNAME)"],
                },
                "certificates": {"selfManaged": {"secretName": "served", "caLifetime": "90d", "leafLifetime": "24h"}},
                "tls": {"minVersion": "1.2", "clientCA": {"configMap": "callers", "key": "callers.crt", "names": ["kube-apiserver", "with,comma"]}},
                "replicas": 3,
                "image": {"repository": "registry.example:5000/guard/netpol", "digest": format!("sha256:{}", "a".repeat(64)), "pullPolicy": "Always", "pullSecrets": ["registry"]},
                "ports": {"webhook": 10250, "admin": 9090, "address": "0.0.0.0"},
                "service": {"port": 8443, "annotations": {"example.org/kept": "yes"}},
                "limits": {"maxBody": 33_554_432, "bodyBudget": 134_217_728, "maxConnections": 1_000_000, "maxReviews": 100, "drainDelay": "1m5s"},
                "audit": {"log": "/var/log/netpol/$(POD_NAME).jsonl", "level": "all", "volume": {"persistentVolumeClaim": {"claimName": "audit"}}},
                "log": {"format": "text", "filter": "netpol=debug,info"},
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
                "terminationGracePeriodSeconds": 90,
                "podDisruptionBudget": {"minAvailable": "50%"},
                "priorityClassName": "system-cluster-critical",
                "nodeSelector": {"kubernetes.io/os": "linux"},
                "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}],
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["system"]}]}]}}},
                "topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "abcdesktop-netpol"}}}],
                "podAnnotations": {"example.org/number": "1"},
                "podLabels": {"team": "desktops"},
                "serviceAccount": {"annotations": {"example.org/account": "x"}},
                "networkPolicy": {"apiServer": {"cidrs": ["10.0.0.0/24", "fd00::/64"], "ports": [6443]},
                    "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "kube-monitor"}}, "podSelector": {}}],
                    "dns": [{"ipBlock": {"cidr": "169.254.20.10/32"}}]},
                "metrics": {"serviceMonitor": {"enabled": true, "interval": "15s", "labels": {"release": "prometheus"}},
                    "prometheusRule": {"enabled": true, "labels": {"release": "prometheus"}, "expiryHours": 4, "refusals": 0},
                    "dashboard": {"enabled": true, "labels": {"grafana": "x"}, "annotations": {"grafana_folder": "Security"}}},
                "fullnameOverride": "guard",
            }),
        ),
        (
            "the drift controller, which repairs",
            json!({"controller": {"enabled": true, "mode": "repair", "replicas": 2}, "canon": {"documents": {"canon.yaml": CANON}}}),
        ),
        ("no controller", json!({"controller": {"enabled": false}})),
        (
            "cert-manager with the CA of the chart",
            json!({"controller": {"probeInterval": "0"}, "certificates": {"mode": "certManager"}, "canon": {"documents": {"only.yml": ALONE}}}),
        ),
        (
            "cert-manager with an existing issuer",
            json!({"certificates": {"mode": "certManager", "certManager": {"issuerRef": {"name": "corporate", "kind": "ClusterIssuer", "group": "cert-manager.io"},
                "duration": "48h", "renewBefore": "16h"}}, "networkPolicy": {"apiServer": {"cidrs": ["192.0.2.7/32"]}}, "nameOverride": "netpol"}),
        ),
        (
            "an existing Secret",
            json!({"certificates": {"mode": "secret", "secret": {"name": "own-tls", "caBundle": bundle()}}, "serviceAccount": {"create": false, "name": "default"},
                "verdicts": {"neighbors": "deny"}, "canon": {"configMap": {"name": "own-canon", "identityKeys": ["run", "type"], "neighborSelectors": [{"matchLabels": {"name": "kube-monitor"}}], "foreignPolicies": ["cilium.io/v2/ciliumnetworkpolicies/crew"]}}}),
        ),
        (
            "a minimum of objects",
            json!({"networkPolicy": {"enabled": false}, "podDisruptionBudget": {"enabled": false}, "replicas": 1, "resources": null,
                "admissionPolicies": {"namespaceController": false, "secrets": false},
                "audit": {"log": "/var/log/netpol/audit.jsonl", "volume": {"emptyDir": {"sizeLimit": "1Gi"}}},
                "canon": {"configMap": {"name": "own-canon", "identityKeys": ["tier"]}}}),
        ),
    ]
}
