//! Runs `netpol check` on the cluster of the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::super::harness::netpol::NETPOL;
use super::super::harness::plane::plane;

/// The result of a check.
#[derive(Debug)]
pub(in crate::cluster) struct Checked {
    pub(in crate::cluster) code: Option<i32>,
    pub(in crate::cluster) out: String,
    pub(in crate::cluster) err: String,
}

impl Checked {
    /// Parses the JSON output.
    #[track_caller]
    pub(in crate::cluster) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

/// Returns the kubeconfig of a user who may do everything.
pub(super) fn admin() -> PathBuf {
    plane().reaper.folder().join("admin.json")
}

/// Runs a check of a namespace.
pub(super) fn check_as(kubeconfig: &Path, namespace: &str, more: &[&str]) -> Checked {
    let output = Command::new(NETPOL)
        .args(["check", "--namespace", namespace])
        .args(more)
        .env_clear()
        .env("KUBECONFIG", kubeconfig)
        .output()
        .expect("netpol starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Checked { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub(in crate::cluster) fn check(namespace: &str, more: &[&str]) -> Checked {
    check_as(&admin(), namespace, more)
}

/// Returns a section of a report.
#[track_caller]
pub(super) fn section<'r>(report: &'r Value, name: &str) -> &'r Value {
    let sections = report["sections"].as_array().expect("sections");
    sections.iter().find(|section| section["name"] == name).unwrap_or_else(|| panic!("no section {name} in {report}"))
}

/// Returns the ids and names of the findings of a report that are more than notes.
pub(in crate::cluster) fn ids(report: &Value) -> Vec<(String, String)> {
    let sections = report["sections"].as_array().into_iter().flatten();
    let findings = sections.flat_map(|section| section["findings"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings.filter(|finding| finding["severity"] != "note").map(|finding| (text(&finding["id"]), text(&finding["name"]))).collect()
}
