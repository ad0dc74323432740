//! Pods and bindings: identities, labels from creation to deletion, traffic that NetworkPolicies do not control, and
//! mirror pods.

use netpol::verdict::Outcome;
use netpol::verdict::settings::{Action, Enforcement, UngrantedLabels};
use netpol::verdict::{Settings, Stage};
use serde_json::{Value, json};

use super::made::{Made, map, pod};
use super::{ask, default_guard, denied, guard, passes, put, recorded, warned};

#[test]
fn a_pod_with_two_identities_is_denied_and_gets_no_label() {
    for ungranted_labels in [UngrantedLabels::Deny, UngrantedLabels::Strip, UngrantedLabels::Warn] {
        let guard = guard(Settings { ungranted_labels, ..Settings::default() });
        let made = Made::pod(json!({"type": "x11server", "run": "pyos-od", "netpol/ocuser": "true"}));
        let answer = put(&guard, Stage::Mutate, &made);
        assert!(answer.allowed && answer.patch.is_none(), "{answer:?}");
        let answer = denied(&guard, &made, "two-identities");
        assert!(answer.message.contains("pyos (run=pyos-od)") && answer.message.contains("desktop"), "{}", answer.message);
    }
}

#[test]
fn existing_identities_give_a_warning_and_no_label() {
    let both = json!({"type": "x11server", "run": "pyos-od"});
    warned(&default_guard(), &Made::pod_update(both.clone(), both.clone()), "two-identities");
    let more = json!({"type": "x11server", "run": "pyos-od", "netpol/ocuser": "true"});
    assert!(put(&default_guard(), Stage::Mutate, &Made::pod_update(more.clone(), both.clone())).patch.is_none());
    denied(&default_guard(), &Made::pod_update(both, more), "ungranted-label");
}

/// A user who may create pods may claim any identity. This limit is documented; it must not change unnoticed.
#[test]
fn an_identity_at_creation_is_a_convention() {
    let made = Made::pod(map("run", "pyos-od")).user("mallory", &["system:authenticated"]);
    assert_eq!(put(&default_guard(), Stage::Mutate, &made).patch.unwrap().0.len(), 11);
}

#[test]
fn relabeling_a_running_pod_gives_no_label_while_enforcement_is_softened() {
    for enforcement in [Enforcement::Warn, Enforcement::Audit] {
        let guard = guard(Settings { enforcement, ..Settings::default() });
        let answer = ask(&guard, Stage::Mutate, &recorded("pod-update-identity", Stage::Mutate));
        assert!(answer.allowed && answer.patch.is_none(), "{answer:?}");
        let answer = ask(&guard, Stage::Validate, &recorded("pod-update-identity", Stage::Validate));
        assert!(answer.allowed && answer.record.unwrap().verdict == Outcome::Softened);
    }
}

#[test]
fn an_identity_label_cannot_be_added_changed_or_removed() {
    for (old, new) in [
        (json!({}), map("type", "x11server")),
        (map("run", "pyos-od"), map("run", "mongodb-od")),
        (map("run", "anything"), json!({})),
        (json!({}), map("k8s-app", "kube-dns")),
    ] {
        for subresource in ["", "status"] {
            let made = Made::pod_update(old.clone(), new.clone()).subresource(subresource);
            denied(&default_guard(), &made, "identity-changed");
        }
    }
    passes(&default_guard(), &Made::pod_update(map("app", "x"), map("app", "y")));
}

#[test]
fn an_update_never_gives_a_pod_more_labels_than_its_grants() {
    let guard = default_guard();
    let desktop = |key: &str, value: Option<&str>| {
        let mut labels = json!({"type": "x11server", "netpol/ocuser": "true"});
        match value {
            Some(value) => labels[key] = json!(value),
            None => drop(labels.as_object_mut().unwrap().remove(key)),
        }
        labels
    };
    let whole = || desktop("netpol/ocuser", Some("true"));
    for subresource in ["", "status"] {
        let update = |old: Value, new: Value| Made::pod_update(old, new).subresource(subresource);
        denied(&guard, &update(whole(), desktop("netpol/dns", Some("true"))), "ungranted-label");
        denied(&guard, &update(whole(), desktop("netpol/ocuser", Some("yes"))), "label-value");
        denied(&guard, &update(whole(), desktop("netpol/ocuser", None)), "label-taken");
        // A granted label that the old pod lacks is not required, and may be added.
        passes(&guard, &update(desktop("netpol/ocuser", None), desktop("netpol/ocuser", None)));
        passes(&guard, &update(desktop("netpol/ocuser", None), whole()));
        // An existing wrong label may stay with a warning and may be removed, but not changed.
        warned(&guard, &update(desktop("netpol/dns", Some("true")), desktop("netpol/dns", Some("true"))), "ungranted-label");
        passes(&guard, &update(desktop("netpol/dns", Some("true")), whole()));
        denied(&guard, &update(desktop("netpol/dns", Some("true")), desktop("netpol/dns", Some("yes"))), "ungranted-label");
        warned(&guard, &update(desktop("netpol/ocuser", Some("no")), desktop("netpol/ocuser", Some("no"))), "label-value");
        passes(&guard, &update(desktop("netpol/ocuser", Some("no")), desktop("netpol/ocuser", None)));
    }
}

