//! The files of the chart that are made from the program: `NETPOL_BLESS=1 cargo test chart` writes them anew.

use std::path::Path;

use netpol::canon::{BUILT_IN, Canon};
use netpol::documents::reading;
use serde_json::{Map, Value, json};

use crate::support::command::netpol;
use crate::support::helm::{chart, objects, only, template};
use crate::support::root;

/// Compares a file with what it should be, or writes it.
#[track_caller]
pub(super) fn compare(path: &Path, expected: &str) {
    if std::env::var_os("NETPOL_BLESS").is_some() {
        std::fs::write(path, expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{} is old: NETPOL_BLESS=1 cargo test chart, and look at what changed", path.display());
}

const HEAD: &str = "# Made from the program: NETPOL_BLESS=1 cargo test chart writes it anew.\n";

/// The keys that the built-in canons read.
#[test]
fn the_chart_knows_the_keys_of_the_canons_that_are_built_in() {
    let keys = |name: &&str| {
        let canon = Canon::load(name, &["any".to_owned()]).unwrap();
        let keys =
            json!({"identityKeys": canon.identity_keys().collect::<Vec<_>>(), "neighborKeys": canon.neighbor_keys().collect::<Vec<_>>()});
        ((*name).to_owned(), keys)
    };
    let all: Map<String, Value> = BUILT_IN.iter().map(keys).collect();
    compare(&chart().join("files/canons.yaml"), &format!("{HEAD}{}", reading::write(&Value::Object(all)).unwrap()));
}

/// The webhooks, with names in the places of what the values say.
#[test]
fn the_chart_has_the_webhooks_of_the_program() {
    let canon = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "reads"},
        "spec": {"podSelector": {"matchLabels": {"identity-keys": "x"}},
            "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"neighbor-keys": "x"}}}]}]},
    });
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), canon.to_string()).unwrap();
    let ran = netpol(&[
        "render",
        "registration",
        "--output",
        "json",
        "--canon",
        file.path().to_str().unwrap(),
        "--namespace",
        "namespaces",
        "--namespace-controller",
        "namespace-controllers",
        "--service",
        "namespace/service:443",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut list: Value = serde_json::from_str(&ran.out).unwrap();
    let webhooks = json!({"mutating": list["items"][0]["webhooks"].take(), "validating": list["items"][1]["webhooks"].take()});
    let head = "# templates/_webhooks.tpl writes the values into the places of the words identity-keys, neighbor-keys,\n\
        # namespace-controllers, namespaces and of the service.\n";
    compare(&chart().join("files/webhooks.yaml"), &format!("{HEAD}{head}{}", reading::write(&webhooks).unwrap()));
}

/// What the chart installs with its defaults, in the order in which it is applied: a registration comes last.
fn installed() -> Vec<Value> {
    let rendered = template(&json!({}), &["--no-hooks"]).expect("the defaults");
    let mut manifests = objects(&rendered);
    for manifest in &mut manifests {
        without_helm(manifest);
    }
    let rank = |manifest: &Value| match manifest["kind"].as_str().unwrap() {
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => 2,
        "Deployment" => 1,
        _ => 0,
    };
    manifests.sort_by_key(rank);
    let labels = only(&manifests, "Deployment")["metadata"]["labels"].clone();
    // What --create-namespace makes, and what the pods are able to live in.
    let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "netpol-system", "labels": labels}});
    namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = Value::from("restricted");
    manifests.insert(0, namespace);
    manifests
}

/// Takes away what only Helm has a use for.
fn without_helm(value: &mut Value) {
    if let Some(labels) = value.as_object_mut() {
        labels.retain(|key, _| key != "helm.sh/chart" && key != "app.kubernetes.io/managed-by" && key != "app.kubernetes.io/instance");
        labels.values_mut().for_each(without_helm);
    }
}

#[test]
fn render_install_has_what_the_chart_installs() {
    let mut text = HEAD.to_owned();
    for manifest in installed() {
        text.push_str("---\n");
        text.push_str(&reading::write(&manifest).unwrap());
    }
    compare(&root().join("src/cli/render/install.yaml"), &text);
}

#[test]
fn render_install_prints_what_the_chart_installs() {
    let ran = netpol(&["render", "install", "--output", "json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let list: Value = serde_json::from_str(&ran.out).unwrap();
    let (found, expected) = (list["items"].as_array().unwrap(), installed());
    assert_eq!(found.len(), expected.len());
    for (found, mut expected) in found.iter().zip(expected) {
        let mut found = found.clone();
        // The order of flags says nothing.
        for manifest in [&mut found, &mut expected] {
            if let Some(args) = manifest.pointer_mut("/spec/template/spec/containers/0/args").and_then(Value::as_array_mut) {
                args.sort_by_key(Value::to_string);
            }
        }
        assert_eq!(found, expected);
    }
}
