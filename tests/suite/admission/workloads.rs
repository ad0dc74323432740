//! Workloads whose controller would create pods forever, or whose pods would be denied. Together with `pods`, `policies`
//! and `neighbors`, these tests repeat the attacks that were tried on a real control plane.

use netpol::verdict::settings::{UngrantedLabels, Workloads};
use netpol::verdict::{Settings, Stage};
use serde_json::{Value, json};

use super::made::{Made, workload};
use super::{default_guard, denied, guard, passes, put, warned};

#[test]
fn a_workload_that_selects_by_a_capability_label_is_denied_with_each_flag() {
    let absent = json!({"matchExpressions": [{"key": "netpol/dns", "operator": "DoesNotExist"}]});
    let listed = json!({"matchLabels": {"app": "x", "netpol/dns": "yes"}});
    for workloads in [Workloads::Warn, Workloads::Deny, Workloads::Ignore] {
        let guard = guard(Settings { workloads, ..Settings::default() });
        for (group, resource) in
            [("apps", "deployments"), ("apps", "replicasets"), ("apps", "statefulsets"), ("apps", "daemonsets"), ("batch", "jobs")]
        {
            for selector in [&absent, &listed] {
                let made = Made::of("CREATE", group, resource, "Workload").object(workload(selector.clone(), json!({})));
                let answer = denied(&guard, &made, "workload-selector");
                assert!(answer.message.contains("selects its pods by netpol/dns"), "{}", answer.message);
            }
        }
        let cron = json!({"metadata": {}, "spec": {"jobTemplate": workload(absent.clone(), json!({}))}});
        denied(&guard, &Made::of("CREATE", "batch", "cronjobs", "CronJob").object(cron), "workload-selector");
        let controller = workload(json!({"netpol/dns": "true"}), json!({}));
        denied(&guard, &Made::of("CREATE", "", "replicationcontrollers", "ReplicationController").object(controller), "workload-selector");
    }
}

#[test]
fn an_existing_selector_gives_a_warning() {
    let selector = json!({"matchLabels": {"netpol/dns": "true"}});
    let old = workload(selector, json!({}));
    let update = Made::of("UPDATE", "apps", "deployments", "Deployment").old(old.clone());
    warned(&default_guard(), &update.clone().object(old.clone()), "workload-selector");
    let other = workload(json!({"matchLabels": {"netpol/dns": "yes"}}), json!({}));
    denied(&default_guard(), &update.clone().object(other), "workload-selector");
    passes(&default_guard(), &update.object(workload(json!({"matchLabels": {"app": "x"}}), json!({}))));
}

#[test]
fn a_wrong_value_is_denied_and_never_corrected() {
    for ungranted_labels in [UngrantedLabels::Deny, UngrantedLabels::Strip, UngrantedLabels::Warn] {
        let guard = guard(Settings { ungranted_labels, ..Settings::default() });
        let made = Made::pod(json!({"type": "x11server", "netpol/ocuser": "yes"}));
        assert!(put(&guard, Stage::Mutate, &made).patch.is_none());
        let answer = denied(&guard, &made, "label-value");
        assert!(answer.message.contains("has label netpol/ocuser=yes, but grant desktop gives it the value true"), "{}", answer.message);
    }
}

#[test]
fn a_template_whose_pods_would_be_denied_gives_a_warning() {
    let wrong = Made::deployment(json!({"matchLabels": {"app": "x"}}), json!({"app": "x", "netpol/mongodb": "true"}));
    let answer = warned(&default_guard(), &wrong, "workload-template");
    let words = answer.warnings.join(" ");
    assert!(
        words.starts_with("the pods of Deployment \"an-object\" would be denied: pod \"an-object…\" has label netpol/mongodb"),
        "{words}"
    );
    assert!(answer.record.is_none());

    let deny = guard(Settings { workloads: Workloads::Deny, ..Settings::default() });
    denied(&deny, &wrong, "workload-template");
    passes(&guard(Settings { workloads: Workloads::Ignore, ..Settings::default() }), &wrong);

    // Labels that `/mutate` adds or removes deny nothing.
    passes(&deny, &Made::deployment(json!({}), json!({"run": "pyos-od"})));
    let strip = guard(Settings { workloads: Workloads::Deny, ungranted_labels: UngrantedLabels::Strip, ..Settings::default() });
    passes(&strip, &wrong);

    // The same problem as before gives a warning, and another one is denied.
    let old = wrong.0["request"]["object"].clone();
    let update = wrong.with("operation", json!("UPDATE")).old(old);
    warned(&deny, &update.clone().set("/request/object/spec/replicas", json!(3)), "workload-template");
    denied(&deny, &update.set("/request/object/spec/template/metadata/labels/netpol~1dns", json!("true")), "workload-template");
    let on_host = Made::deployment(json!({}), json!({"run": "pyos-od"})).set("/request/object/spec/template/spec/hostNetwork", json!(true));
    warned(&default_guard(), &on_host, "workload-template");
}

#[test]
fn a_workload_without_a_template_or_a_selector_is_admitted() {
    passes(&default_guard(), &Made::of("CREATE", "apps", "deployments", "Deployment").object(json!({"metadata": {"name": "x"}})));
    passes(&default_guard(), &Made::deployment(json!(null), json!(null)));
    passes(&default_guard(), &Made::deployment(json!({}), json!({})).subresource("scale"));
}

/// The keys beyond the limit are unknown, and an API server sorts `netpol/` after many others.
#[test]
fn a_selector_with_more_labels_than_are_read_is_denied() {
    let mut labels: serde_json::Map<String, Value> = (0..50_000).map(|number| (format!("a{number}"), json!(""))).collect();
    labels.insert("netpol/mongodb".to_owned(), json!("true"));
    let plain = Made::deployment(json!({"matchLabels": labels}), json!({}));
    let behind = Made::deployment(json!({"a": labels, "b": {}, "matchLabels": {"netpol/mongodb": "true"}}), json!({}));
    let controller = Made::of("CREATE", "", "replicationcontrollers", "X").object(workload(json!(labels), json!({})));
    for made in [plain, behind, controller] {
        let answer = denied(&default_guard(), &made, "not-understood");
        assert!(answer.message.contains("its selector has too many values to check"), "{}", answer.message);
    }
}
