//! The built-in canons against the published manifests of release 4.4, if they are available.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use netpol::canon::{CAPABILITY_PREFIX, Canon, Canons, Policies};
use netpol::policy::{Comparison, compare};
use serde_json::Value;

use crate::support::shared;

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
