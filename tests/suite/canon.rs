//! The built-in canons against the published manifests of release 4.4, if they are available; `docs/canon.md` against the loader.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use netpol::canon::{CAPABILITY_PREFIX, Canon, Canons, Documents, Policies};
use netpol::policy::{Comparison, compare};
use serde_json::{Value, json};

use crate::support::command::{netpol, netpol_reading};
use crate::support::{root, shared};

const NAMESPACE: &str = "abcdesktop";

fn canon(source: &str) -> Canon {
    Canon::load(source, &[NAMESPACE.to_owned()]).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns the names of canonical policies that are missing in `found` or do not mean the same there.
fn drifted<'c>(canonical: &'c Policies, found: &Policies) -> Vec<&'c str> {
    let differs = |(name, policy): &(&String, &netpol::canon::CanonicalPolicy)| {
        found.named(name).is_none_or(|found| compare(&policy.policy, &found.policy) != Comparison::Same)
    };
    canonical.by_name.iter().filter(differs).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn the_published_policies_mean_the_same_as_the_built_in_canon() {
    let Some(path) = shared("upstream/netpol-default-4.4.yaml") else { return };
    let published = canon(path.to_str().unwrap());
    let built_in = canon("abcdesktop-4.4");
    assert_eq!(published.namespaces[NAMESPACE].by_name.len(), 27);
    assert!(drifted(&built_in.namespaces[NAMESPACE], &published.namespaces[NAMESPACE]).is_empty());
    assert!(drifted(&published.namespaces[NAMESPACE], &built_in.namespaces[NAMESPACE]).is_empty());
}

#[test]
fn the_published_policies_drift_from_the_documentation_only_for_desktops() {
    let Some(path) = shared("upstream/netpol-default-4.4.yaml") else { return };
    let published = canon(path.to_str().unwrap());
    let documented = canon("abcdesktop");
    assert_eq!(drifted(&documented.namespaces[NAMESPACE], &published.namespaces[NAMESPACE]), ["ocuser-permits", "ocuser-rights"]);
}

#[test]
fn the_policies_of_older_releases_mean_the_same_as_their_built_in_canons() {
    for (release, policies) in [("3.3", 26), ("4.0", 27)] {
        let Some(path) = shared(&format!("upstream/netpol-default-{release}.yaml")) else { return };
        let published = canon(path.to_str().unwrap());
        let built_in = canon(&format!("abcdesktop-{release}"));
        assert_eq!(built_in.namespaces[NAMESPACE].by_name.len(), policies, "{release}");
        assert_eq!(drifted(&built_in.namespaces[NAMESPACE], &published.namespaces[NAMESPACE]), [] as [&str; 0], "{release}");
        assert_eq!(drifted(&published.namespaces[NAMESPACE], &built_in.namespaces[NAMESPACE]), [] as [&str; 0], "{release}");
    }
}

/// Returns the labels of a pod, or of the pod template of a workload.
fn pod_labels(object: &Value) -> Option<BTreeMap<String, String>> {
    let metadata = match object["kind"].as_str()?.trim() {
        "Pod" => &object["metadata"],
        "Deployment" | "StatefulSet" => &object["spec"]["template"]["metadata"],
        _ => return None,
    };
    serde_json::from_value(metadata["labels"].clone()).ok()
}

fn pods(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    objects.iter().filter_map(pod_labels).collect()
}

#[test]
fn the_published_pods_are_granted_exactly_the_labels_that_they_have() {
    let Some(workloads) = shared("upstream/abcdesktop-4.4.yaml") else { return };
    let Some(desktop) = shared("upstream/poduser-3.2.yaml") else { return };
    for source in netpol::canon::DEFAULT {
        let canon = Canons::load(&[source.to_owned()], &[NAMESPACE.to_owned()]).unwrap();
        let mut identities = Vec::new();
        for labels in pods(&workloads).into_iter().chain(pods(&desktop)) {
            let identity = canon.identify(&labels);
            let granted: BTreeMap<&str, &str> = identity.labels().collect();
            let actual: BTreeMap<&str, &str> = labels
                .iter()
                .filter(|(key, _)| key.starts_with(CAPABILITY_PREFIX))
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect();
            let names: Vec<&str> = identity.grants().map(|grant| grant.name.as_str()).collect();
            assert_eq!(granted, actual, "{names:?}");
            assert!(!identity.is_conflict() && names.len() == 1, "{names:?}");
            identities.extend(names.iter().map(|name| (*name).to_owned()));
        }
        identities.sort_unstable();
        assert_eq!(identities, ["console", "desktop", "memcached", "mongodb", "nginx", "openldap", "pyos", "router", "speedtest"]);
    }
}

