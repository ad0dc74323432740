//! The cases of the network policy tests of Kubernetes (`test/e2e/network/netpol`), each with its table of open connections, against
//! packets and against `reach`.

use serde_json::{Value, json};

use super::matrix::{Matrix, first};
use super::place::on_a_network;
use super::prediction::Prediction;
use super::world::World;
use crate::cluster::harness::api::Call;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::path;

const MERGE: &str = "application/merge-patch+json";

/// Lines of a table: source, destination, port, and whether that is open. `*` is any, and a later line overrides earlier ones.
/// Without a line, a connection is open.
type Table = Vec<(&'static str, &'static str, &'static str, bool)>;

/// What a case is called, its policies with the short names of their namespaces, and its table.
type Case = (&'static str, Vec<(&'static str, Value)>, Table);

const OPEN: bool = true;
const CLOSED: bool = false;

/// Returns a selector of the pod with a name.
fn named(pod: &str) -> Value {
    json!({"matchLabels": {"pod": pod}})
}

/// Returns a selector of the namespace with a short name.
fn namespace(short: &str) -> Value {
    json!({"matchLabels": {"ns": short}})
}

/// Returns a selector with one expression.
fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
}

/// Returns a policy that allows only some connections to pods.
fn ingress(subject: &Value, rules: &Value) -> Value {
    json!({"podSelector": subject, "policyTypes": ["Ingress"], "ingress": rules})
}

/// Returns a policy that allows only some connections from pods.
fn egress(subject: &Value, rules: &Value) -> Value {
    json!({"podSelector": subject, "policyTypes": ["Egress"], "egress": rules})
}

/// Returns a rule with these peers of ingress.
fn from(peers: &[Value]) -> Value {
    json!([{"from": peers}])
}

/// Returns a rule with these peers of egress.
fn to(peers: &[Value]) -> Value {
    json!([{"to": peers}])
}

