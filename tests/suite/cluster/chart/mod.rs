//! The chart, installed with the real helm on the real control plane.

mod admission_policies;
mod canon;
mod controller;
mod dry_run;
mod first_install;
mod helm_test;
mod lifecycle;
mod ownership;
mod rights;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::harness::cert_manager;
use super::harness::guard::create_namespace;
use super::harness::plane::plane;
use super::harness::wait::until;
use crate::support::helm::{Ran, chart, helm};

/// The home folder of helm, with a post-renderer for [`Release::outside`].
static HOME: LazyLock<PathBuf> = LazyLock::new(|| {
    let home = plane().reaper.folder().join("helm");
    let plugin = home.join(".local/share/helm/plugins/outside");
    fs::create_dir_all(&plugin).expect("a folder");
    let script = "s/^  type: ClusterIP/  type: ExternalName\\n  externalName: localhost/";
    let description = json!({
        "apiVersion": "v1", "type": "postrenderer/v1", "name": "outside", "version": "0.1.0", "runtime": "subprocess",
        "runtimeConfig": {"platformCommand": [{"command": "/bin/sed", "args": [script]}]},
    });
    fs::write(plugin.join("plugin.yaml"), description.to_string()).expect("a plugin");
    home
});

/// Returns the home folder of helm, with the post-renderer `outside`.
pub(super) fn helm_home() -> &'static Path {
    &HOME
}

/// A release in a namespace of the same name.
struct Release {
    name: &'static str,
    /// Whether the servers run on this machine and the Service is an `ExternalName` for it.
    outside: bool,
}

impl Release {
    /// Creates a release whose servers do not run.
    fn new(name: &'static str) -> Release {
        create_namespace(name);
        Release { name, outside: false }
    }

    /// Creates a release whose servers run on this machine.
    fn outside(name: &'static str) -> Release {
        create_namespace(name);
        Release { name, outside: true }
    }

    /// Runs a helm command with values.
    fn run(&self, command: &str, values: &Value, more: &[&str]) -> Ran {
        let chart = chart().display().to_string();
        let mut args = vec![command, self.name];
        if matches!(command, "install" | "upgrade" | "template") {
            args.extend([chart.as_str(), "--values", "-"]);
            if self.outside {
                args.extend(["--post-renderer", "outside"]);
            }
        }
        args.extend(["--namespace", self.name]);
        args.extend(more);
        helm(&args, &values.to_string(), &HOME, Some(&plane().reaper.folder().join("admin.json")))
    }

    /// Runs a helm command that reads a release.
    fn run_in_namespace(&self, args: &[&str]) -> Ran {
        let args = [args, &["--namespace", self.name]].concat();
        helm(&args, "", &HOME, Some(&plane().reaper.folder().join("admin.json")))
    }

    #[track_caller]
    fn install(&self, values: &Value, more: &[&str]) {
        self.run("install", values, more).expect("helm install");
    }

    #[track_caller]
    fn upgrade(&self, values: &Value, more: &[&str]) {
        self.run("upgrade", values, more).expect("helm upgrade");
    }
}

/// Defines the kinds of other operators that the chart can create objects of.
fn define_foreign_kinds() {
    static MONITORING: LazyLock<()> = LazyLock::new(|| {
        define("ServiceMonitor", "servicemonitors");
        define("PrometheusRule", "prometheusrules");
    });
    *MONITORING;
    cert_manager::install();
}

/// Defines a kind of the Prometheus operator that accepts any spec.
fn define(kind: &str, plural: &str) {
    let spec = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let schema = json!({"type": "object", "required": ["spec"], "properties": {"spec": spec}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.monitoring.coreos.com")},
        "spec": {
            "group": "monitoring.coreos.com", "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    plane().api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).expect("a kind");
    until("the kind is served", || plane().api.get(&format!("/apis/monitoring.coreos.com/v1/{plural}")).ok().then_some(()));
}

/// Returns the paths of both webhook configurations of a name.
fn configurations(name: &str) -> [String; 2] {
    ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]
        .map(|resource| format!("/apis/admissionregistration.k8s.io/v1/{resource}/{name}"))
}
