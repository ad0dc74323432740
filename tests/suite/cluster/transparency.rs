//! A complete release installs with the guard as it does without.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::harness::act::kubectl;
use super::harness::guard::{ABCDESKTOP, Guard, abcdesktop};
use super::harness::plane::plane;
use super::harness::scene::{capabilities, create, get, list, pod};
use super::harness::wait::until;
use crate::support::shared;

/// The capability labels of the pods of release 4.4, by their identity label.
const EXPECTED: [(&str, &[&str]); 8] = [
    ("console-od", &[]),
    ("memcached-od", &[]),
    ("mongodb-od", &["dns", "mongodb"]),
    ("nginx-od", &[]),
    ("openldap-od", &["dns"]),
    ("pyos-od", &["api", "auth", "cifs", "dns", "graylog", "https", "ldaps", "memcached", "mongodb", "nginx", "router"]),
    ("router-od", &["console", "dns", "nginx", "ocuser", "pyos", "speedtest"]),
    ("speedtest-od", &[]),
];

/// Applies a file and returns the warnings.
#[track_caller]
fn apply(file: &Path, dry: bool) -> Vec<String> {
    let mut args = vec!["apply", "-f", file.to_str().expect("a path"), "--namespace", "abcdesktop"];
    if dry {
        args.push("--dry-run=server");
    }
    let output = plane().kubectl.run(args, "");
    assert!(output.ok, "{}: {}", file.display(), output.stderr);
    output.stderr.lines().map(str::to_owned).collect()
}

#[test]
fn release_4_4_installs_without_warnings() {
    let Some(policies) = shared("upstream/netpol-default-4.4.yaml") else { return };
    let Some(workloads) = shared("upstream/abcdesktop-4.4.yaml") else { return };
    let Some(desktop) = shared("upstream/poduser-3.2.yaml") else { return };

    // The release contains the name of this namespace.
    let _namespace = abcdesktop();
    let guard = Guard::over("release", vec![ABCDESKTOP.to_owned()], "abcdesktop-4.4", &[]);
    let before = [apply(&policies, true), apply(&workloads, true)];
    guard.register();
    let after = [apply(&policies, false), apply(&workloads, false)];
    assert_eq!(after, before, "the guard adds no warning");
    assert_eq!(list("abcdesktop", "networkpolicies").len(), 27);

    let manifest: Value = serde_json::from_str(&fs::read_to_string(desktop).expect("the desktop")).expect("it is JSON");
    let pyos = |act: super::harness::act::Act| act.by("system:serviceaccount:abcdesktop:pyos-serviceaccount", &["system:serviceaccounts"]);
    let result = pyos(kubectl("create -f -").stdin(&manifest)).run("abcdesktop", false);
    assert!(result.ok && result.warnings.is_empty(), "{result:?}");
    let name = manifest["metadata"]["name"].as_str().expect("a name");
    assert_eq!(capabilities(&get("abcdesktop", "pods", name)), ["ocuser"]);
    // pyos does not set the capability label of its application pods.
    create("abcdesktop", &pod("application", &[("type", "pod_application")]));
    assert_eq!(capabilities(&get("abcdesktop", "pods", "application")), ["ocapplication"]);
    create("abcdesktop", &pod("cleaner", &[("name", "abcdesktop-cleaner")]));
    assert_eq!(capabilities(&get("abcdesktop", "pods", "cleaner")), ["dns", "pyos"]);

    let expected: BTreeMap<String, Vec<String>> =
        EXPECTED.iter().map(|(run, labels)| ((*run).to_owned(), labels.iter().map(|label| (*label).to_owned()).collect())).collect();
    until("the pods of every workload", || {
        let pods = list("abcdesktop", "pods");
        let labels: BTreeMap<String, Vec<String>> =
            pods.iter().filter_map(|pod| Some((pod["metadata"]["labels"]["run"].as_str()?.to_owned(), capabilities(pod)))).collect();
        (labels == expected).then_some(())
    });
    // The manifests are applied again, and workloads are changed with common commands.
    assert_eq!([apply(&policies, false), apply(&workloads, false)], before);
    let scaled = kubectl("scale deployment nginx-od --replicas=2").run("abcdesktop", false);
    assert!(scaled.ok && scaled.warnings.is_empty(), "{scaled:?}");
    assert!(guard.audit_lines().iter().all(|line| line["name"] == "probe"), "no request was denied or warned about");
    guard.unregister();
    let server = guard.server.lock().expect("the server");
    let read = |path: &Path| fs::read_to_string(path).expect("a log");
    let records = format!("{}{}{}", read(&server.audit_log), read(&server.process.log), server.metrics());
    for key in ["xauthkey", "pulseaudio_cookie", "broadcast_cookie"] {
        let secret = manifest["metadata"]["labels"][key].as_str().expect("a secret");
        assert!(!records.contains(secret) && !records.contains(key), "{key} is recorded");
    }
}