#[test]
fn strip_removes_only_the_labels_that_an_update_adds() {
    let guard = guard(Settings { ungranted_labels: UngrantedLabels::Strip, ..Settings::default() });
    let old = json!({"app": "x", "netpol/dns": "true", "netpol/api": "true"});
    let new = json!({"app": "x", "netpol/dns": "true", "netpol/api": "yes", "netpol/cifs": "true"});
    let patch = put(&guard, Stage::Mutate, &Made::pod_update(old, new)).patch.unwrap();
    let expected = json!([
        {"op": "remove", "path": "/metadata/labels/netpol~1api"},
        {"op": "remove", "path": "/metadata/labels/netpol~1cifs"}
    ]);
    assert_eq!(serde_json::to_value(patch).unwrap(), expected);
}

#[test]
fn ungranted_labels_can_give_a_warning() {
    let guard = guard(Settings { ungranted_labels: UngrantedLabels::Warn, ..Settings::default() });
    warned(&guard, &Made::pod(json!({"app": "x", "netpol/dns": "true"})), "ungranted-label");
    denied(&guard, &Made::pod(json!({"run": "pyos-od", "netpol/dns": "no"})), "label-value");
}

#[test]
fn a_forged_deletion_timestamp_prevents_only_the_patch() {
    let old = json!({"type": "x11server", "netpol/ocuser": "true"});
    let forged = Made::pod_update(old, json!({"type": "x11server", "netpol/dns": "true"}))
        .set("/request/object/metadata/deletionTimestamp", json!("2026-11-22T16:16:10Z"));
    assert!(put(&default_guard(), Stage::Mutate, &forged).patch.is_none());
    let answer = denied(&default_guard(), &forged, "ungranted-label");
    assert!(answer.message.contains("loses label netpol/ocuser"), "{}", answer.message);
    let unset = forged.set("/request/object/metadata/deletionTimestamp", json!(null));
    assert!(put(&default_guard(), Stage::Mutate, &unset).patch.is_some());
}

#[test]
fn subresources_that_store_no_labels_are_not_judged() {
    let labels = json!({"netpol/dns": "true"});
    for subresource in ["ephemeralcontainers", "resize", "eviction", "log", "proxy"] {
        passes(&default_guard(), &Made::pod_update(json!({}), labels.clone()).subresource(subresource));
    }
    passes(&default_guard(), &Made::pod(labels.clone()).with("operation", json!("CONNECT")).subresource("exec"));
    passes(&default_guard(), &Made::pod(json!(null)).with("operation", json!("DELETE")).object(json!(null)).old(pod(labels)));
}

// Bindings.

#[test]
fn a_binding_may_have_zones_but_no_labels_that_identify_a_pod() {
    let legacy = |metadata: Value| Made::of("CREATE", "", "bindings", "Binding").object(json!({"metadata": metadata}));
    let modern = |metadata: Value| legacy(metadata).with("resource", json!({"group": "", "resource": "pods"})).subresource("binding");
    for bind in [&legacy as &dyn Fn(Value) -> Made, &modern] {
        passes(&default_guard(), &bind(json!({"labels": {"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r"}})));
        passes(&default_guard(), &bind(json!({"labels": null, "annotations": {"note": "x"}})));
        denied(&default_guard(), &bind(json!({"labels": {"netpol/dns": "true"}})), "binding");
        let answer = denied(&default_guard(), &bind(json!({"labels": {"run": "s3cret"}})), "binding");
        assert!(answer.message.contains("has label run,") && !answer.message.contains("s3cret"), "{}", answer.message);
        denied(&default_guard(), &bind(json!({"annotations": {"kubernetes.io/config.mirror": "x"}})), "binding");
        warned(&default_guard(), &bind(json!({"annotations": {"k8s.v1.cni.cncf.io/networks": "x"}})), "network-annotation");
    }
}

// Traffic that NetworkPolicies do not control.

