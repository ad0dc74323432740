//! Policies are compared by their meaning: similar spellings with another meaning are denied, in both directions if both exist, and
//! other spellings of the same meaning are admitted. The numbers are the rules of docs/semantics.md.

use serde_json::{Value, json};

use super::harness::act::kubectl;
use super::harness::guard::{Guard, write_canon};
use super::harness::scene::Scene;

fn policy(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec})
}

/// Returns ingress rules to the pods of the test from some peers, on TCP 80.
fn from(peers: &Value) -> Value {
    json!({"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"], "ingress": [{"from": peers, "ports": [{"port": 80}]}]})
}

/// Returns ingress rules to the pods of the test from all peers, on some ports.
fn on(ports: &Value) -> Value {
    json!({"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"], "ingress": [{"ports": ports}]})
}

/// Returns a guard whose canon has these policies and the one grant that the harness needs.
fn guard(name: &str, policies: &[Value]) -> Guard {
    let grants = json!({
        "apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": name},
        "grants": [{"name": "desktop", "podSelector": {"matchLabels": {"type": "x11server"}}, "labels": {"netpol/ocuser": "true"}}],
    });
    let reader = policy("reader", &json!({"podSelector": {"matchLabels": {"netpol/ocuser": "true"}}, "policyTypes": ["Egress"]}));
    let documents: Vec<Value> = [grants, reader].into_iter().chain(policies.iter().cloned()).collect();
    let guard = Guard::start(name, &write_canon(name, &documents), &[]);
    guard.register();
    guard
}

/// How one spec differs from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drift {
    Wider,
    Narrower,
    Both,
}

impl Drift {
    fn word(self) -> &'static str {
        match self {
            Drift::Wider => "wider",
            Drift::Narrower => "narrower",
            Drift::Both => "both",
        }
    }

    fn back(self) -> Drift {
        match self {
            Drift::Wider => Drift::Narrower,
            Drift::Narrower => Drift::Wider,
            Drift::Both => Drift::Both,
        }
    }
}

/// Returns similar spellings with different meanings, and the drift from the first to the second.
fn pairs() -> Vec<(&'static str, Value, Value, Drift)> {
    let own = json!([{"podSelector": {}}]);
    let cluster = json!([{"namespaceSelector": {}}]);
    let v4 = json!([{"ipBlock": {"cidr": "0.0.0.0/0"}}]);
    let every = json!([{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]);
    let dns = || json!({"matchLabels": {"k8s-app": "kube-dns"}});
    let system = || json!({"matchLabels": {"name": "kube-system"}});
    let two = json!([{"podSelector": dns()}, {"namespaceSelector": system()}]);
    let one = json!([{"podSelector": dns(), "namespaceSelector": system()}]);
    let absent = json!([{"podSelector": {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}}]);
    let present = json!([{"podSelector": {"matchExpressions": [
        {"key": "tier", "operator": "Exists"}, {"key": "tier", "operator": "NotIn", "values": ["x"]},
    ]}}]);
    let three = json!([{"protocol": "TCP"}, {"protocol": "UDP"}, {"protocol": "SCTP"}]);
    vec![
        ("1-everyone-own", from(&json!([])), from(&own), Drift::Narrower),
        ("1-everyone-cluster", from(&json!([])), from(&cluster), Drift::Narrower),
        ("1-own-cluster", from(&own), from(&cluster), Drift::Wider),
        ("2-everyone-block", from(&json!([])), from(&v4), Drift::Narrower),
        ("2-everyone-blocks", from(&json!([])), from(&every), Drift::Narrower),
        ("3-two-one", from(&two), from(&one), Drift::Narrower),
        ("4-name-number", on(&json!([{"port": "web"}])), on(&json!([{"port": 80}])), Drift::Both),
        ("5-all-three", on(&json!([])), on(&three), Drift::Narrower),
        ("7-absent-present", from(&absent), from(&present), Drift::Narrower),
    ]
}

#[test]
fn similar_spellings_with_another_meaning_are_denied_in_both_directions() {
    let pairs = pairs();
    let named = |pair: &str, side: &str| format!("case-{pair}-{side}");
    let canon: Vec<Value> =
        pairs.iter().flat_map(|(pair, first, second, _)| [policy(&named(pair, "a"), first), policy(&named(pair, "b"), second)]).collect();
    let guard = guard("looks-same", &canon);
    let scene = guard.scene();
    for manifest in &canon {
        scene.given(manifest);
    }
    for (pair, first, second, drift) in &pairs {
        assert_drift(&scene, &named(pair, "a"), second, *drift);
        assert_drift(&scene, &named(pair, "b"), first, drift.back());
    }
}

/// Checks that the policy cannot get the spec, and that the audit line names the drift.
#[track_caller]
fn assert_drift(scene: &Scene<'_>, name: &str, spec: &Value, drift: Drift) {
    scene.denied(&kubectl("replace -f -").stdin(&policy(name, spec)), &[name]);
    let lines = scene.guard.audit_lines();
    let line = lines.iter().rfind(|line| line["name"] == name && line["verdict"] == "denied").expect("an audit line");
    let changes: Vec<&str> = line["differences"].as_array().into_iter().flatten().filter_map(|one| one["change"].as_str()).collect();
    let (wider, narrower) = (changes.contains(&"wider"), changes.contains(&"narrower"));
    let result = if changes.contains(&"both") || (wider && narrower) {
        "both"
    } else if wider {
        "wider"
    } else {
        "narrower"
    };
    assert_eq!(result, drift.word(), "{name}: {line}");
    // If more traffic would be allowed, there is a witness.
    assert_eq!(line["witness"].is_object(), drift != Drift::Narrower, "{name}: {line}");
}

/// 2b.6: fewer policies, more traffic.
#[test]
fn the_last_policy_of_a_direction_cannot_be_deleted() {
    let only = policy("only-egress", &json!({"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Egress"]}));
    let guard = guard("last-egress", std::slice::from_ref(&only));
    let scene = guard.scene();
    scene.given(&only);
    scene.denied(&kubectl("delete networkpolicy only-egress"), &["only-egress"]);
    let open = json!({"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"]});
    scene.denied(&kubectl("apply -f -").stdin(&policy("only-egress", &open)), &["only-egress"]);
}

