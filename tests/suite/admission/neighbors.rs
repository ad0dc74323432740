//! Foreign policies, neighbor namespaces, and several guarded namespaces.

use netpol::canon::Canons;
use netpol::verdict::settings::Action;
use netpol::verdict::{Guard, Settings};
use serde_json::{Value, json};

use super::made::{Made, map, memcached_permits};
use super::{denied, guard, passes, warned};

#[test]
fn foreign_policies_are_judged_by_a_flag_in_every_scope() {
    let guard_of = |foreign_policies| guard(Settings { foreign_policies, ..Settings::default() });
    let namespaced = Made::of("CREATE", "cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy");
    let clusterwide = Made::of("CREATE", "cilium.io", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy");
    for made in [namespaced.clone(), clusterwide.without("/request/namespace")] {
        let made = made.object(json!({"metadata": {"name": "x"}, "spec": {"egress": [{}]}}));
        warned(&guard_of(Action::Warn), &made, "foreign-policy");
        denied(&guard_of(Action::Deny), &made, "foreign-policy");
        passes(&guard_of(Action::Allow), &made);

        let old = made.0["request"]["object"].clone();
        let update = made.with("operation", json!("UPDATE")).old(old);
        let touched = update.clone().set("/request/object/status", json!({"ok": true}));
        warned(&guard_of(Action::Deny), &touched.set("/request/object/metadata/labels", json!({"a": "b"})), "foreign-policy");
        denied(&guard_of(Action::Deny), &update.clone().set("/request/object/spec/ingress", json!([{}])), "foreign-policy");
        denied(&guard_of(Action::Deny), &update.clone().set("/request/object/specs", json!([{}])), "foreign-policy");
        passes(&guard_of(Action::Deny), &update.with("operation", json!("DELETE")).object(json!(null)));
    }
    passes(&guard_of(Action::Deny), &namespaced.namespace("elsewhere").object(json!({"spec": {}})));
}

/// Only the API of a policy knows what an empty list means: for Cilium no `fromEndpoints` allows all peers, and an empty
/// list allows none.
#[test]
fn a_foreign_policy_is_unchanged_only_if_all_of_its_content_is() {
    let deny = guard(Settings { foreign_policies: Action::Deny, ..Settings::default() });
    let update = |group: &str, resource: &str, old: Value, new: Value| Made::of("UPDATE", group, resource, "X").old(old).object(new);
    let cilium = |rule: Value| json!({"metadata": {"name": "x"}, "spec": {"ingress": [rule]}});
    let of_cilium = |old: Value, new: Value| update("cilium.io", "ciliumnetworkpolicies", cilium(old), cilium(new));
    denied(&deny, &of_cilium(json!({"fromEndpoints": []}), json!({})), "foreign-policy");
    denied(&deny, &of_cilium(json!({"fromEndpoints": []}), json!({"fromEndpoints": null})), "foreign-policy");
    denied(&deny, &of_cilium(json!({}), json!({"fromEndpoints": []})), "foreign-policy");
    warned(&deny, &of_cilium(json!({"a": [], "b": null}), json!({"b": null, "a": []})), "foreign-policy");

    // Rules select sets by label. An annotation of a MultiNetworkPolicy lists its networks.
    let labeled = |value: &str| json!({"metadata": {"labels": {"role": value}}, "spec": {"nets": ["10.0.0.0/8"]}});
    for (group, resource) in [
        ("crd.projectcalico.org", "networksets"),
        ("crd.projectcalico.org", "globalnetworksets"),
        ("projectcalico.org", "networksets"),
        ("projectcalico.org", "globalnetworksets"),
        ("cilium.io", "ciliumcidrgroups"),
    ] {
        denied(&deny, &update(group, resource, labeled("a"), labeled("b")), "foreign-policy");
        warned(&deny, &update(group, resource, labeled("a"), labeled("a")), "foreign-policy");
    }
    let annotated = |key: &str, value: &str| json!({"metadata": {"annotations": {key: value}}, "spec": {}});
    for (group, resource, key) in [
        ("crd.projectcalico.org", "networksets", "projectcalico.org/metadata"),
        ("k8s.cni.cncf.io", "multi-networkpolicies", "k8s.v1.cni.cncf.io/policy-for"),
    ] {
        denied(&deny, &update(group, resource, annotated(key, "a"), annotated(key, "b")), "foreign-policy");
        warned(&deny, &update(group, resource, annotated("note", "a"), annotated("note", "b")), "foreign-policy");
    }
}

#[test]
fn what_the_plugin_writes_is_judged_only_if_another_user_writes_it() {
    let guard_of = |foreign_policies| guard(Settings { foreign_policies, ..Settings::default() });
    let agent = "system:serviceaccount:kube-system:cilium";
    let endpoint = |identity: u32| json!({"metadata": {"name": "x"}, "status": {"identity": {"id": identity}}});
    for (group, resource) in [("cilium.io", "ciliumendpoints"), ("networking.k8s.aws", "policyendpoints")] {
        let create = Made::of("CREATE", group, resource, "X").object(endpoint(1));
        let answer = warned(&guard_of(Action::Warn), &create, "foreign-policy");
        assert!(
            answer.warnings.join(" ").contains("If this user is the network plugin, add its name to --plugin-writer"),
            "{:?}",
            answer.warnings
        );
        denied(&guard_of(Action::Deny), &create, "foreign-policy");
        passes(&guard_of(Action::Deny), &create.clone().user(agent, &[]));
        // The identity of a pod is in the status.
        denied(&guard_of(Action::Deny), &create.clone().with("operation", json!("UPDATE")).old(endpoint(2)), "foreign-policy");
    }
    let identity = Made::of("CREATE", "cilium.io", "ciliumidentities", "CiliumIdentity").without("/request/namespace");
    let identity = identity.object(json!({"metadata": {"name": "1"}, "security-labels": {"k8s:run": "pyos-od"}}));
    denied(&guard_of(Action::Deny), &identity, "foreign-policy");
    passes(&guard_of(Action::Deny), &identity.user(agent, &[]));
    // A policy that the plugin does not write itself is judged for every user.
    let policy = Made::of("CREATE", "cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy").object(json!({"spec": {}}));
    denied(&guard_of(Action::Deny), &policy.user(agent, &[]), "foreign-policy");
}

#[test]
fn a_given_kind_is_judged_in_the_guarded_namespaces_and_in_none() {
    let foreign_kinds = vec!["example.org/flowpolicies".parse().unwrap()];
    let guard = guard(Settings { foreign_policies: Action::Deny, foreign_kinds, ..Settings::default() });
    let create = Made::of("CREATE", "example.org", "flowpolicies", "FlowPolicy").object(json!({"spec": {}}));
    denied(&guard, &create, "foreign-policy");
    denied(&guard, &create.clone().without("/request/namespace"), "foreign-policy");
    passes(&guard, &create.clone().namespace("elsewhere"));
    passes(&super::default_guard(), &create);
    passes(&guard, &Made::of("CREATE", "example.org", "flows", "Flow").object(json!({"spec": {}})));
}

/// The annotations of a namespace apply to all pods in it.
#[test]
fn network_annotations_of_a_guarded_namespace_are_judged() {
    let deny = guard(Settings { network_annotations: Action::Deny, ..Settings::default() });
    let namespace = |name: &str, annotations: Value| json!({"metadata": {"name": name, "annotations": annotations}});
    let create = |name: &str, annotations: Value| {
        Made::of("CREATE", "", "namespaces", "Namespace").namespace(name).name(name).object(namespace(name, annotations))
    };
    for key in ["k8s.ovn.org/routing-external-gws", "cni.projectcalico.org/ipv4pools", "ipam.antrea.io/ippools"] {
        let made = create("abcdesktop", map(key, "s3cret"));
        let answer = denied(&deny, &made, "network-annotation");
        assert!(answer.message.contains(key) && !answer.message.contains("s3cret"), "{}", answer.message);
        warned(&super::default_guard(), &made, "network-annotation");
        passes(&deny, &made.clone().user("system:serviceaccount:kube-system:ovn", &[]));
        passes(&deny, &create("attic", map(key, "s3cret")));
        let update =
            |old: Value, new: Value| create("abcdesktop", new).with("operation", json!("UPDATE")).old(namespace("abcdesktop", old));
        denied(&deny, &update(map(key, "old"), map(key, "new")), "network-annotation");
        passes(&deny, &update(map(key, "old"), map(key, "old")));
        passes(&deny, &update(map(key, "old"), json!({})));
    }
    // A key that applies to pods only.
    passes(&deny, &create("abcdesktop", map("k8s.v1.cni.cncf.io/networks", "x")));
}

#[test]
fn a_namespace_that_becomes_or_stops_being_a_neighbor_is_judged_guarded_or_not() {
    let guard_of = |neighbors| guard(Settings { neighbors, ..Settings::default() });
    let namespace = |labels: Value| json!({"metadata": {"name": "attic", "labels": labels}});
    let create =
        |labels: Value| Made::of("CREATE", "", "namespaces", "Namespace").namespace("attic").name("attic").object(namespace(labels));
    for value in ["kube-monitor", "kube-system"] {
        let made = create(map("name", value));
        let answer = warned(&guard_of(Action::Warn), &made, "neighbor");
        let becomes = format!("namespace \"attic\" becomes a neighbor namespace: its labels match name={value},");
        assert!(answer.warnings.join(" ").contains(&becomes), "{:?}", answer.warnings);
        denied(&guard_of(Action::Deny), &made, "neighbor");
        passes(&guard_of(Action::Allow), &made);
        for subresource in ["", "status", "finalize"] {
            let update =
                |old: Value, new: Value| create(new).with("operation", json!("UPDATE")).subresource(subresource).old(namespace(old));
            let deny = guard_of(Action::Deny);
            denied(&deny, &update(json!({}), map("name", value)), "neighbor");
            let answer = denied(&deny, &update(map("name", value), map("name", "s3cret")), "neighbor");
            assert!(
                answer.message.contains(&format!("no longer match name={value},")) && !answer.message.contains("s3cret"),
                "{}",
                answer.message
            );
            passes(&deny, &update(map("name", value), map("name", value)));
            passes(&deny, &update(map("a", "b"), map("kubernetes.io/metadata.name", value)));
        }
    }
    passes(&guard_of(Action::Deny), &create(map("name", "other")));
    passes(&guard_of(Action::Deny), &create(map("name", "kube-monitor")).with("operation", json!("DELETE")));
}

#[test]
fn each_guarded_namespace_has_its_own_canon() {
    let settings = Settings { namespaces: vec!["one".to_owned(), "two".to_owned()], ..Settings::default() };
    let canon = Canons::load(&["abcdesktop".to_owned()], &settings.namespaces).unwrap();
    let guard = Guard::new(canon.into(), settings.into());
    for namespace in ["one", "two"] {
        let answer = denied(&guard, &Made::policy("memcached-permits", memcached_permits(&[443])).namespace(namespace), "policy-drift");
        assert!(answer.message.contains(&format!("netpol render policies --namespace {namespace} --only")), "{}", answer.message);
    }
    passes(&guard, &Made::policy("memcached-permits", memcached_permits(&[443])));
}

/// The API server ignores the prefix of an object that has a name, so a client can send both.
#[test]
fn a_prefix_beside_the_name_of_a_namespace_hides_nothing() {
    let deny = guard(Settings { network_annotations: Action::Deny, ..Settings::default() });
    let annotations = json!({"k8s.ovn.org/routing-external-gws": "10.0.0.1"});
    let namespace = json!({"metadata": {"name": "abcdesktop", "generateName": "abcde", "annotations": annotations}});
    let create = Made::of("CREATE", "", "namespaces", "Namespace").namespace("abcdesktop").name("abcdesktop").object(namespace);
    denied(&deny, &create, "network-annotation");
}
