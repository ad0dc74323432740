//! What lies beside the canon: policies of other APIs, other namespaces, several guarded ones.

use netpol::canon::Canon;
use netpol::verdict::settings::Response;
use netpol::verdict::{Guard, Settings};
use serde_json::{Value, json};

use super::made::{Made, map, memcached_permits};
use super::{guard, passes, refused, warned};

#[test]
fn policy_kinds_that_are_not_understood_are_judged_by_a_flag_with_or_without_a_namespace() {
    let guard_of = |foreign_policies| guard(Settings { foreign_policies, ..Settings::default() });
    let namespaced = Made::of("CREATE", "cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy");
    let clusterwide = Made::of("CREATE", "cilium.io", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy");
    for made in [namespaced.clone(), clusterwide.without("/request/namespace")] {
        let made = made.object(json!({"metadata": {"name": "x"}, "spec": {"egress": [{}]}}));
        warned(&guard_of(Response::Warn), &made, "foreign-policy");
        refused(&guard_of(Response::Deny), &made, "foreign-policy");
        passes(&guard_of(Response::Allow), &made);

        let old = made.0["request"]["object"].clone();
        let update = made.with("operation", json!("UPDATE")).old(old);
        let touched = update.clone().set("/request/object/status", json!({"ok": true}));
        warned(&guard_of(Response::Deny), &touched.set("/request/object/metadata/labels", json!({"a": "b"})), "foreign-policy");
        refused(&guard_of(Response::Deny), &update.clone().set("/request/object/spec/ingress", json!([{}])), "foreign-policy");
        refused(&guard_of(Response::Deny), &update.clone().set("/request/object/specs", json!([{}])), "foreign-policy");
        passes(&guard_of(Response::Deny), &update.with("operation", json!("DELETE")).object(json!(null)));
    }
    passes(&guard_of(Response::Deny), &namespaced.namespace("elsewhere").object(json!({"spec": {}})));
}

/// What an empty list means is for each API to say: to Cilium no `fromEndpoints` is everybody, an empty one nobody.
#[test]
fn a_policy_that_is_not_understood_is_as_it_was_only_where_nothing_in_it_changes() {
    let deny = guard(Settings { foreign_policies: Response::Deny, ..Settings::default() });
    let update = |group: &str, resource: &str, old: Value, new: Value| Made::of("UPDATE", group, resource, "X").old(old).object(new);
    let cilium = |rule: Value| json!({"metadata": {"name": "x"}, "spec": {"ingress": [rule]}});
    let of_cilium = |old: Value, new: Value| update("cilium.io", "ciliumnetworkpolicies", cilium(old), cilium(new));
    refused(&deny, &of_cilium(json!({"fromEndpoints": []}), json!({})), "foreign-policy");
    refused(&deny, &of_cilium(json!({"fromEndpoints": []}), json!({"fromEndpoints": null})), "foreign-policy");
    refused(&deny, &of_cilium(json!({}), json!({"fromEndpoints": []})), "foreign-policy");
    warned(&deny, &of_cilium(json!({"a": [], "b": null}), json!({"b": null, "a": []})), "foreign-policy");

    // Rules name sets by their labels; a policy for further networks says in an annotation for which.
    let labeled = |value: &str| json!({"metadata": {"labels": {"role": value}}, "spec": {"nets": ["10.0.0.0/8"]}});
    for (group, resource) in [
        ("crd.projectcalico.org", "networksets"),
        ("crd.projectcalico.org", "globalnetworksets"),
        ("projectcalico.org", "networksets"),
        ("projectcalico.org", "globalnetworksets"),
        ("cilium.io", "ciliumcidrgroups"),
    ] {
        refused(&deny, &update(group, resource, labeled("a"), labeled("b")), "foreign-policy");
        warned(&deny, &update(group, resource, labeled("a"), labeled("a")), "foreign-policy");
    }
    let annotated = |key: &str, value: &str| json!({"metadata": {"annotations": {key: value}}, "spec": {}});
    for (group, resource, key) in [
        ("crd.projectcalico.org", "networksets", "projectcalico.org/metadata"),
        ("k8s.cni.cncf.io", "multi-networkpolicies", "k8s.v1.cni.cncf.io/policy-for"),
    ] {
        refused(&deny, &update(group, resource, annotated(key, "a"), annotated(key, "b")), "foreign-policy");
        warned(&deny, &update(group, resource, annotated("note", "a"), annotated("note", "b")), "foreign-policy");
    }
}

#[test]
fn a_namespace_that_becomes_a_peer_or_stops_being_one_is_judged_wherever_it_is() {
    let guard_of = |neighbors| guard(Settings { neighbors, ..Settings::default() });
    let namespace = |labels: Value| json!({"metadata": {"name": "attic", "labels": labels}});
    let create =
        |labels: Value| Made::of("CREATE", "", "namespaces", "Namespace").namespace("attic").name("attic").object(namespace(labels));
    for value in ["kube-monitor", "kube-system"] {
        let made = create(map("name", value));
        let answer = warned(&guard_of(Response::Warn), &made, "neighbor");
        assert!(answer.warnings.join(" ").contains(&format!("namespace \"attic\" gets label name={value}")), "{:?}", answer.warnings);
        refused(&guard_of(Response::Deny), &made, "neighbor");
        passes(&guard_of(Response::Allow), &made);
        for subresource in ["", "status", "finalize"] {
            let update =
                |old: Value, new: Value| create(new).with("operation", json!("UPDATE")).subresource(subresource).old(namespace(old));
            let deny = guard_of(Response::Deny);
            refused(&deny, &update(json!({}), map("name", value)), "neighbor");
            let answer = refused(&deny, &update(map("name", value), map("name", "s3cret")), "neighbor");
            assert!(
                answer.message.contains(&format!("loses label name={value}")) && !answer.message.contains("s3cret"),
                "{}",
                answer.message
            );
            passes(&deny, &update(map("name", value), map("name", value)));
            passes(&deny, &update(map("a", "b"), map("kubernetes.io/metadata.name", value)));
        }
    }
    passes(&guard_of(Response::Deny), &create(map("name", "other")));
    passes(&guard_of(Response::Deny), &create(map("name", "kube-monitor")).with("operation", json!("DELETE")));
}

#[test]
fn the_canon_of_every_guarded_namespace_is_its_own() {
    let settings = Settings { namespaces: vec!["one".to_owned(), "two".to_owned()], ..Settings::default() };
    let canon = Canon::load("abcdesktop", &settings.namespaces).unwrap();
    let guard = Guard { canon: canon.into(), settings: settings.into() };
    for namespace in ["one", "two"] {
        let answer = refused(&guard, &Made::policy("memcached-permits", memcached_permits(&[443])).namespace(namespace), "policy-drift");
        assert!(answer.message.contains(&format!("netpol render policies --namespace {namespace} --only")), "{}", answer.message);
    }
    passes(&guard, &Made::policy("memcached-permits", memcached_permits(&[443])));
}
