//! `netpol render policies`, `netpol completions`, and the examples of every command.

use std::io::Read as _;
use std::process::{Command, Stdio};

use netpol::canon::Canon;
use netpol::canon::documents::Documents;
use serde_json::{Value, json};

use crate::support::canons;
use crate::support::command::{command, netpol};

#[test]
fn one_policy_is_yaml_for_kubectl() {
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
fn rendered_policies_are_an_equal_canon() {
    for canon in canons() {
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
fn a_rendered_canon_is_an_equal_canon() {
    let namespaces = ["desktops".to_owned()];
    for name in canons() {
        let ran = netpol(&["render", "canon", name]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.contains("# Isolates every pod"), "comments are kept");
        let again = Canon::from_documents(&Documents::from_text("canon.yaml", &ran.out), &namespaces).unwrap();
        let before = Canon::load(name, &namespaces).unwrap();
        let policies = |canon: &Canon| -> Vec<Value> {
            canon.policies("desktops").unwrap().by_name.values().map(|policy| policy.manifest.clone()).collect()
        };
        assert_eq!(policies(&again), policies(&before));
        let grants = |canon: &Canon| canon.grants.iter().map(|grant| format!("{grant:?}")).collect::<Vec<_>>();
        assert_eq!(grants(&again), grants(&before));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("canon.yaml"), &ran.out).unwrap();
        assert_eq!(netpol(&["render", "canon", folder.path().to_str().unwrap()]).out, ran.out);
    }
    assert_eq!(netpol(&["render", "canon"]).out, netpol(&["render", "canon", "abcdesktop"]).out);
    assert_eq!(netpol(&["render", "canon", "no-such-canon"]).code, 2);
}

#[test]
fn a_canon_is_printed_with_one_direction_per_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.yaml");
    for name in netpol::canon::BUILT_IN {
        let ran = netpol(&["render", "canon", name, "--split-directions"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        std::fs::write(&path, &ran.out).unwrap();
        let split = Canon::load(path.to_str().unwrap(), &["desktops".to_owned()]).unwrap();
        let policies = &split.policies("desktops").unwrap().by_name;
        let types = |name: &str| policies[name].manifest["spec"]["policyTypes"].clone();
        assert_eq!((types("ocuser-rights"), types("ocuser-rights-egress")), (json!(["Ingress"]), json!(["Egress"])));
        // Split once more, it stays as it is.
        assert_eq!(netpol(&["render", "canon", path.to_str().unwrap(), "--split-directions"]).out, ran.out);
        // Who reaches whom does not change.
        let reach = |canon: &str| netpol(&["reach", "--canon", canon, "--output", "csv"]);
        assert_eq!((reach(name).code, reach(path.to_str().unwrap()).out), (0, reach(name).out));
    }
    std::fs::write(&path, "kind: Pod").unwrap();
    assert_eq!(netpol(&["render", "canon", path.to_str().unwrap(), "--split-directions"]).code, 2);
}

#[test]
fn json_is_a_list_of_the_policies_of_every_namespace() {
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
fn an_unknown_name_is_a_usage_error_that_suggests_similar_names() {
    let ran = netpol(&["render", "policies", "--only", "memcached-permit"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "netpol: the canon \"abcdesktop\" has no policy \"memcached-permit\"; similar names: memcached-permits, memcached-rights\n"
    );
}

#[test]
fn an_error_in_the_canon_names_the_file_and_document() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canon.yaml");
    std::fs::write(&path, "kind: [\n").unwrap();
    let ran = netpol(&["render", "policies", "--canon", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("canon.yaml, document 1"), "{}", ran.err);
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let mut child = command(&["render", "policies"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 4];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((&first, output.status.code(), output.stderr.as_slice()), (b"---\n", Some(0), b"".as_slice()));
}

#[test]
fn a_full_disk_is_exit_code_3() {
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
fn as_a_plugin_of_kubectl_the_help_shows_what_users_type() {
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

/// Returns the `netpol` commands in the examples of a help text, each as its words.
fn examples(help: &str) -> Vec<Vec<String>> {
    let text = help.split("Examples:\n").nth(1).unwrap_or_default().replace("\\\n", " ");
    let commands = text.lines().flat_map(|line| line.split('|')).filter_map(|command| command.split(" >").next()).map(str::trim);
    let words = |command: &str| command.split_whitespace().map(str::to_owned).collect();
    commands.filter(|command| command.starts_with("netpol ")).map(words).collect()
}

#[test]
fn every_example_parses() {
    fn walk(command: &clap::Command, found: &mut usize) {
        let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        for example in examples(&help) {
            *found += 1;
            let parsed = netpol::cli::definition().try_get_matches_from(&example);
            assert!(parsed.is_ok(), "{}: {}", example.join(" "), parsed.unwrap_err());
        }
        command.get_subcommands().for_each(|below| walk(below, found));
    }
    let mut found = 0;
    walk(&netpol::cli::definition(), &mut found);
    assert!(found >= 25, "{found} examples");
}
