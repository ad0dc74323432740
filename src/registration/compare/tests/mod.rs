mod sentences;

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};

use super::{Kind, Weakness, weaknesses};
use crate::canon::Canons;
use crate::registration::{Endpoint, Registration, Send};
use crate::verdict::Settings;
use crate::verdict::settings::Action;

/// Accepted canons, compiled once.
static CANONS: LazyLock<Vec<Canons>> = LazyLock::new(|| {
    let load = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Canons::load(&names, &["desktops".to_owned()]).unwrap()
    };
    vec![load(&["abcdesktop", "abcdesktop-4.4"]), load(&["abcdesktop-3.3"])]
});

/// Everything that a registration depends on.
#[derive(Debug, Clone)]
struct Given {
    canons: usize,
    settings: Settings,
    endpoint: Endpoint,
    send: Send,
}

impl Given {
    fn expected(&self) -> Registration<'_> {
        Registration {
            canons: &CANONS[self.canons],
            settings: &self.settings,
            send: self.send,
            name: "guard",
            endpoint: &self.endpoint,
            authorities: None,
        }
    }

    fn compare(&self, found: &[Option<Value>; 2]) -> Vec<Weakness> {
        weaknesses(&self.expected(), [found[0].as_ref(), found[1].as_ref()])
    }
}

fn some(list: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    subsequence(list, 1..=list.len()).prop_map(|items| items.into_iter().map(str::to_owned).collect())
}

fn given() -> impl Strategy<Value = Given> {
    let action = || select(vec![Action::Warn, Action::Deny, Action::Allow]);
    let endpoint = select(vec![Endpoint::service("netpol/guard:8443").unwrap(), Endpoint::url("https://guard.example/x").unwrap()]);
    (
        0..CANONS.len(),
        some(&["desktops", "two", "three"]),
        (action(), action(), action()),
        (some(&["cilium", "o\"brien"]), some(&["example.org/a", "example.org/b"]), some(&["controller", "other"])),
        endpoint,
    )
        .prop_map(
            |(canons, namespaces, (neighbors, foreign_policies, network_annotations), (writers, keys, controllers), endpoint)| Given {
                canons,
                settings: Settings {
                    namespaces,
                    neighbors,
                    foreign_policies,
                    network_annotations,
                    plugin_writers: writers,
                    network_annotation_keys: keys,
                    namespace_controllers: controllers,
                    foreign_kinds: vec!["example.org/flows".parse().unwrap()],
                    ..Settings::default()
                },
                endpoint,
                send: Send::Needed,
            },
        )
}

/// Returns the manifests as the API server returns them: with its defaults and metadata.
fn stored(registration: &Registration<'_>) -> [Option<Value>; 2] {
    registration.manifests().map(|mut manifest| {
        let metadata = manifest["metadata"].as_object_mut().unwrap();
        metadata.insert("uid".to_owned(), json!("0c1f6ef8-4a6e-4c0d-9c58-1f1c3f8d7f55"));
        metadata.insert("generation".to_owned(), json!(3));
        let is_mutating = manifest["kind"] == "MutatingWebhookConfiguration";
        for webhook in manifest["webhooks"].as_array_mut().unwrap() {
            webhook["objectSelector"] = json!({});
            webhook["clientConfig"]["caBundle"] = json!("LS0t");
            if is_mutating && webhook.get("reinvocationPolicy").is_none() {
                webhook["reinvocationPolicy"] = json!("Never");
            }
        }
        Some(manifest)
    })
}

fn webhooks(found: &mut [Option<Value>; 2]) -> Vec<&mut Value> {
    found.iter_mut().flatten().flat_map(|manifest| manifest["webhooks"].as_array_mut().unwrap()).collect()
}

/// A change that lets less be sent, of a webhook that an index chooses from those that it applies to.
#[derive(Debug, Clone, Copy)]
struct Mutation {
    kind: Kind,
    name: &'static str,
    change: fn(&mut Value) -> bool,
}

fn remove(list: &mut Value) -> bool {
    let Some(list) = list.as_array_mut() else { return false };
    let last = list.pop();
    last.is_some()
}

fn condition(webhook: &mut Value, change: impl Fn(&str) -> String) -> bool {
    let Some(condition) = webhook.get_mut("matchConditions").and_then(|list| list.get_mut(0)) else { return false };
    let text = condition["expression"].as_str().unwrap().to_owned();
    condition["expression"] = Value::from(change(&text));
    condition["expression"] != text.as_str()
}