fn cases_of_peers() -> Vec<Case> {
    let all = json!({});
    let a = named("a");
    let pods = |pods: Value| json!({"podSelector": pods});
    let namespaces = |namespaces: Value| json!({"namespaceSelector": namespaces});
    let both = |pods: Value, namespaces: Value| json!({"podSelector": pods, "namespaceSelector": namespaces});
    vec![
        ("deny all ingress", vec![("x", ingress(&all, &json!([])))], vec![("*", "x/*", "*", CLOSED)]),
        (
            "deny all",
            vec![("x", json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}))],
            vec![("*", "x/*", "*", CLOSED), ("x/*", "*", "*", CLOSED)],
        ),
        (
            "a pod of the same namespace",
            vec![("x", ingress(&a, &from(&[pods(named("b"))])))],
            vec![("*", "x/a", "*", CLOSED), ("x/b", "x/a", "*", OPEN)],
        ),
        (
            "one target is open to all",
            vec![("x", ingress(&all, &json!([]))), ("x", ingress(&a, &from(&[both(json!({}), json!({}))])))],
            vec![("*", "x/*", "*", CLOSED), ("*", "x/a", "*", OPEN)],
        ),
        ("all namespaces", vec![("x", ingress(&a, &from(&[namespaces(json!({}))])))], vec![]),
        (
            "another namespace",
            vec![("x", ingress(&a, &from(&[namespaces(namespace("y"))])))],
            vec![("*", "x/a", "*", CLOSED), ("y/*", "x/a", "*", OPEN)],
        ),
        (
            "an expression of pods",
            vec![("x", ingress(&a, &from(&[pods(expression("pod", "In", &["b"]))])))],
            vec![("*", "x/a", "*", CLOSED), ("x/b", "x/a", "*", OPEN)],
        ),
        (
            "an expression of namespaces",
            vec![("x", ingress(&a, &from(&[namespaces(expression("ns", "In", &["y"]))])))],
            vec![("*", "x/a", "*", CLOSED), ("y/*", "x/a", "*", OPEN)],
        ),
        (
            "pods or namespaces",
            vec![("x", ingress(&a, &from(&[namespaces(expression("ns", "NotIn", &["x"])), pods(named("b"))])))],
            vec![("x/c", "x/a", "*", CLOSED)],
        ),
        (
            "pods of namespaces",
            vec![("x", ingress(&a, &from(&[both(named("b"), expression("ns", "NotIn", &["x"]))])))],
            vec![("*", "x/a", "*", CLOSED), ("y/b", "x/a", "*", OPEN), ("z/b", "x/a", "*", OPEN)],
        ),
        (
            "several pods of several namespaces",
            vec![("x", ingress(&a, &from(&[both(expression("pod", "In", &["b", "c"]), expression("ns", "NotIn", &["x"]))])))],
            vec![
                ("*", "x/a", "*", CLOSED),
                ("y/b", "x/a", "*", OPEN),
                ("y/c", "x/a", "*", OPEN),
                ("z/b", "x/a", "*", OPEN),
                ("z/c", "x/a", "*", OPEN),
            ],
        ),
        (
            "one of two selectors of pods",
            vec![("x", ingress(&a, &from(&[pods(named("b")), pods(named("c"))])))],
            vec![("*", "x/a", "*", CLOSED), ("x/b", "x/a", "*", OPEN), ("x/c", "x/a", "*", OPEN)],
        ),
        (
            "other namespaces are refused",
            vec![("x", ingress(&all, &from(&[pods(json!({}))])))],
            vec![("y/*", "x/*", "*", CLOSED), ("z/*", "x/*", "*", CLOSED)],
        ),
        ("egress of one pod is refused", vec![("x", egress(&a, &json!([])))], vec![("x/a", "*", "*", CLOSED)]),
        ("egress of a namespace is refused", vec![("x", egress(&all, &json!([])))], vec![("x/*", "*", "*", CLOSED)]),
        (
            "both directions in one policy",
            vec![(
                "x",
                json!({
                    "podSelector": a, "policyTypes": ["Ingress", "Egress"],
                    "ingress": from(&[namespaces(namespace("y"))]), "egress": to(&[namespaces(namespace("z"))]),
                }),
            )],
            vec![("*", "x/a", "*", CLOSED), ("y/*", "x/a", "*", OPEN), ("x/a", "*", "*", CLOSED), ("x/a", "z/*", "*", OPEN)],
        ),
        (
            "both ends must allow",
            vec![
                ("x", egress(&a, &to(&[both(named("b"), namespace("y"))]))),
                ("y", ingress(&named("b"), &from(&[namespaces(namespace("z"))]))),
            ],
            vec![("x/a", "*", "*", CLOSED), ("*", "y/b", "*", CLOSED), ("z/*", "y/b", "*", OPEN)],
        ),
    ]
}