/// Returns specs and other spellings of them, by the numbers of part 2a.
fn spellings() -> Vec<(&'static str, Value, Vec<Value>)> {
    let app = |name: &str| json!({"podSelector": {"matchLabels": {"app": name}}});
    let expressed = |operator: &str, values: Value| json!({"podSelector": {"matchExpressions": [{"key": "app", "operator": operator, "values": values}]}});
    let rules = |rules: Value| json!({"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"], "ingress": rules});
    let block = |cidrs: &[&str]| from(&cidrs.iter().map(|cidr| json!({"ipBlock": {"cidr": cidr}})).collect());
    vec![
        (
            "1-order",
            from(&json!([app("a"), app("b")])),
            vec![from(&json!([app("b"), app("a")])), from(&json!([app("a"), app("b"), app("a")]))],
        ),
        (
            "1-types",
            json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
            vec![json!({"podSelector": {}, "policyTypes": ["Egress", "Ingress"]})],
        ),
        (
            "2-defaults",
            json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"protocol": "TCP", "port": 80}]}]}),
            vec![
                json!({"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}),
                json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [], "ports": [{"port": 80}]}],
                       "egress": [{"ports": [{"port": 1}]}]}),
                json!({"podSelector": {"matchLabels": {}}, "ingress": [{"ports": [{"port": 80}]}]}),
            ],
        ),
        (
            "3-selectors",
            from(&json!([app("a")])),
            vec![
                from(&json!([expressed("In", json!(["a"]))])),
                from(&json!([{"podSelector": {"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "app", "operator": "Exists"}]}}])),
                from(&json!([{"podSelector": {"matchExpressions": [
                    {"key": "app", "operator": "In", "values": ["a", "b"]}, {"key": "app", "operator": "NotIn", "values": ["b", "c"]},
                ]}}])),
                from(&json!([app("a"), {"podSelector": {"matchLabels": {"app": "x"}, "matchExpressions": [
                    {"key": "app", "operator": "DoesNotExist"},
                ]}}])),
            ],
        ),
        (
            "4-peers",
            from(&json!([app("a"), {"namespaceSelector": {"matchLabels": {"team": "net"}}}])),
            vec![from(&json!([
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "{ns}"}}, "podSelector": {"matchLabels": {"app": "a"}}},
                {"namespaceSelector": {"matchLabels": {"team": "net"}}, "podSelector": {}},
            ]))],
        ),
        (
            "5-ports",
            on(&json!([{"port": 80, "endPort": 83}])),
            vec![
                on(&json!([{"port": 80}, {"port": 81}, {"port": 82}, {"port": 83}])),
                on(&json!([{"port": 80, "endPort": 82}, {"port": 81, "endPort": 83}])),
                on(&json!([{"port": 80, "endPort": 80}, {"port": 81, "endPort": 83}])),
            ],
        ),
        ("5-every-port", on(&json!([{"protocol": "UDP"}])), vec![on(&json!([{"protocol": "UDP", "port": 1, "endPort": 65535}]))]),
        (
            "6-blocks",
            block(&["10.0.0.0/8", "fd00::/8"]),
            vec![
                block(&["10.0.0.0/9", "10.128.0.0/9", "fd00::/8"]),
                from(&json!([
                    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, {"ipBlock": {"cidr": "10.1.0.0/16"}},
                    {"ipBlock": {"cidr": "fd00::/8"}},
                ])),
            ],
        ),
        (
            "7-rules",
            rules(json!([{"from": [app("a"), app("b")], "ports": [{"port": 80}, {"port": 81}]}])),
            vec![
                rules(json!([
                    {"from": [app("a")], "ports": [{"port": 80}]}, {"from": [app("a")], "ports": [{"port": 81}]},
                    {"from": [app("b")], "ports": [{"port": 80}]}, {"from": [app("b")], "ports": [{"port": 81}]},
                ])),
                rules(json!([
                    {"from": [app("a")], "ports": [{"port": 80, "endPort": 81}]}, {"from": [app("b")], "ports": [{"port": 80, "endPort": 81}]},
                ])),
            ],
        ),
        (
            "8-covered",
            rules(json!([{"ports": [{"port": 80}]}])),
            vec![rules(json!([{"ports": [{"port": 80}]}, {"from": [app("a")], "ports": [{"port": 80}]}]))],
        ),
    ]
}