/// Canons with an unknown field in every place, each with the heading of the place in `docs/canon.md`.
fn misspelled() -> Vec<(&'static str, Value)> {
    let policy = |pointer: &str, value: Value| {
        let mut policy =
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p"}, "spec": {"podSelector": {}}});
        *policy.pointer_mut(pointer).unwrap() = value;
        policy
    };
    let spec = |spec: Value| policy("/spec", spec);
    let from = |peer: Value| spec(json!({"podSelector": {}, "ingress": [{"from": [peer]}]}));
    let grants = |key: &str, value: Value| {
        let mut set = json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "g"}, "grants": []});
        set[key] = value;
        set
    };
    vec![
        ("List", json!({"apiVersion": "v1", "kind": "List", "zzz": 1})),
        ("NetworkPolicy", {
            let mut policy = spec(json!({}));
            policy["zzz"] = json!(1);
            policy
        }),
        ("NetworkPolicy: metadata", policy("/metadata", json!({"name": "p", "zzz": 1}))),
        ("NetworkPolicy: metadata.ownerReferences", policy("/metadata", json!({"name": "p", "ownerReferences": [{"zzz": 1}]}))),
        ("NetworkPolicy: spec", spec(json!({"zzz": 1}))),
        ("NetworkPolicy: spec.ingress", spec(json!({"ingress": [{"zzz": 1}]}))),
        ("NetworkPolicy: spec.egress", spec(json!({"egress": [{"zzz": 1}]}))),
        ("NetworkPolicy: a peer", from(json!({"zzz": 1}))),
        ("NetworkPolicy: an ipBlock", from(json!({"ipBlock": {"zzz": 1}}))),
        ("NetworkPolicy: a port", spec(json!({"ingress": [{"ports": [{"zzz": 1}]}]}))),
        ("A selector", spec(json!({"podSelector": {"zzz": 1}}))),
        ("A selector: matchExpressions", spec(json!({"podSelector": {"matchExpressions": [{"zzz": 1}]}}))),
        ("Grants", grants("zzz", json!(1))),
        ("Grants: metadata", grants("metadata", json!({"name": "g", "zzz": 1}))),
        ("Grants: a grant", grants("grants", json!([{"zzz": 1}]))),
        ("Grants: claims", grants("grants", json!([{"name": "a", "podSelector": {}, "labels": {}, "claims": {"zzz": 1}}]))),
    ]
}

/// The loader says which fields it knows.
#[test]
fn every_field_that_the_loader_knows_is_documented_and_no_other() {
    let text = fs::read_to_string(root().join("docs/canon.md")).unwrap();
    for (heading, object) in misspelled() {
        let error = Canons::from_documents(&[Documents::from_text("canon.yaml", &object.to_string())], &[NAMESPACE.to_owned()])
            .unwrap_err()
            .to_string();
        let known = error
            .split("the known fields are ")
            .nth(1)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_else(|| panic!("{heading}: {error}"));
        let known: BTreeSet<&str> = known.split(", ").collect();
        let (_, section) = text.split_once(&format!("\n### {heading}\n")).unwrap_or_else(|| panic!("{heading} has no section"));
        let section = section.split("\n#").next().unwrap();
        let documented: BTreeSet<&str> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(documented, known, "{heading}");
    }
    // A place that is added to the loader must be added above: every list of known fields in the source is used.
    let places = ["src/canon", "src/policy"].iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let sources = places.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let calls: usize = sources.map(|path| fs::read_to_string(path).unwrap().matches("faults.map(").count()).sum();
    assert_eq!(calls, misspelled().len() - 1, "ingress and egress rules are one place in the source");
}