fn cases_of_ports() -> Vec<Case> {
    let all = json!({});
    let a = named("a");
    let on = |ports: Value| json!([{"ports": ports}]);
    vec![
        ("everything", vec![("x", ingress(&all, &json!([{}])))], vec![]),
        ("one port", vec![("x", ingress(&a, &on(json!([{"port": 81}]))))], vec![("*", "x/a", "*", CLOSED), ("*", "x/a", "TCP 81", OPEN)]),
        (
            "policies add up",
            vec![("x", ingress(&a, &on(json!([{"port": 80}])))), ("x", ingress(&a, &on(json!([{"port": 81}]))))],
            vec![("*", "x/a", "*", CLOSED), ("*", "x/a", "TCP 80", OPEN), ("*", "x/a", "TCP 81", OPEN)],
        ),
        ("allow all wins", vec![("x", ingress(&all, &json!([]))), ("x", ingress(&all, &json!([{}])))], vec![]),
        ("allow all wins for egress", vec![("x", egress(&all, &json!([]))), ("x", egress(&all, &json!([{}])))], vec![]),
        (
            "a port for a namespace",
            vec![("x", ingress(&all, &json!([{"from": [{"namespaceSelector": namespace("x")}], "ports": [{"port": 80}]}])))],
            vec![("*", "x/*", "*", CLOSED), ("x/*", "x/*", "TCP 80", OPEN)],
        ),
        (
            "a named port",
            vec![("x", ingress(&all, &on(json!([{"port": "web"}]))))],
            vec![("*", "x/*", "*", CLOSED), ("*", "x/a", "TCP 80", OPEN), ("*", "x/b", "TCP 80", OPEN), ("*", "x/c", "TCP 81", OPEN)],
        ),
        (
            "a named port for a namespace",
            vec![("x", ingress(&a, &json!([{"from": [{"namespaceSelector": namespace("y")}], "ports": [{"port": "web"}]}])))],
            vec![("*", "x/a", "*", CLOSED), ("y/*", "x/a", "TCP 80", OPEN)],
        ),
        (
            "a named port of egress is that of the destination",
            vec![("x", egress(&a, &on(json!([{"port": "web"}]))))],
            vec![
                ("x/a", "*", "*", CLOSED),
                ("x/a", "x/b", "TCP 80", OPEN),
                ("x/a", "x/c", "TCP 81", OPEN),
                ("x/a", "y/a", "TCP 80", OPEN),
                ("x/a", "y/b", "TCP 80", OPEN),
                ("x/a", "y/c", "TCP 81", OPEN),
                ("x/a", "z/a", "TCP 80", OPEN),
                ("x/a", "z/b", "TCP 80", OPEN),
                ("x/a", "z/c", "TCP 81", OPEN),
            ],
        ),
        (
            "a range of ports",
            vec![("x", egress(&a, &on(json!([{"port": 81, "endPort": 90}]))))],
            vec![("x/a", "*", "*", CLOSED), ("x/a", "*", "TCP 81", OPEN)],
        ),
        (
            "only UDP",
            vec![("x", ingress(&a, &on(json!([{"protocol": "UDP", "port": 80}]))))],
            vec![("*", "x/a", "*", CLOSED), ("*", "x/a", "UDP 80", OPEN)],
        ),
        ("SCTP is not TCP", vec![("x", ingress(&a, &on(json!([{"protocol": "SCTP", "port": 80}]))))], vec![("*", "x/a", "*", CLOSED)]),
        ("SCTP without a port", vec![("x", ingress(&a, &on(json!([{"protocol": "SCTP"}]))))], vec![("*", "x/a", "*", CLOSED)]),
        (
            "UDP without a port",
            vec![("x", ingress(&a, &on(json!([{"protocol": "UDP"}]))))],
            vec![("*", "x/a", "*", CLOSED), ("*", "x/a", "UDP 80", OPEN), ("*", "x/a", "UDP 81", OPEN)],
        ),
    ]
}

fn cases_of_blocks(world: &World) -> Vec<Case> {
    let a = named("a");
    let server = world.blocks("y/b");
    let all_but = |blocks: &[Value]| -> Vec<Value> {
        let except = |index: usize| blocks[index]["ipBlock"]["cidr"].clone();
        vec![json!({"ipBlock": {"cidr": "0.0.0.0/0", "except": [except(0)]}}), json!({"ipBlock": {"cidr": "::/0", "except": [except(1)]}})]
    };
    vec![
        ("egress to a block", vec![("x", egress(&a, &to(&server)))], vec![("x/a", "*", "*", CLOSED), ("x/a", "y/b", "*", OPEN)]),
        ("egress to a block with an exception", vec![("x", egress(&a, &to(&all_but(&server))))], vec![("x/a", "y/b", "*", CLOSED)]),
        (
            "an exception of one policy is allowed by another",
            vec![("x", egress(&a, &to(&all_but(&server)))), ("x", egress(&a, &to(&server)))],
            vec![],
        ),
        ("ingress from a block", vec![("x", ingress(&a, &from(&server)))], vec![("*", "x/a", "*", CLOSED), ("y/b", "x/a", "*", OPEN)]),
    ]
}