#[test]
fn new_annotations_that_open_a_second_network_are_judged() {
    let guard_of = |network_annotations| guard(Settings { network_annotations, ..Settings::default() });
    let key = "cni.projectcalico.org/ipv4pools";
    let pointer = "/request/object/metadata/annotations";
    let create = Made::pod(json!({})).set(pointer, json!({key: "s3cret"}));
    let answer = warned(&guard_of(Action::Warn), &create, "network-annotation");
    assert!(answer.warnings.join(" ").contains(key) && !answer.warnings.join(" ").contains("s3cret"));
    denied(&guard_of(Action::Deny), &create, "network-annotation");
    passes(&guard_of(Action::Allow), &create);

    let deny = guard_of(Action::Deny);
    for subresource in ["", "status"] {
        let update = Made::pod_update(json!({}), json!({})).subresource(subresource).set(pointer, json!({key: "new"}));
        denied(&deny, &update, "network-annotation");
        denied(&deny, &update.clone().set("/request/oldObject/metadata/annotations", json!({key: "old"})), "network-annotation");
        passes(&deny, &update.clone().set("/request/oldObject/metadata/annotations", json!({key: "new"})));
        passes(&deny, &update.set(pointer, json!({"cni.projectcalico.org/podIP": "10.0.0.1"})));
    }
}

#[test]
fn a_given_annotation_is_judged_like_a_known_one() {
    let key = "example.org/pool";
    let network_annotation_keys = vec![key.to_owned(), "cni.projectcalico.org/ipv4pools".to_owned()];
    let deny = guard(Settings { network_annotations: Action::Deny, network_annotation_keys, ..Settings::default() });
    let pointer = "/request/object/metadata/annotations";
    let annotations = |value: &str| json!({key: value, "zebra": "1", "a": "2", "kubectl.kubernetes.io/last-applied-configuration": "{}"});
    let create = Made::pod(json!({})).set(pointer, annotations("x"));
    let answer = denied(&deny, &create, "network-annotation");
    assert_eq!(answer.message.matches(key).count(), 1, "{}", answer.message);
    passes(&default_guard(), &create);
    let update = Made::pod_update(json!({}), json!({})).set(pointer, annotations("x"));
    denied(&deny, &update, "network-annotation");
    passes(&deny, &update.clone().set("/request/oldObject/metadata/annotations", annotations("x")));
    denied(&deny, &update.set("/request/oldObject/metadata/annotations", annotations("y")), "network-annotation");
}

/// Kube-OVN writes the address of a pod into the annotation in which users request one.
#[test]
fn annotations_that_the_plugin_writes_are_not_judged() {
    let deny = guard(Settings { network_annotations: Action::Deny, ..Settings::default() });
    let pointer = "/request/object/metadata/annotations";
    let update = Made::pod_update(json!({}), json!({})).set(pointer, json!({"ovn.kubernetes.io/ip_address": "10.16.0.9"}));
    denied(&deny, &update, "network-annotation");
    passes(&deny, &update.user("system:serviceaccount:kube-system:ovn", &[]));
}

#[test]
fn a_pod_on_the_host_network_is_judged_if_the_canon_isolates_it() {
    let guard_of = |host_network| guard(Settings { host_network, ..Settings::default() });
    let create = Made::pod(json!({"app": "x"})).set("/request/object/spec/hostNetwork", json!(true));
    let answer = denied(&guard_of(Action::Deny), &create, "host-network");
    assert!(answer.message.contains("abcdesktop-rights"), "{}", answer.message);
    warned(&guard_of(Action::Warn), &create, "host-network");
    passes(&guard_of(Action::Allow), &create);
    let old = create.0["request"]["object"].clone();
    let update = create.with("operation", json!("UPDATE")).old(old);
    warned(&guard_of(Action::Deny), &update, "host-network");
    passes(&guard_of(Action::Allow), &update);
}

// Mirror pods.

#[test]
fn a_mirror_pod_gives_a_warning_and_a_record_and_is_never_denied() {
    let mirror = |made: Made| made.set("/request/object/metadata/annotations", json!({"kubernetes.io/config.mirror": "x"}));
    let node = |made: Made| made.user("system:node:n1", &["system:nodes", "system:authenticated"]);
    let thief = json!({"app": "thief", "netpol/mongodb": "true"});
    let create = || Made::pod(thief.clone());

    let answer = warned(&default_guard(), &node(mirror(create())), "ungranted-label");
    assert!(answer.warnings.join(" ").contains("the containers of a mirror pod run anyway"));
    assert_eq!(answer.record.expect("on record at every level").verdict, Outcome::Warned);
    let lacking = node(mirror(Made::pod(map("run", "pyos-od"))));
    assert!(put(&default_guard(), Stage::Mutate, &lacking).patch.is_none());
    warned(&default_guard(), &lacking, "missing-label");

    denied(&default_guard(), &mirror(create()), "ungranted-label");
    denied(&default_guard(), &node(create()), "ungranted-label");

    let update = || node(mirror(create().with("operation", json!("UPDATE")).old(pod(json!({"app": "thief"})))));
    denied(&default_guard(), &update(), "ungranted-label");
    let was_mirror = update().set("/request/oldObject/metadata/annotations", json!({"kubernetes.io/config.mirror": "x"}));
    warned(&default_guard(), &was_mirror, "ungranted-label");
    warned(&default_guard(), &was_mirror.subresource("status"), "ungranted-label");
}
