//! The folder in which examples run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use netpol::admission;
use netpol::audit::{Destination, Entry, Level, Options, Sink};
use netpol::canon::Canons;
use netpol::verdict::{Guard, Settings, Stage};
use tempfile::TempDir;

use crate::support::command::command;
use crate::support::root;

/// Folders of the system, which an example sees in its own folder.
const SYSTEM: [(&str, &str); 5] = [("/etc/", "etc/"), ("/var/", "var/"), ("/tls/", "tls/"), ("/tmp/", "tmp/"), ("~/", "home/")];

/// Returns a command with folders of the system replaced by those of its own folder.
pub(super) fn inside(text: &str) -> String {
    let mut text = text.to_owned();
    for (system, own) in SYSTEM {
        for before in [" ", "=", "\"", "'", "@"] {
            text = text.replace(&format!("{before}{system}"), &format!("{before}{own}"));
        }
    }
    text
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: directory, labels: {run: openldap-od}}\nspec: {containers: []}\n";

/// Returns a folder with the files that examples name.
pub(super) fn prepared() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for system in
        ["etc/bash_completion.d", "etc/netpol", "var/log/netpol", "tmp", "home/.config/fish/completions", "canon", "docs", "tls", "new"]
    {
        fs::create_dir_all(path.join(system)).unwrap();
    }
    for linked in ["tests", "certs", "charts", "docs/examples"] {
        symlink(root().join(linked), path.join(linked)).unwrap();
    }
    let print = |args: &[&str]| {
        let output = command(args).current_dir(path).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let review = fs::read(root().join("tests/reviews/pod-create-replicaset.mutate.json")).unwrap();
    let canon = print(&["render", "canon", "abcdesktop-4.4"]);
    for dir in [".", "tls", "new"] {
        print(&["certs", "issue", "--dir", dir, "--tls-name", "guard.example"]);
    }
    for (name, content) in [
        ("pod.yaml", POD.as_bytes().to_vec()),
        ("static-pod.yaml", POD.as_bytes().to_vec()),
        ("review.json", review),
        ("canon.yaml", canon.clone()),
        ("canon/abcdesktop.yaml", canon),
        ("canon/translate.yaml", fs::read(root().join("docs/examples/canon-with-one-service/translate.yaml")).unwrap()),
        ("netpol.yaml", print(&["render", "policies"])),
        ("changed.yaml", print(&["render", "policies", "--only", "memcached-permits"])),
        ("new-ca.crt", fs::read(path.join("new/ca.crt")).unwrap()),
        ("apiserver-audit.log", br#"{"kind":"Event","annotations":{"a.netpol/uid":"7bc96592"}}"#.to_vec()),
    ] {
        fs::write(path.join(name), content).unwrap();
    }
    write_logs(path);
    folder
}

/// Writes audit logs: a file, its copies, and what a collector makes of it.
fn write_logs(path: &Path) {
    let log = path.join("audit.log");
    let settings = Settings::default();
    let canons = Canons::load(&["abcdesktop".to_owned()], &settings.namespaces).unwrap();
    let guard = Guard::new(canons.into(), settings.into());
    let sink = Sink::open(Options::new(Destination::File(log.clone()), [9; 8])).unwrap();
    for case in ["pod-create-ungranted", "netpol-update-drift"] {
        let body = fs::read(root().join(format!("tests/reviews/{case}.validate.json"))).unwrap();
        let record = admission::answer(&guard, Stage::Validate, &body, Level::All).record.unwrap();
        let time = "2026-11-22T16:16:10Z".parse().unwrap();
        sink.offer(Entry { time, record, latency: Duration::from_micros(38), client_verified: true });
    }
    assert!(sink.close(Duration::from_secs(20)));
    let text = fs::read_to_string(&log).unwrap();
    for copy in ["var/log/netpol/audit.log", "POD.log", "netpol.log", "netpol-20261122T1705.log"] {
        fs::write(path.join(copy), &text).unwrap();
    }
    let collected: Vec<String> = text.lines().map(|line| serde_json::json!({"log": line, "stream": "stdout"}).to_string()).collect();
    fs::write(path.join("collected.json"), collected.join("\n") + "\n").unwrap();
}

/// Copies a prepared folder.
pub(super) fn copy(template: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_into(template, folder.path());
    folder
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else if kind.is_dir() {
            fs::create_dir(&to).unwrap();
            copy_into(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}