/// Makes the canon of the example in docs/canon.md, with its commands.
fn example(release: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let canon = folder.path().join("canon");
    fs::create_dir(&canon).unwrap();
    fs::write(canon.join("abcdesktop.yaml"), netpol(&["render", "canon", release]).out).unwrap();
    fs::copy(root().join("docs/examples/canon-with-one-service/translate.yaml"), canon.join("translate.yaml")).unwrap();
    folder
}

#[test]
fn the_example_adds_one_service_and_breaks_nothing() {
    let folder = example("abcdesktop-4.4");
    let canon = folder.path().join("canon").to_str().unwrap().to_owned();
    let ran = netpol(&["canon", "diff", "--output", "json", "abcdesktop-4.4", &canon]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let names =
        |list: &str| found[list].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names("policies"), ["translate-permits", "translate-rights"]);
    assert_eq!(names("grants"), ["translate", "translate-clients"]);
    assert!(
        found["policies"]
            .as_array()
            .unwrap()
            .iter()
            .all(|policy| policy["change"] == "added" && policy["opens"].is_object() && policy["breaks"].is_null()),
        "{found}"
    );
    assert!(found["grants"].as_array().unwrap().iter().all(|grant| grant["change"] == "added" && grant["loses"] == json!([])), "{found}");
    assert_eq!(found["isolation"], json!([]));

    let pods = root().join("docs/examples/canon-with-one-service/pods.yaml").to_str().unwrap().to_owned();
    let ran = netpol(&["review", "--canon", &canon, &pods]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let lines: Vec<&str> = ran.out.lines().map(str::trim).collect();
    assert!(lines[0].starts_with("allowed     Pod \"translate\"") && lines[1] == "/mutate adds netpol/dns=true", "{}", ran.out);
    assert!(
        lines[2].starts_with("allowed     Pod \"desktop\"") && lines[3] == "/mutate adds netpol/ocuser=true, netpol/translate=true",
        "{}",
        ran.out
    );
    assert!(lines[4].starts_with("denied      Pod \"batch\"") && lines[5].starts_with("ungranted-label: "), "{}", ran.out);
}

/// An upgrade of a release, with and without a canon of one's own.
#[test]
fn the_canons_of_two_releases_can_be_accepted_together() {
    let (old, new) = (example("abcdesktop-4.0"), example("abcdesktop-4.4"));
    let path = |folder: &tempfile::TempDir| folder.path().join("canon").to_str().unwrap().to_owned();
    let pods = root().join("docs/examples/canon-with-one-service/pods.yaml").to_str().unwrap().to_owned();
    for canons in
        [["abcdesktop-4.4".to_owned(), "abcdesktop-4.0".to_owned()], [path(&new), path(&old)], [path(&new), "abcdesktop-4.0".to_owned()]]
    {
        let ran = netpol(&["review", "--canon", &canons[0], "--canon", &canons[1], &pods]);
        assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{canons:?}");
        // Each release passes unchanged.
        for canon in &canons {
            let policies = netpol(&["render", "policies", "--canon", canon]).out;
            let ran = netpol_reading(&["check", "--partial", "--canon", &canons[0], "--canon", &canons[1], "-"], policies.as_bytes());
            assert_eq!(ran.code, 0, "{}", ran.out);
        }
    }
}

#[test]
fn a_canon_without_grants_is_accepted_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let canon = folder.path().join("canon.yaml").to_str().unwrap().to_owned();
    fs::write(&canon, netpol(&["render", "policies"]).out).unwrap();
    let expected = format!("netpol: warning: the canon \"{canon}\" has no Grants, so no pod is granted a label under netpol/: ");
    for command in [&["check", "-"][..], &["review", "-"], &["render", "policies"], &["render", "registration"], &["render", "install"]] {
        let ran = netpol_reading(&[command, &["--canon", &canon]].concat(), fs::read(&canon).unwrap().as_slice());
        assert_eq!(ran.code, 0, "{command:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.starts_with(&expected) && ran.err.lines().count() == 1, "{command:?}: {}", ran.err);
        // Other canons grant the labels, so nothing is missing.
        let ran = netpol_reading(&[command, &["--canon", &canon, "--canon", "abcdesktop"]].concat(), fs::read(&canon).unwrap().as_slice());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{command:?}");
    }
}
