//! `netpol render policies` and `netpol completions`.

use std::io::Read as _;
use std::process::{Command, Stdio};

use netpol::canon::Canon;
use netpol::canon::documents::Documents;
use serde_json::Value;

use crate::support::command::{command, netpol};

#[test]
fn one_policy_is_yaml_that_kubectl_takes() {
    let ran = netpol(&["render", "policies", "--only", "memcached-permits"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r#"
    ---
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata:
      name: memcached-permits
      namespace: abcdesktop
    spec:
      egress:
      - ports:
        - port: 11211
          protocol: TCP
        to:
        - podSelector:
            matchLabels:
              run: memcached-od
      podSelector:
        matchLabels:
          netpol/memcached: "true"
      policyTypes:
      - Egress
    "#);
}

#[test]
fn what_is_rendered_is_a_canon_again() {
    for canon in netpol::canon::BUILT_IN {
        let ran = netpol(&["render", "policies", "--canon", canon, "--namespace", "desktops"]);
        assert_eq!(ran.code, 0);
        let namespaces = ["desktops".to_owned()];
        let again = Canon::from_documents(&Documents::from_text("rendered", &ran.out), &namespaces).unwrap();
        let before = Canon::load(canon, &namespaces).unwrap();
        let manifests = |canon: &Canon| -> Vec<Value> {
            canon.policies("desktops").unwrap().by_name.values().map(|policy| policy.manifest.clone()).collect()
        };
        assert_eq!(manifests(&again), manifests(&before));
    }
}

#[test]
fn json_is_a_list_for_every_namespace() {
    let ran = netpol(&["render", "policies", "-n", "a,b", "--only", "memcached-permits", "memcached-rights", "--output", "json"]);
    let list: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((list["apiVersion"].as_str(), list["kind"].as_str()), (Some("v1"), Some("List")));
    let names: Vec<String> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| format!("{}/{}", item["metadata"]["namespace"].as_str().unwrap(), item["metadata"]["name"].as_str().unwrap()))
        .collect();
    assert_eq!(names, ["a/memcached-permits", "a/memcached-rights", "b/memcached-permits", "b/memcached-rights"]);
}

#[test]
fn a_name_that_the_canon_lacks_is_wrong_usage_and_the_nearest_are_named() {
    let ran = netpol(&["render", "policies", "--only", "memcached-permit"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "netpol: the canon \"abcdesktop\" has no policy \"memcached-permit\"; the nearest names are memcached-permits, memcached-rights\n"
    );
}

#[test]
fn a_canon_that_cannot_be_used_is_named_with_its_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canon.yaml");
    std::fs::write(&path, "kind: [\n").unwrap();
    let ran = netpol(&["render", "policies", "--canon", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("canon.yaml, document 1"), "{}", ran.err);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = command(&["render", "policies"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 4];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((&first, output.status.code(), output.stderr.as_slice()), (b"---\n", Some(0), b"".as_slice()));
}

#[test]
fn a_full_disk_is_an_error_of_ours() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(&["render", "policies"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write the output"));
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = netpol(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        assert!(ran.out.contains("netpol") && ran.out.contains("review"), "{shell}");
    }
}

#[test]
fn as_a_plugin_of_kubectl_it_says_what_people_type() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("kubectl-netpol");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_netpol"), &plugin).unwrap();
    let output = Command::new(&plugin).args(["render", "policies", "--help"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("Usage: kubectl netpol render policies [OPTIONS]"), "{help}");
}

#[test]
fn every_command_shows_an_example() {
    fn walk(path: &[String], command: &clap::Command, bare: &mut Vec<String>) {
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            let path = [path, &[below.get_name().to_owned()]].concat();
            let help = below.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            if !below.has_subcommands() && !help.contains("Example") {
                bare.push(path.join(" "));
            }
            walk(&path, below, bare);
        }
    }
    let mut bare = Vec::new();
    walk(&[], &netpol::cli::definition(), &mut bare);
    assert_eq!(bare, [] as [String; 0]);
}