/// Checks a table against packets and against `reach`.
#[track_caller]
fn check(world: &World, case: &str, table: &Table) {
    let (prediction, measured) = world.site.agrees(case);
    let mut expected = Matrix::new();
    for probe in measured.keys() {
        let (from, to) = (short(&prediction, probe.0), short(&prediction, probe.1));
        let port = probe.2.to_string();
        let line = table.iter().rfind(|(source, target, asked, _)| matches(source, &from) && matches(target, &to) && matches(asked, &port));
        expected.insert(*probe, line.is_none_or(|(.., open)| *open));
    }
    let wrong: Vec<String> = measured
        .iter()
        .filter(|(probe, open)| expected[*probe] != **open)
        .map(|(probe, open)| format!("{} open: {open}", prediction.text(probe)))
        .collect();
    assert!(wrong.is_empty(), "{case}: {} connections are not as in the table:\n{}", wrong.len(), first(&wrong));
}

/// Returns the name of an end as tables have it: `x/a`.
fn short(prediction: &Prediction, end: usize) -> String {
    let name = &prediction.ends[end].name;
    let (namespace, pod) = name.split_once('/').expect("a pod");
    format!("{}/{pod}", namespace.split('-').next().unwrap_or_default())
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

#[test]
fn the_truth_tables_of_kubernetes_hold() {
    on_a_network(|| {
        let mut world = World::new();
        let cases = [cases_of_peers(), cases_of_ports(), cases_of_blocks(&world)].concat();
        for (case, policies, table) in cases {
            world.set_policies(&policies);
            check(&world, case, &table);
        }
        // Deleted policies are not applied any more.
        world.set_policies(&[]);
        check(&world, "no policy", &vec![]);
    });
}

#[test]
fn changes_are_applied() {
    on_a_network(|| {
        let mut world = World::new();
        let [x, y] = ["x", "y"].map(|short| world.namespace(short));
        world.set_policies(&[("x", ingress(&named("a"), &from(&[json!({"namespaceSelector": {"matchLabels": {"new": "yes"}}})])))]);
        check(&world, "before a change", &vec![("*", "x/a", "*", CLOSED)]);
        let patch = |path: String, change: &Value| plane().api.call(&Call::patch(path, MERGE, change)).expect("a change");
        let label = |value: Value| json!({"metadata": {"labels": {"new": value}}});
        // A label of a namespace.
        patch(format!("/api/v1/namespaces/{y}"), &label(json!("yes")));
        world.site.settle();
        check(&world, "a namespace with a new label", &vec![("*", "x/a", "*", CLOSED), ("y/*", "x/a", "*", OPEN)]);
        patch(format!("/api/v1/namespaces/{y}"), &label(Value::Null));
        // The rules of a policy.
        let policy = format!("{}/policy-1", path(&x, "networkpolicies"));
        patch(policy.clone(), &json!({"spec": {"ingress": from(&[json!({"podSelector": {"matchLabels": {"new": "yes"}}})])}}));
        world.site.settle();
        check(&world, "a policy with other peers", &vec![("*", "x/a", "*", CLOSED)]);
        // A label of a peer.
        patch(format!("{}/b", path(&x, "pods")), &label(json!("yes")));
        world.site.settle();
        check(&world, "a peer with a new label", &vec![("*", "x/a", "*", CLOSED), ("x/b", "x/a", "*", OPEN)]);
        // The subject of a policy, and a label of another pod that it then selects.
        patch(policy, &json!({"spec": {"podSelector": {"matchLabels": {"pod": null, "new": "target"}}}}));
        patch(format!("{}/c", path(&x, "pods")), &label(json!("target")));
        world.site.settle();
        check(&world, "a subject with a new label", &vec![("*", "x/c", "*", CLOSED), ("x/b", "x/c", "*", OPEN)]);
    });
}
