//! Helm writes the webhook configurations except caBundle; the servers write only caBundle.

use serde_json::{Value, json};

use super::{Release, configurations};
use crate::chart::sets::ALONE;
use crate::cluster::harness::api::{Call, Reply};
use crate::cluster::harness::plane::plane;

const NAME: &str = "chart-ownership";
const MANAGER: &str = "netpol-certificates";

/// Writes a caBundle into every webhook as the servers do: with a JSON patch of that field.
fn publish(bundle: &str) {
    for path in configurations("guard-two") {
        let live = plane().api.get(&path).expect("a configuration");
        let operations: Vec<Value> = (0..webhooks(&live).len())
            .map(|index| json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": bundle}))
            .collect();
        let call = Call::patch(format!("{path}?fieldManager={MANAGER}"), "application/json-patch+json", &Value::Array(operations));
        plane().api.call(&call).expect("a bundle");
    }
}

/// Writes a caBundle into every webhook by server-side apply, as other tools could do.
fn apply(bundle: &str) {
    for path in configurations("guard-two") {
        let live = plane().api.get(&path).expect("a configuration");
        let named = |webhook: &Value| json!({"name": webhook["name"], "clientConfig": {"caBundle": bundle}});
        let body = json!({
            "apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": {"name": live["metadata"]["name"]},
            "webhooks": webhooks(&live).iter().map(named).collect::<Vec<_>>(),
        });
        let call = Call::patch(format!("{path}?fieldManager=somebody&force=true"), "application/apply-patch+yaml", &body);
        plane().api.call(&call).expect("a bundle");
    }
}

/// Applies the validating configuration without its last webhook, as a chart of another version could do.
fn without_the_last() -> Reply {
    let path = &configurations("guard-two")[1];
    let live = plane().api.get(path).expect("a configuration");
    let managers = live["metadata"]["managedFields"].as_array().expect("managers");
    assert!(managers.iter().any(|entry| entry["manager"] == "helm" && entry["operation"] == "Apply"), "{managers:?}");
    let mut shorter = webhooks(&live);
    shorter.pop();
    for webhook in &mut shorter {
        webhook["clientConfig"].as_object_mut().expect("a map").remove("caBundle");
    }
    let body = json!({"apiVersion": live["apiVersion"], "kind": live["kind"],
        "metadata": {"name": live["metadata"]["name"], "labels": live["metadata"]["labels"], "annotations": live["metadata"]["annotations"]}, "webhooks": shorter});
    plane().api.call(&Call::patch(format!("{path}?fieldManager=helm&dryRun=All"), "application/apply-patch+yaml", &body))
}

fn webhooks(configuration: &Value) -> Vec<Value> {
    configuration["webhooks"].as_array().expect("webhooks").clone()
}

fn live() -> Vec<Value> {
    configurations("guard-two").iter().flat_map(|path| webhooks(&plane().api.get(path).expect("a configuration"))).collect()
}

/// Checks that every webhook is complete and has the bundle that the servers wrote.
#[track_caller]
fn all_trust(bundle: &str, what: &str) -> usize {
    let webhooks = live();
    for webhook in &webhooks {
        assert_eq!(webhook["clientConfig"]["caBundle"], bundle, "{what}: {}", webhook["name"]);
        assert!(webhook["sideEffects"].is_string() && webhook["clientConfig"]["service"].is_object(), "{what}: {webhook}");
    }
    webhooks.len()
}

#[test]
fn helm_and_the_servers_do_not_change_each_others_fields() {
    let release = Release::new(NAME);
    let values = |more: Value| {
        let mut values = json!({"namespaces": ["chart-ownership-guarded"], "fullnameOverride": "guard-two"});
        values.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        values
    };
    release.install(&values(json!({})), &[]);
    // Any certificate works as a bundle.
    let bundle = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(crate::chart::sets::bundle())
    };
    publish(&bundle);
    let count = all_trust(&bundle, "published");

    // A GitOps tool that applies the same manifests changes nothing, as the README of the chart says.
    let rendered = release.run("template", &values(json!({})), &["--no-hooks"]).expect("helm template");
    let diff = ["diff", "--server-side", "--force-conflicts", "--field-manager=git", "--namespace", NAME, "-f", "-"];
    let compared = plane().kubectl.run(diff, &rendered);
    assert!(compared.ok, "{}{}", compared.stdout, compared.stderr);

    // Other namespaces, another canon (without neighbor namespaces, so one webhook is removed completely), and other flags.
    release.upgrade(&values(json!({"namespaces": ["chart-ownership-guarded", "chart-ownership-more"]})), &[]);
    assert_eq!(all_trust(&bundle, "changed namespaces"), count);
    assert!(
        live().iter().filter(|webhook| webhook["namespaceSelector"]["matchExpressions"][0]["values"][1] == "chart-ownership-more").count()
            > 5
    );
    release.upgrade(&values(json!({"canon": {"documents": {"only.yaml": ALONE}}})), &[]);
    assert_eq!(all_trust(&bundle, "a canon without neighbors"), count);
    release.run("rollback", &Value::Null, &["2"]).expect("helm rollback");
    assert_eq!(all_trust(&bundle, "after the rollback"), count);
    release.upgrade(&values(json!({})), &[]);
    assert_eq!(all_trust(&bundle, "with the first values"), count);

    // From the managed certificate to a provided one: helm takes ownership of the bundle.
    let own = values(json!({"certificates": {"mode": "secret", "secret": {"name": "own-tls", "caBundle": crate::chart::sets::bundle()}}}));
    let refused = release.run("upgrade", &own, &[]);
    assert!(!refused.ok && refused.err.contains("conflict"), "{}", refused.err);
    release.upgrade(&own, &["--force-conflicts"]);
    assert!(live().iter().all(|webhook| webhook["clientConfig"]["caBundle"] != bundle.as_str()));
    // And back: the chart no longer sets the bundle, and the servers do.
    release.upgrade(&values(json!({})), &["--force-conflicts"]);
    publish(&bundle);
    assert_eq!(all_trust(&bundle, "back"), count);

    // A webhook that is left out is removed if the servers wrote its bundle with a JSON patch. Server-side apply of the bundle
    // owns a part of the entry, which then stays behind and is invalid.
    let reply = without_the_last();
    assert!(reply.ok(), "{}", reply.message());
    assert_eq!(webhooks(&reply.body).len() + 3, count, "the mutating webhooks belong to another configuration");
    apply(&bundle);
    let reply = without_the_last();
    assert!(!reply.ok() && reply.message().contains("is invalid"), "{} {}", reply.status, reply.message());

    release.run("uninstall", &Value::Null, &["--wait"]).expect("helm uninstall");
    for path in configurations("guard-two") {
        assert_eq!(plane().api.get(&path).status, 404, "{path}");
    }
}