#[test]
fn different_spellings_of_the_same_meaning_are_admitted() {
    let spellings = spellings();
    let named = |case: &str| format!("case-{case}");
    let canon: Vec<Value> = spellings.iter().map(|(case, spec, _)| policy(&named(case), spec)).collect();
    let guard = guard("looks-other", &canon);
    let scene = guard.scene();
    for manifest in &canon {
        scene.given(manifest);
    }
    for (case, spec, others) in &spellings {
        for other in others {
            scene.admitted_without_warnings(&kubectl("replace -f -").stdin(&policy(&named(case), other)));
        }
        // 10: metadata has no effect on the meaning.
        let mut labeled = policy(&named(case), spec);
        labeled["metadata"]["labels"] = json!({"team": "net"});
        labeled["metadata"]["annotations"] = json!({"note": "mine"});
        scene.admitted_without_warnings(&kubectl("apply --server-side --force-conflicts -f -").stdin(&labeled));
    }
    // Control: the guard checks these policies.
    let wider = json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]});
    scene.denied(&kubectl("replace -f -").stdin(&policy(&named("8-covered"), &wider)), &["case-8-covered"]);
}

/// 2a.9: after a move, the rules of all policies together are the same, but each policy differs.
#[test]
fn moving_a_rule_to_another_policy_is_drift_of_both() {
    let app = |name: &str| json!({"podSelector": {"matchLabels": {"app": name}}});
    let first = policy("first", &from(&json!([app("a")])));
    let second = policy("second", &from(&json!([app("b")])));
    let guard = guard("moved", &[first.clone(), second.clone()]);
    let scene = guard.scene();
    for manifest in [&first, &second] {
        scene.given(manifest);
    }
    scene.denied(&kubectl("replace -f -").stdin(&policy("first", &from(&json!([app("a"), app("b")])))), &["first", "app=b"]);
    let none = json!({"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"]});
    scene.denied(&kubectl("replace -f -").stdin(&policy("second", &none)), &["second", "app=b"]);
}