const MUTATIONS: [Mutation; 28] = [
    Mutation { kind: Kind::Ignore, name: "ignore", change: |w| std::mem::replace(&mut w["failurePolicy"], json!("Ignore")) == "Fail" },
    Mutation {
        kind: Kind::Timeout,
        name: "timeout",
        change: |w| {
            w["timeoutSeconds"] = json!(1);
            w["failurePolicy"] == "Ignore"
        },
    },
    Mutation {
        kind: Kind::Weakened,
        name: "exact",
        change: |w| {
            w["matchPolicy"] = json!("Exact");
            true
        },
    },
    Mutation {
        kind: Kind::Weakened,
        name: "beta",
        change: |w| {
            w["admissionReviewVersions"] = json!(["v1beta1", "v1"]);
            true
        },
    },
    Mutation { kind: Kind::Weakened, name: "no rule", change: |w| remove(&mut w["rules"]) },
    Mutation { kind: Kind::Weakened, name: "no resource", change: |w| remove(&mut w["rules"][0]["resources"]) },
    Mutation { kind: Kind::Weakened, name: "no operation", change: |w| remove(&mut w["rules"][0]["operations"]) },
    Mutation {
        kind: Kind::Weakened,
        name: "another group",
        change: |w| {
            w["rules"][0]["apiGroups"] = json!(["example.net"]);
            true
        },
    },
    Mutation {
        kind: Kind::Weakened,
        name: "a version",
        change: |w| {
            w["rules"][0]["apiVersions"] = json!(["v1"]);
            true
        },
    },
    Mutation {
        kind: Kind::Weakened,
        name: "narrow scope",
        change: |w| {
            let scope = if w["rules"][0]["scope"] == "Cluster" { "Namespaced" } else { "Cluster" };
            w["rules"][0]["scope"] = json!(scope);
            true
        },
    },
    Mutation {
        kind: Kind::Weakened,
        name: "only subresources",
        change: |w| {
            w["rules"] =
                json!([{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/status", "pods/*"], "operations": ["*"], "scope": "*"}]);
            true
        },
    },
    Mutation {
        kind: Kind::Weakened,
        name: "no subresources",
        change: |w| {
            let had = w["rules"].to_string().contains('/');
            w["rules"] = json!([{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]}]);
            had && w["rules"][0]["resources"] == json!(["*"]) && w["name"].as_str().unwrap().contains("pod-updates.validate")
        },
    },
    Mutation {
        kind: Kind::Weakened,
        name: "object labels",
        change: |w| {
            w["objectSelector"] = json!({"matchLabels": {"a": "b"}});
            true
        },
    },
    Mutation {
        kind: Kind::Weakened,
        name: "object expression",
        change: |w| {
            w["objectSelector"] = json!({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]});
            true
        },
    },
    Mutation {
        kind: Kind::Uncovered,
        name: "fewer namespaces",
        change: |w| {
            let names = &mut w["namespaceSelector"]["matchExpressions"][0];
            if names["operator"] == "NotIn" {
                names["values"].as_array_mut().unwrap().push(json!("neighbor"));
                true
            } else {
                remove(&mut names["values"])
            }
        },
    },
    Mutation {
        kind: Kind::Uncovered,
        name: "namespace labels",
        change: |w| {
            w["namespaceSelector"]["matchLabels"] = json!({"guarded": "true"});
            true
        },
    },
    Mutation {
        kind: Kind::Uncovered,
        name: "namespace name as a label",
        change: |w| {
            w["namespaceSelector"]["matchLabels"] = json!({"kubernetes.io/metadata.name": "other"});
            true
        },
    },
    Mutation {
        kind: Kind::Uncovered,
        name: "a namespace expression",
        change: |w| {
            let more = json!({"key": "unguarded", "operator": "DoesNotExist"});
            w["namespaceSelector"]["matchExpressions"].as_array_mut().unwrap().push(more);
            true
        },
    },
    Mutation {
        kind: Kind::Uncovered,
        name: "no name",
        change: |w| {
            w["namespaceSelector"] = json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "DoesNotExist"}]});
            true
        },
    },
    Mutation {
        kind: Kind::Weakened,
        name: "a false condition",
        change: |w| {
            let more = json!({"name": "off", "expression": "false"});
            match w.get_mut("matchConditions") {
                Some(list) => list.as_array_mut().unwrap().push(more),
                None => w["matchConditions"] = json!([more]),
            }
            true
        },
    },
    Mutation { kind: Kind::Disagrees, name: "an edited condition", change: |w| condition(w, |text| format!("({text}) && false")) },
    Mutation {
        kind: Kind::Disagrees,
        name: "one more user",
        change: |w| {
            condition(w, |text| text.replacen("!(request.userInfo.username in [", "!(request.userInfo.username in [\"thief\", ", 1))
        },
    },
    Mutation {
        kind: Kind::Disagrees,
        name: "one key fewer",
        change: |w| condition(w, |text| text.replacen("\"k8s.v1.cni.cncf.io/networks\", ", "", 1)),
    },
    Mutation {
        kind: Kind::Disagrees,
        name: "a neighbor fewer",
        change: |w| condition(w, |text| text.replacen("value in [\"kube-monitor\"]", "value in []", 2)),
    },
    Mutation {
        kind: Kind::Endpoint,
        name: "another server",
        change: |w| {
            if w["clientConfig"].get("url").is_some() {
                w["clientConfig"]["url"] = json!("https://thief.example/validate");
            } else {
                w["clientConfig"]["service"]["name"] = json!("thief");
            }
            true
        },
    },
    Mutation {
        kind: Kind::Endpoint,
        name: "another stage",
        change: |w| {
            let text = w["clientConfig"].to_string();
            let (from, to) = if text.contains("/validate") { ("/validate", "/mutate") } else { ("/mutate", "/validate") };
            w["clientConfig"] = serde_json::from_str(&text.replace(from, to)).unwrap();
            true
        },
    },
    Mutation {
        kind: Kind::Reinvocation,
        name: "never again",
        change: |w| std::mem::replace(&mut w["reinvocationPolicy"], json!("Never")) == "IfNeeded",
    },
    Mutation {
        kind: Kind::Missing,
        name: "another name",
        change: |w| {
            w["name"] = json!("x.example.org");
            true
        },
    },
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_the_api_server_stores_is_not_weaker(given in given()) {
        let found = stored(&given.expected());
        prop_assert_eq!(given.compare(&found), []);
        // A registration that sends all pods is stricter, and the other way round it is not.
        let all = Given { send: Send::All, ..given.clone() };
        prop_assert_eq!(given.compare(&stored(&all.expected())), []);
        let weaker = all.compare(&found);
        prop_assert!(weaker.len() == 2 && weaker.iter().all(|weakness| weakness.kind == Kind::Disagrees), "{:?}", weaker);
    }

    #[test]
    fn every_single_mutation_is_found(given in given(), which in any::<Index>()) {
        for mutation in MUTATIONS {
            let clean = stored(&given.expected());
            let count = webhooks(&mut clean.clone()).len();
            let applies = |index: usize| {
                let mut changed = clean.clone();
                let applies = (mutation.change)(webhooks(&mut changed)[index]);
                (applies && changed != clean).then_some((index, changed))
            };
            let all: Vec<_> = (0..count).filter_map(applies).collect();
            prop_assert!(!all.is_empty() || mutation.kind == Kind::Ignore || mutation.name == "a neighbor fewer", "{} changes nothing", mutation.name);
            if all.is_empty() { continue }
            let (index, changed) = which.get(&all);
            let weaknesses = given.compare(changed);
            prop_assert_eq!(weaknesses.len(), 1, "{} of webhook {}: {:?}", mutation.name, index, weaknesses);
            prop_assert_eq!(weaknesses[0].kind, mutation.kind, "{}: {}", mutation.name, weaknesses[0].sentence);
            prop_assert!(Kind::STATES.contains(&weaknesses[0].kind.state()));
        }
    }

    #[test]
    fn other_spellings_and_stricter_registrations_are_not_weaker(given in given(), which in any::<Index>()) {
        let mut found = stored(&given.expected());
        let mut all = webhooks(&mut found);
        let webhook = all.swap_remove(which.index(all.len()));
        let changes: [fn(&mut Value); 12] = [
            |w| w["failurePolicy"] = json!("Fail"),
            |w| w["timeoutSeconds"] = json!(30),
            |w| drop(w.as_object_mut().unwrap().remove("matchConditions")),
            |w| drop(w.as_object_mut().unwrap().remove("matchPolicy")),
            |w| drop(w.as_object_mut().unwrap().remove("namespaceSelector")),
            |w| w["namespaceSelector"] = json!({}),
            |w| w["objectSelector"] = json!({"matchLabels": {}, "matchExpressions": null}),
            |w| w["namespaceSelector"] = json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]}),
            |w| w["rules"] = json!([{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"], "operations": ["*"]}]),
            |w| w["rules"].as_array_mut().unwrap().reverse(),
            |w| w["admissionReviewVersions"] = json!(["v1", "v1beta1"]),
            |w| w["matchConditions"] = json!([{"name": "on", "expression": "true"}]),
        ];
        let change = changes[which.index(changes.len())];
        change(webhook);
        prop_assert_eq!(given.compare(&found), []);
    }
}
